// The map: what the visitor does with it, what it asks the data routes, and what it tells Python.
// A click is answered from the routes at once; Python hears of it when the visitor has come to rest.

const TELL_AFTER_MS = 400;
const SPEAK_AFTER_MS = 600;
const REACH = { mouse: 12, touch: 24 }; // pixels between a pointer and the point that it means
const CLICK_SLACK = 6;
const TRAIL_LENGTH = 20;
const MOST_CORNERS = 64; // of a lasso: as many as Python puts into a link
const NO_CODE = 255;
const NEIGHBORS = 24;

class NetworkMap {
  constructor(root) {
    this.part = Object.fromEntries(
      ["colors", "legend", "stage", "points", "marks", "lasso", "hover", "message", "counts", "conditions", "panel", "spoken", "tally", "fold", "charts", "gallery"]
        .map((name) => [name, root.querySelector(`.${name}`)]),
    );
    this.pictures = new Pictures();
    this.album = new Album();
    this.samples = new Map();
    this.pending = {};
    this.unheard = [];
    this.serial = 0;
    this.trail = [];
    this.drawn = { names: [], pictures: [] };
    this.isStill = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.listen(root);
  }

  // What Python says while it has not heard our last news is out of date: it must not pull the visitor back. Once it
  // has heard all, it is right, whatever it says: a link was opened, or the back button pressed.
  update({ data, setStateValue }) {
    this.tellPython = (news) => setStateValue("told", news);
    const before = this.data ?? {};
    this.data = data;
    const explorer = this.part.stage.closest(".explorer");
    if (data.presented) explorer.dataset.presented = data.presented;
    else delete explorer.dataset.presented;
    const lookedLike = this.theme?.background;
    this.theme = readTheme(this.part.stage);
    if (before.version !== data.version || before.base !== data.base) return this.open();
    this.unheard = this.unheard.filter(({ serial }) => serial > data.heard);
    this.catchUp();
    this.drawStatus();
    if (this.legend && this.theme.background !== lookedLike) {
      this.drawLegend();
      this.paint();
    }
    return undefined;
  }

  // A brush in the hand is news that Python will be told.
  catchUp() {
    const isInHand = [...this.charts.values()].some(({ hand }) => hand);
    if (!isInHand && !this.unheard.length && !Object.keys(this.pending).length) this.follow(this.data);
  }

  follow({ sample, color, filter, place }) {
    this.visit(place);
    if (sample !== this.selected) this.go(sample, { tell: false });
    if (color !== this.color) this.recolor(color);
    if (filter !== this.filter) this.refilter();
  }

