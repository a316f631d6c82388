// The rows to go through, and what stands about each: what the app has told, and over it what is on its way there.

const CODES = ["", "keep", "relabel", "drop", "unsure", "conflict"];

class Queue {
  constructor(n) {
    this.rows = new Uint32Array();
    this.places = new Int32Array(n).fill(-1); // of each row in the queue, -1 for none
    this.codes = new Uint8Array(n); // of each row, a place in CODES
    this.told = new Map(); // row -> verdicts that the app has told
    this.pending = new Map(); // row -> the last job about it that the app has not acknowledged
    this.tally = new Uint32Array(CODES.length);
  }

  load(rows) {
    for (const row of this.rows) this.places[row] = -1;
    this.rows = rows;
    this.tally.fill(0);
    for (let place = 0; place < rows.length; place++) {
      this.places[rows[place]] = place;
      this.tally[this.codes[rows[place]]] += 1;
    }
  }

  get reviewed() {
    return this.rows.length - this.tally[0];
  }

  isDecided(row) {
    return this.codes[row] > 0;
  }

  hear(row, verdicts) {
    if (verdicts.length) this.told.set(row, verdicts);
    else this.told.delete(row);
    this.count(row);
  }

  // What people stand at, the latest last; isPending marks what is not known to be on the disk.
  verdicts(row) {
    const told = this.told.get(row) ?? [];
    const job = this.pending.get(row);
    if (!job) return told;
    const mine = job.verdictOn(row);
    const others = told.filter(({ who }) => who !== job.body.who);
    return mine ? [...others, { ...mine, isPending: true }] : others;
  }

  mine(row, who) {
    return this.verdicts(row).findLast((one) => one.who === who) ?? null;
  }

  expect(job) {
    for (const row of job.rows) {
      this.pending.set(row, job);
      this.count(row);
    }
  }

  settle(job) {
    for (const row of job.rows) {
      if (this.pending.get(row) !== job) continue;
      const settled = this.verdicts(row).map(({ isPending, ...verdict }) => verdict);
      this.pending.delete(row);
      this.hear(row, settled);
    }
  }

  // A job that will never be sent: an earlier one about the same row may still be on its way.
  forget(job, others) {
    for (const row of job.rows) {
      if (this.pending.get(row) !== job) continue;
      const earlier = others.findLast(({ rows }) => rows.includes(row));
      if (earlier) this.pending.set(row, earlier);
      else this.pending.delete(row);
      this.count(row);
    }
  }

  count(row) {
    const before = this.codes[row];
    const now = this.codeOf(this.verdicts(row));
    this.codes[row] = now;
    if (this.places[row] < 0) return;
    this.tally[before] -= 1;
    this.tally[now] += 1;
  }

  codeOf(verdicts) {
    if (!verdicts.length) return 0;
    if (new Set(verdicts.map(verdictKey)).size > 1) return CODES.indexOf("conflict");
    return CODES.indexOf(verdicts[0].decision);
  }

  // The first undecided place from here on, then from the beginning; null when all are decided.
  nextUndecided(from) {
    const { rows, codes } = this;
    for (let step = 0; step < rows.length; step++) {
      const place = (from + step) % rows.length;
      if (!codes[rows[place]]) return place;
    }
    return null;
  }

  undecidedAfter(place, count) {
    const found = [];
    for (let next = place + 1; next < this.rows.length && found.length < count; next++) {
      if (!this.codes[this.rows[next]]) found.push(this.rows[next]);
    }
    return found;
  }

  undecided() {
    return [...this.rows.filter((row) => !this.codes[row])];
  }
}

// Two who share this agree.
function verdictKey({ decision, new_label: label }) {
  return `${decision} ${JSON.stringify(label ?? null)}`;
}
