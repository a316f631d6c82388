// The desk: a queue of samples with doubtful labels, one in hand. A key is answered from what was fetched before it was
// pressed; what was decided goes to the disk behind the visitor's back, and Python hears of filters alone.

const AHEAD = 12; // cards fetched before they are needed
const MOST_CARDS = 400;
const NARROW = 820; // as in the style sheet
const TURN_WIDTH = 52;

class Desk {
  constructor(root) {
    this.root = root;
    this.part = Object.fromEntries(
      ["progress", "track", "gain", "sending", "name", "help", "news", "alerts", "fold", "scopes", "reasons", "pairs", "sheet"]
        .concat(["choices", "conditions", "all", "sample", "verbs", "near", "strip", "spoken", "box", "bench", "desk"])
        .map((name) => [name, root.querySelector(`.${name}`)]),
    );
    this.pictures = new Pictures();
    this.who = nameOfThisBrowser();
    this.does = {
      keep: () => this.decide("keep"),
      take: () => this.take(),
      drop: () => this.decide("drop"),
      unsure: () => this.decide("unsure"),
      relabel: () => this.askLabel(""),
      note: () => this.askNote(),
      undo: () => this.undo(),
      digit: (one) => this.decide("relabel", one),
    };
    this.listen();
  }

  update({ data, setTriggerValue }) {
    this.tellPython = setTriggerValue;
    const before = this.data ?? {};
    this.data = data;
    if (this.outbox) this.outbox.base = data.base;
    if (before.version !== data.version || before.study !== data.study) return this.open();
    // The app was started again: its addresses are new, and what could not be saved may be tried once more.
    if (before.base !== data.base) this.outbox.retry();
    this.drawConditions();
    if (before.filter !== data.filter) return this.reload();
    if (before.sample !== data.sample) this.lookAt(data.sample);
    return undefined;
  }

  async open() {
    const { data } = this;
    this.isOpen = false;
    this.outbox = outboxOf(`${data.study} ${data.version}`);
    this.outbox.base = data.base;
    this.outbox.hear = { settled: (...one) => this.settled(...one), changed: () => this.drawState() };
    this.queue = new Queue(data.n);
    this.cards = new Map();
    this.history = [];
    this.note = "";
    this.version = 0;
    this.pictures.reset(data);
    this.shape = { scope: "doubted", reasons: [], ...JSON.parse(sessionStorage.getItem(this.shapeKey) ?? "{}") };
    try {
      this.setup = await this.ask("setup").then((answer) => answer.json());
      const known = new Set(this.setup.reasons.map(({ key }) => key));
      this.shape.reasons = this.shape.reasons.filter((key) => known.has(key));
      this.outbox.jobs.forEach((job) => this.queue.expect(job));
      await Promise.all([this.poll(), this.load()]);
      if (data.filter !== this.data.filter) await this.load();
    } catch (trouble) {
      return this.fail(trouble);
    }
    this.isOpen = true;
    this.drawConditions();
    this.drawFilters();
    this.resume();
    return undefined;
  }

  get shapeKey() {
    return `desk ${this.data.study}`;
  }

  // Samples that were named one by one are all meant, doubted or not.
  get scope() {
    return /(^|;)rows=/.test(this.data.filter) ? "all" : this.shape.scope;
  }

  get isAllowed() {
    return this.setup?.decisions_allowed === true && !this.data.presented;
  }

  async ask(path, query = {}) {
    const asked = new URLSearchParams({ v: this.data.version, ...query });
    const answer = await fetch(`${this.data.base}/desk/${path}?${asked}`).catch(() => {
      throw new Error("The app did not answer. Is it still running?");
    });
    if (answer.ok) return answer;
    const { error } = await answer.json().catch(() => ({ error: `The app answered ${answer.status}. Reload the page.` }));
    throw new Error(error);
  }

  fail(trouble) {
    this.alerted = null;
    this.part.progress.textContent = "The queue could not be loaded.";
    this.part.alerts.replaceChildren(
      element("p", {}, trouble.message, " ", element("button", { onclick: () => this.open() }, "Try again")),
    );
  }

  async load() {
    const { filter } = this.data;
    const { reasons } = this.shape;
    const asked = (this.asked = {});
    const answer = await this.ask("queue", { filter, scope: this.scope, reasons: reasons.join(",") });
    const rows = new Uint32Array(await answer.arrayBuffer());
    if (asked === this.asked) this.queue.load(rows);
  }

  // Another filter: the sample in hand stays if it is among the new ones and still undecided.
  async reload() {
    if (!this.isOpen) return undefined; // open() will see it
    this.drawFilters();
    try {
      await this.load();
    } catch (trouble) {
      return this.fail(trouble);
    }
    const place = this.row === undefined || this.queue.isDecided(this.row) ? -1 : this.queue.places[this.row];
    return place >= 0 ? this.goTo(place) : this.resume();
  }

  choose(shape) {
    Object.assign(this.shape, shape);
    sessionStorage.setItem(this.shapeKey, JSON.stringify(this.shape));
    this.reload();
  }

  card(row) {
    if (!this.cards.has(row)) {
      const kept = { row };
      kept.coming = this.ask(`card/${row}`)
        .then((answer) => answer.json())
        .then((card) => {
          kept.card = card;
          if (this.pictures.layout) [row, ...card.neighbors.map((one) => one.row)].forEach((one) => this.pictures.find(one));
          return card;
        });
      kept.coming.catch(() => this.cards.delete(row));
      this.cards.set(row, kept);
      if (this.cards.size > MOST_CARDS) this.cards.delete(this.cards.keys().next().value);
    }
    return this.cards.get(row);
  }

  // Where the visitor, or whoever was here before, left: at the first one that nobody has decided about.
  resume() {
    const place = this.queue.nextUndecided(0);
    return place === null ? this.hold(undefined) : this.goTo(place);
  }

  goTo(place) {
    this.place = Math.min(Math.max(place, 0), Math.max(this.queue.rows.length - 1, 0));
    return this.hold(this.queue.rows[this.place]);
  }

  // A sample of the queue in its place, any other beside it.
  lookAt(row) {
    if (!this.isOpen || row === undefined || row === null) return;
    if (this.queue.places[row] >= 0) this.goTo(this.queue.places[row]);
    else this.hold(row);
  }

  async hold(row) {
    this.row = row;
    this.shown = null;
    if (row === undefined) return this.draw();
    const kept = this.card(row);
    if (!kept.card) {
      this.drawWaiting();
      try {
        await kept.coming;
      } catch (trouble) {
        if (row === this.row) this.drawMissing(row, trouble);
        return undefined;
      }
      if (row !== this.row) return undefined;
    }
    this.shown = kept.card;
    this.draw();
    this.fetchAhead();
    return undefined;
  }

  fetchAhead() {
    for (const row of this.queue.undecidedAfter(this.place, AHEAD)) this.card(row);
    for (const step of [-1, 1]) {
      const row = this.queue.rows[this.place + step];
      if (row !== undefined) this.card(row);
    }
  }
}
