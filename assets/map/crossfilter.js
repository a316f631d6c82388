// Which samples are selected, and how they spread over each column: counted anew as fast as a hand can drag.
// A column counts the samples that pass all conditions but its own. Bit 0 of a sample stands for what no column says.

const REST = 1;

class CrossFilter {
  constructor(n) {
    this.n = n;
    this.fails = new Uint32Array(n); // a bit for each condition that the sample fails
    this.lit = new Uint8Array(n).fill(1);
    this.total = n;
    this.columns = new Map();
  }

  // `values` are the numbers or codes, `bins` [n] the place of each in `count` bars; a place of `count` or more is none.
  add(name, values, bins, count) {
    const taken = [...this.columns.values()].reduce((bits, one) => bits | one.bit, REST);
    const bit = [...Array(32).keys()].map((place) => (1 << place) >>> 0).find((one) => !((taken >>> 0) & one));
    if (bit === undefined) return false;
    const column = { values, bins, bit, counts: new Uint32Array(Math.max(count, 256) + 1), all: new Uint32Array(Math.max(count, 256) + 1) };
    this.columns.set(name, column);
    const { fails } = this;
    for (let row = 0; row < this.n; row++) {
      column.all[bins[row]]++;
      if (fails[row] === 0) column.counts[bins[row]]++;
    }
    return true;
  }

  remove(name) {
    this.set(name, null);
    this.columns.delete(name);
  }

  // A condition on a column: [low, high], both included, or a Set of codes; null lets all pass.
  set(name, condition) {
    const column = this.columns.get(name);
    column.condition = condition;
    const { values } = column;
    const passes = this.scratch();
    if (condition === null) passes.fill(1);
    else if (condition instanceof Set) {
      const wanted = new Uint8Array(256);
      for (const code of condition) wanted[code] = 1;
      for (let row = 0; row < this.n; row++) passes[row] = wanted[values[row]];
    } else {
      const [low, high] = condition;
      for (let row = 0; row < this.n; row++) passes[row] = values[row] >= low && values[row] <= high ? 1 : 0;
    }
    this.apply(column.bit, passes);
  }

  // What no column says, such as a lasso: [n] bytes, 1 for the samples that pass; null lets all pass.
  setRest(passes) {
    this.apply(REST, passes ?? this.scratch().fill(1));
  }

  scratch() {
    this.passes ??= new Uint8Array(this.n);
    return this.passes;
  }

  // Only samples whose answer to this condition changed are counted anew.
  apply(bit, passes) {
    const { fails, lit, n } = this;
    const others = [...this.columns.values()].filter((one) => one.bit !== bit);
    const tallies = others.map(({ counts }) => counts);
    const places = others.map(({ bins }) => bins);
    const bits = others.map((one) => one.bit);
    const keep = ~bit >>> 0;
    for (let row = 0; row < n; row++) {
      const before = fails[row];
      const failed = (before & bit) !== 0 ? 1 : 0;
      if (failed !== passes[row]) continue; // passed and passes, or failed and fails
      const rest = (before & keep) >>> 0;
      const step = failed ? 1 : -1;
      fails[row] = failed ? rest : (before | bit) >>> 0;
      if (rest === 0) {
        lit[row] = failed;
        this.total += step;
        for (let one = 0; one < tallies.length; one++) tallies[one][places[one][row]] += step;
      } else if ((rest & (rest - 1)) === 0) {
        // One other condition alone is failed: that column, which does not count its own, sees the change.
        const one = bits.indexOf(rest);
        if (one >= 0) tallies[one][places[one][row]] += step;
      }
    }
  }

  // The selected rows in some order, `count` of them after the first `skip`.
  rowsIn(order, skip, count) {
    const found = [];
    for (let place = 0; place < this.n && found.length < count; place++) {
      const row = order ? order[place] : place;
      if (this.lit[row] && skip-- <= 0) found.push(row);
    }
    return found;
  }
}

// [n] the bin of each number, as edges say; one beyond the last bin for what is not finite. The last edge is included.
function binned(values, edges) {
  const count = edges.length - 1;
  const bins = new Uint8Array(values.length);
  const inner = edges.slice(1, -1);
  for (let row = 0; row < values.length; row++) {
    const value = values[row];
    if (!Number.isFinite(value)) {
      bins[row] = count;
      continue;
    }
    let low = 0;
    let high = inner.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (inner[middle] <= value) low = middle + 1;
      else high = middle;
    }
    bins[row] = low;
  }
  return bins;
}