  tell(news) {
    Object.assign(this.pending, news);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), TELL_AFTER_MS);
  }

  flush() {
    clearTimeout(this.timer);
    if (!Object.keys(this.pending).length) return;
    // Streamlit may skip a state that a newer one overtakes: news are sent again until Python says that it heard them.
    this.serial = Math.max(this.serial + 1, this.data.heard + 1, Date.now());
    this.unheard = [...this.unheard, { serial: this.serial, ...this.pending }];
    this.tellPython(this.unheard);
    this.pending = {};
  }

  async ask(path, query = "") {
    const answer = await fetch(`${this.data.base}/${path}?v=${this.data.version}${query}`);
    if (answer.ok) return answer;
    const { error } = await answer.json().catch(() => ({ error: `The app answered ${answer.status}. Reload the page.` }));
    throw new Error(error);
  }

  async open() {
    const { data, part } = this;
    this.samples.clear();
    this.pictures.reset(data);
    this.album.reset(data.base);
    this.trail = [];
    this.unheard = [];
    this.filter = "";
    // Also marks this opening: what was asked before it and comes after it is of another study.
    const cross = (this.cross = new CrossFilter(data.n));
    this.version = null;
    this.visited = undefined;
    this.charts = new Map();
    this.order = null;
    part.colors.replaceChildren(
      ...data.colors.map(({ column, title }) => element("option", { value: column }, title)),
    );
    part.marks.setAttribute(
      "aria-label",
      `Map of ${data.n.toLocaleString("en")} samples. Arrow keys walk to the next sample, plus and minus zoom, 0 shows all, Escape clears.`,
    );
    this.drawStatus();
    this.go(data.sample, { tell: false });
    const colored = this.recolor(data.color);
    this.layer ??= this.prepareLayer(); // while the server answers: a graphics card takes its time to compile
    await colored;
    if (cross === this.cross && this.data.filter) await this.refilter();
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    if (cross !== this.cross) return;
    this.layer.gl?.finish(); // the mark below must not be earlier than what the eye sees
    performance.mark("map-painted");
    part.stage.dataset.painted = data.version;
    // Only now: nothing beside the map may keep a visitor waiting for it.
    await this.openCharts();
    if (cross === this.cross) await this.buildGallery();
  }

  prepareLayer() {
    const layer = new PointLayer(this.part.points);
    if (!layer.gl) {
      this.say("This map needs WebGL2, which this browser has switched off. The panel and all other pages work without it.");
    }
    return layer;
  }

  async recolor(column) {
    const { cross } = this;
    this.color = column;
    this.part.colors.value = column;
    try {
      const [points, legend] = await Promise.all([
        this.ask(`${this.version === this.data.version ? "codes" : "points"}/${encodeURIComponent(column)}`).then((answer) => answer.arrayBuffer()),
        this.ask(`legend/${encodeURIComponent(column)}`).then((answer) => answer.json()),
      ]);
      if (cross === this.cross && this.color === column) this.take(points, legend);
    } catch (trouble) {
      this.say(trouble.message);
    }
  }

  take(points, legend) {
    const { n } = this.data;
    const isNew = points.byteLength > n;
    this.legend = legend;
    this.codes = new Uint8Array(points, isNew ? 8 * n : 0, n);
    if (isNew) {
      this.version = this.data.version;
      const before = this.places;
      this.places = new Float32Array(points, 0, 2 * n);
      for (let place = 0; place < 2 * n; place++) if (!Number.isFinite(this.places[place])) this.places[place] = 1e9;
      // Only a column has come to these samples, such as a saved selection: the visitor stays where the eyes are.
      const isSameMap = before?.length === 2 * n && before.every((value, place) => value === this.places[place]);
      this.lit = this.cross.lit;
      this.litCount = this.cross.total;
      this.resize();
      if (!isSameMap || this.isWhole) this.fit(false);
      this.visit(this.data.place, false);
    }
    if (this.layer.gl) {
      if (isNew) this.layer.fill("place", this.places);
      if (isNew) this.layer.fill("lit", this.lit);
      this.layer.fill("code", this.codes);
      this.say("");
    }
    this.drawLegend();
    this.drawCharts();
    this.offerSorts();
    this.paint();
  }

  // Conditions on columns that are loaded are brushes, counted here; Python tells the rows that pass all others.
  async refilter() {
    const { cross } = this;
    const { n, filter, conditions } = this.data;
    this.filter = filter;
    const rest = this.saysNoChart(conditions).map(({ text }) => text).join(";");
    try {
      let passes = null;
      if (rest) {
        const bits = new Uint8Array(await (await this.ask("rows", `&filter=${encodeURIComponent(rest)}`)).arrayBuffer());
        if (cross !== this.cross || filter !== this.filter) return undefined;
        passes = new Uint8Array(n);
        for (let row = 0; row < n; row++) passes[row] = (bits[row >> 3] >> (row & 7)) & 1;
      }
      return this.takeConditions(conditions, passes);
    } catch (trouble) {
      return this.say(trouble.message);
    }
  }

  // Show everywhere which samples are selected; at most once for each frame that is drawn.
  light() {
    this.litCount = this.cross.total;
    this.drawCount();
    this.speakCount();
    this.lighting ||= requestAnimationFrame(() => {
      this.lighting = 0;
      if (this.layer.gl && this.lit) {
        this.layer.fill("lit", this.lit);
        this.say("");
      }
      this.markLegend();
      this.drawCharts();
      this.drawGallery({ samePage: false });
      this.paint();
    });
  }

  describe(row) {
    if (!this.samples.has(row)) {
      const asked = this.ask(`sample/${row}`, `&k=${NEIGHBORS}`).then((answer) => answer.json());
      asked.catch(() => this.samples.delete(row));
      this.samples.set(row, asked);
      if (this.samples.size > 500) this.samples.delete(this.samples.keys().next().value);
    }
    return this.samples.get(row);
  }

  async go(row, { tell = true, back = false } = {}) {
    this.selected = row;
    this.sample = null;
    if (back) this.trail.length = this.trail.lastIndexOf(row) + 1;
    else if (this.trail.at(-1) !== row) this.trail = [...this.trail, row].slice(-TRAIL_LENGTH);
    if (tell) this.tell({ sample: row });
    this.paint(false);
    try {
      const sample = await this.describe(row);
      if (row !== this.selected) return;
      this.sample = sample;
      this.showSample(row, sample);
      this.bringIntoSight(row);
      this.paint(false);
    } catch (trouble) {
      if (row === this.selected) this.part.panel.replaceChildren(element("p", { role: "alert" }, trouble.message));
    }
  }

  showSample(row, sample) {
    const { panel, spoken } = this.part;
    const hadFocus = panel.contains(panel.getRootNode().activeElement);
    const guide = `guide?study=${encodeURIComponent(this.data.study)}&sample=${row}`;
    drawPanel(panel, sample, this.pictures, { trail: this.trail, guide, go: (...next) => this.go(...next), pick: this.album.control(row) });
    // The button that was pressed is gone; whoever came by keyboard stays in the panel.
    if (hadFocus) panel.focus({ preventScroll: true });
    panel.scrollTop = 0;
    panel.dataset.row = row;
    spoken.textContent = `Sample ${row}, ${sample.label || sample.prediction}`;
  }

  // Escape takes back one thing after another: the lasso in hand, the legend's choice, the filter, the trail.
  clear() {
    if (this.line) this.line = null;
    else if (this.data.filter || this.litCount < this.data.n) this.unfilter(null);
    else {
      this.trail = [];
      this.go(this.selected, { tell: false });
    }
    this.paint();
  }
}
