// Small histograms beside the map. A range brushed in one, or categories pressed, narrow map, gallery and all the
// others while the hand still moves; Python hears of it when the hand has come to rest.

const CHART_HEIGHT = 46;
const MOST_ROWS_SHOWN = 10; // of a column of categories, before all are asked for
const IN_FULL = "#2868ef"; // stands out on both themes
const MOST_CHARTS = 12;

Object.assign(NetworkMap.prototype, {
  // Called once the map is painted: nothing here may keep a visitor waiting for it.
  async openCharts() {
    this.buildCharts();
    const offered = new Set(this.data.charts.columns.map(({ column }) => column));
    const kept = keptHere(`columns-${this.data.study}`) ?? this.data.charts.first;
    const version = this.data.version;
    for (const column of kept.filter((name) => offered.has(name)).slice(0, MOST_CHARTS)) {
      await this.addChart(column);
      if (version !== this.data.version) return;
    }
    this.part.charts.dataset.ready = version;
  },

  buildCharts() {
    const { charts, fold } = this.part;
    const more = element("select", { class: "more-charts", "aria-label": "Add a chart of another column" });
    more.addEventListener("change", () => this.addChart(more.value).then(() => this.rememberCharts()));
    const hint = element("p", { class: "hint" }, "Drag over a chart, or press a value, to select. Several narrow each other.");
    charts.replaceChildren(element("div", { class: "chart-list" }), more, hint);
    const isOpen = keptHere("charts-open") ?? !window.matchMedia("(max-width: 820px)").matches;
    this.foldCharts(!isOpen);
    fold.onclick = () => {
      const wasOpen = fold.getAttribute("aria-expanded") === "true";
      keepHere("charts-open", !wasOpen);
      this.foldCharts(wasOpen);
    };
    this.offerCharts();
  },

  foldCharts(isFolded) {
    this.part.fold.setAttribute("aria-expanded", String(!isFolded));
    this.part.charts.hidden = isFolded;
    this.drawCharts();
  },

  offerCharts() {
    const left = this.data.charts.columns.filter(({ column }) => !this.charts.has(column));
    const more = this.part.charts.querySelector(".more-charts");
    const options = left.map(({ column, title }) => element("option", { value: column }, title));
    more.replaceChildren(element("option", { value: "", selected: true, disabled: true }, "Add a column…"), ...options);
    more.hidden = !left.length || this.charts.size >= MOST_CHARTS;
  },

  rememberCharts() {
    keepHere(`columns-${this.data.study}`, [...this.charts].filter(([, one]) => one.node).map(([name]) => name));
  },

  // The values of a column, ready to be counted and brushed; drawn only by addChart.
  async loadColumn(column) {
    const known = this.charts.get(column);
    if (known) return known;
    const path = encodeURIComponent(column);
    const { cross } = this;
    const [about, content] = await Promise.all([
      this.ask(`chart/${path}`).then((answer) => answer.json()),
      this.ask(`values/${path}`).then((answer) => answer.arrayBuffer()),
    ]);
    if (cross !== this.cross || this.charts.has(column)) return this.charts.get(column);
    const isNumber = about.kind === "number";
    const values = isNumber ? new (about.bytes === 8 ? Float64Array : Float32Array)(content) : new Uint8Array(content);
    const count = isNumber ? about.edges.length - 1 : 255;
    const chart = { column, about, isNumber, count, told: null };
    if (!cross.add(column, values, isNumber ? binned(values, about.edges) : values, count)) return undefined;
    this.charts.set(column, chart);
    if (this.data.conditions.some((one) => one.column === column)) await this.refilter();
    return chart;
  },

  async addChart(column) {
    try {
      const chart = await this.loadColumn(column);
      if (!chart || chart.node) return;
      chart.node = chart.isNumber ? this.numberChart(chart) : this.categoryChart(chart);
      this.part.charts.querySelector(".chart-list").append(chart.node);
      this.offerCharts();
      this.drawChart(chart);
    } catch (trouble) {
      this.say(trouble.message);
    }
  },

  dropChart(chart) {
    if (chart.told) this.brush(chart, null);
    chart.node.remove();
    this.cross.remove(chart.column);
    this.charts.delete(chart.column);
    this.offerCharts();
    this.rememberCharts();
    this.part.charts.querySelector(".more-charts").focus({ preventScroll: true });
  },

  chartHead(chart) {
    const { title, help, missing } = chart.about;
    const drop = element("button", { class: "drop", title: "Take this chart away", "aria-label": `Take the chart of ${title} away` }, "✕");
    drop.addEventListener("click", () => this.dropChart(chart));
    const forget = this.data.charts.named.includes(chart.column) ? this.forgetButton(chart) : null;
    const none = missing ? element("small", {}, `${missing.toLocaleString("en")} without a value`) : null;
    return element("div", { class: "chart-head" }, element("span", { class: "chart-title", title: help }, title), none, element("span", { class: "space" }), forget, drop);
  },

  // A selection that was saved can be deleted again, by a second press.
  forgetButton(chart) {
    const forget = element("button", { class: "forget", title: "Delete this saved selection; its samples stay" }, "Delete");
    forget.addEventListener("click", async () => {
      if (forget.textContent === "Delete") {
        forget.textContent = "Really delete?";
        return;
      }
      try {
        await this.send("selections/remove", { name: chart.column });
        this.dropChart(chart);
        this.tell({ kept: chart.column });
        this.flush();
      } catch (trouble) {
        this.say(trouble.message);
      }
    });
    return forget;
  },

  numberChart(chart) {
    const { title, texts, tails } = chart.about;
    chart.canvas = element("canvas", {
      class: "bars",
      tabindex: "0",
      role: "slider",
      "aria-label": `${title}: range of selected values. Arrow keys move it, with Shift its upper end, Escape clears it.`,
      "aria-valuemin": "0",
      "aria-valuemax": String(chart.count),
    });
    chart.words = element("span", { class: "brushed" });
    this.handle(chart);
    const [low, high] = [tails[0] ? `< ${texts[1]}` : texts[0], tails[1] ? `> ${texts.at(-2)}` : texts.at(-1)];
    const ends = tails.map((has, end) => (has ? `The ${end ? "last" : "first"} bar reaches to ${texts.at(end ? -1 : 0)}` : null));
    const scale = element(
      "div",
      { class: "chart-scale" },
      element("span", { title: ends[0] }, low),
      chart.words,
      element("span", { title: ends[1] }, high),
    );
    return element("section", { class: "chart", "data-column": chart.column }, this.chartHead(chart), chart.canvas, scale);
  },

  categoryChart(chart) {
    const { entries, others, title } = chart.about;
    const column = this.cross.columns.get(chart.column);
    chart.most = Math.max(...entries.map(({ count }) => count), 1);
    chart.rows = entries.map(({ name, value, color }, code) => {
      const bar = element("i", { class: "in" });
      const number = element("small", {});
      const all = element("i", { class: "all", style: `width:${(100 * column.all[code]) / chart.most}%` });
      const press = element("button", { class: "category", title: name, "data-value": value }, element("span", { class: "tube" }, all, bar), element("span", { class: "name" }, name), number);
      press.addEventListener("click", () => this.pressCategory(chart, value));
      return { press, bar, number, code, value, color };
    });
    const list = element("div", { class: "categories", role: "group", "aria-label": title }, ...chart.rows.slice(0, MOST_ROWS_SHOWN).map(({ press }) => press));
    const hidden = chart.rows.slice(MOST_ROWS_SHOWN);
    if (hidden.length) {
      const more = element("button", { class: "all-categories" }, `Show ${hidden.length} more`);
      more.addEventListener("click", () => more.replaceWith(...hidden.map(({ press }) => press)));
      list.append(more);
    }
    if (others) list.append(element("small", { class: "hint" }, `and ${others.values.toLocaleString("en")} rarer values, ${others.count.toLocaleString("en")} samples`));
    return element("section", { class: "chart", "data-column": chart.column }, this.chartHead(chart), list);
  },

  drawCharts() {
    if (this.part.charts.hidden) return;
    for (const chart of this.charts.values()) if (chart.node) this.drawChart(chart);
  },

  drawChart(chart) {
    if (this.part.charts.hidden) return;
    if (chart.isNumber) this.drawBars(chart);
    else this.drawCategories(chart);
  },

  drawCategories(chart) {
    const { counts, all } = this.cross.columns.get(chart.column);
    const chosen = new Set(chart.told?.values ?? []);
    const isColor = chart.column === this.color; // then the chart is the legend's twin
    for (const { press, bar, number, code, value, color } of chart.rows) {
      bar.style.background = isColor ? color : IN_FULL;
      const isIn = !chosen.size || chosen.has(value);
      bar.style.width = `${(100 * counts[code]) / chart.most}%`;
      number.textContent = counts[code].toLocaleString("en");
      press.classList.toggle("out", !isIn);
      press.setAttribute("aria-pressed", String(chosen.has(value)));
      press.title = `${counts[code].toLocaleString("en")} of ${all[code].toLocaleString("en")} samples`;
    }
  },

  drawBars(chart) {
    const { canvas, count, told } = chart;
    const { counts, all } = this.cross.columns.get(chart.column);
    const width = canvas.clientWidth;
    if (!width) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    if (canvas.width !== Math.round(width * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(CHART_HEIGHT * ratio);
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, CHART_HEIGHT);
    const places = brushPlaces(chart);
    const most = Math.max(...all.subarray(0, count), 1);
    const tallest = Math.max(...counts.subarray(0, count), 1);
    // A small selection would be a line of dots: its bars are drawn taller by a factor that is said.
    const times = tallest * 4 < most ? 2 ** Math.floor(Math.log2(most / tallest)) : 1;
    const step = width / count;
    const gap = step > 4 ? 1 : 0.5;
    const draw = (bin, number, color) => {
      if (!number) return;
      const height = Math.max((Math.min(number, most) / most) * (CHART_HEIGHT - 3), 1);
      context.fillStyle = color;
      context.fillRect(bin * step, CHART_HEIGHT - height, step - gap, height);
    };
    if (places) {
      context.fillStyle = withAlpha(IN_FULL, 0.14);
      context.fillRect(places[0] * step, 0, (places[1] - places[0]) * step, CHART_HEIGHT);
    }
    for (let bin = 0; bin < count; bin++) {
      draw(bin, all[bin], withAlpha(this.theme.text, 0.15));
      const isIn = !places || (bin + 0.5 > places[0] && bin + 0.5 < places[1]);
      draw(bin, counts[bin] * times, isIn ? IN_FULL : withAlpha(this.theme.text, 0.3));
    }
    if (places) {
      context.fillStyle = this.theme.text;
      for (const place of places) context.fillRect(Math.min(Math.max(place * step - 1, 0), width - 2), 0, 2, CHART_HEIGHT);
    }
    const [low, high] = told ? rangeTexts(chart) : ["", ""];
    const range = told ? `${low} – ${high}` : chart.about.logarithmic ? "bins grow with the value" : "";
    chart.words.textContent = range + (times > 1 ? `${range ? " · " : ""}×${times}` : "");
    chart.words.title = times > 1 ? `The bars of the selected samples are drawn ${times} times as tall as the others` : "";
    canvas.setAttribute("aria-valuenow", String(Math.round(places?.[0] ?? 0)));
    const selected = `${this.cross.total.toLocaleString("en")} of ${this.data.n.toLocaleString("en")} samples selected`;
    canvas.setAttribute("aria-valuetext", told ? `${low} to ${high}; ${selected}` : `all values; ${selected}`);
  },
});

// Where both ends of the brush stand, counted in bins from the left.
function brushPlaces(chart) {
  if (!chart.told || !chart.isNumber) return null;
  const { edges } = chart.about;
  return [chart.told.low, chart.told.high].map((value) => {
    if (!(value > edges[0])) return 0;
    const above = edges.findIndex((edge) => edge >= value);
    if (above < 0) return chart.count;
    return above - (edges[above] - value) / (edges[above] - edges[above - 1]);
  });
}

function rangeTexts(chart) {
  const { edges, texts } = chart.about;
  return [chart.told.low, chart.told.high].map((value) => {
    const place = edges.indexOf(value);
    if (place >= 0) return texts[place];
    if (!Number.isFinite(value)) return texts.at(value < 0 ? 0 : -1);
    return String(Number(value.toPrecision(4))).replace("-", "−");
  });
}

function withAlpha(color, alpha) {
  return `rgb(${toRgb(color).join(" ")} / ${alpha})`;
}

// What this visitor's browser keeps between visits; one that keeps nothing begins as everybody does.
function keptHere(name) {
  try {
    return JSON.parse(window.localStorage.getItem(`explorer-${name}`));
  } catch {
    return null;
  }
}

function keepHere(name, value) {
  try {
    window.localStorage.setItem(`explorer-${name}`, JSON.stringify(value));
  } catch {
    // A browser may refuse; the visitor sees the same, only not next time.
  }
}
