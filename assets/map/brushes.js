// Every way to narrow what is selected: brushes drawn, moved and pressed on the charts, by pointer and keys, the legend,
// the lasso; and what Python is told of them.

const GRIP = 7; // pixels around an end of a brush in which it is taken by that end
const MOST_VALUES = 200; // of one column: as many as Python puts into a link

Object.assign(NetworkMap.prototype, {
  // An entry of the legend is a value of the column: pressing it is the same as pressing it in the column's chart.
  async keepOnly(place) {
    try {
      const chart = await this.loadColumn(this.color);
      const { value } = this.legend.entries[place];
      if (chart && value !== null) this.pressCategory(chart, value); // many classes at once have no value of their own
    } catch (trouble) {
      this.say(trouble.message);
    }
  },

  enclose(line) {
    const step = Math.ceil(line.length / MOST_CORNERS);
    const corners = line.filter((_, place) => place % step === 0).map(([x, y]) => this.toMap(x, y));
    const [left, low] = [0, 1].map((axis) => Math.min(...corners.map((corner) => corner[axis])));
    const [right, high] = [0, 1].map((axis) => Math.max(...corners.map((corner) => corner[axis])));
    const lit = new Uint8Array(this.data.n);
    for (let row = 0; row < lit.length; row++) {
      const x = this.places[2 * row];
      const y = this.places[2 * row + 1];
      if (x >= left && x <= right && y >= low && y <= high && isInside(corners, x, y)) lit[row] = 1;
    }
    this.cross.setRest(lit);
    this.light();
    this.filter = null; // until Python has given the lasso its name
    this.tell({ lasso: corners });
  },

  unfilter(column) {
    this.filter = null;
    if (column === null) this.takeConditions([], null);
    else if (this.charts.get(column)?.told) this.takeBack(column);
    if (column === null || column === "lasso") delete this.pending.lasso;
    if (column === null) delete this.pending.brushes;
    else delete this.pending.brushes?.[column];
    this.tell({ unfilter: column ?? "" });
    this.flush();
  },

  pressCategory(chart, value) {
    const chosen = new Set(chart.told?.values ?? []);
    if (!chosen.delete(value)) chosen.add(value);
    const { entries, others, missing } = chart.about;
    if (chosen.size > MOST_VALUES) return this.say(`At most ${MOST_VALUES} values of a column can be selected.`);
    const isAll = chosen.size === entries.length && !others && !missing;
    return this.brush(chart, chosen.size && !isAll ? { values: [...chosen] } : null);
  },

  // Narrow to a condition ({low, high} or {values}) or, with null, set the column free; the map follows at once.
  brush(chart, told) {
    this.cross.set(chart.column, conditionOf(chart, told));
    chart.told = told;
    if (!chart.hand) this.tellBrush(chart);
    this.light();
  },

  tellBrush(chart) {
    this.filter = null; // until Python has given it its name
    this.tell({ brushes: { ...this.pending.brushes, [chart.column]: chart.told } });
  },

  takeBack(column) {
    const chart = this.charts.get(column);
    this.cross.set(column, null);
    chart.told = null;
    this.light();
  },

  // What Python says is filtered: each condition is a brush on its column or, where no column can say it, part of the rest.
  takeConditions(conditions, restPasses) {
    for (const chart of this.charts.values()) {
      const told = conditions.find((one) => one.column === chart.column && isBrush(chart, one)) ?? null;
      chart.told = told && (told.values ? { values: told.values } : { low: told.low ?? -Infinity, high: told.high ?? Infinity });
      this.cross.set(chart.column, conditionOf(chart, chart.told));
    }
    this.cross.setRest(restPasses);
    this.light();
  },

  saysNoChart(conditions) {
    return conditions.filter((one) => {
      const chart = this.charts.get(one.column);
      return !chart || !isBrush(chart, one);
    });
  },

  handle(chart) {
    const { canvas } = chart;
    const placeAt = (event) => {
      const box = canvas.getBoundingClientRect();
      return Math.min(Math.max(((event.clientX - box.left) / box.width) * chart.count, 0), chart.count - 1e-6);
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button > 0) return;
      canvas.setPointerCapture(event.pointerId);
      const place = placeAt(event);
      const grip = (GRIP / canvas.clientWidth) * chart.count;
      const [low, high] = brushPlaces(chart) ?? [-9, -9];
      const end = [low, high].findIndex((one) => Math.abs(place - one) < grip);
      const fixed = end === 0 ? Math.round(high) - 1 : end === 1 ? Math.round(low) : Math.floor(place);
      const isMove = end < 0 && place > low && place < high;
      chart.hand = { start: place, fixed, width: isMove ? Math.round(high - low) : 0, low: Math.round(low), moved: end >= 0 };
    });
    canvas.addEventListener("pointermove", (event) => {
      const { hand } = chart;
      const place = placeAt(event);
      if (!hand) {
        const near = (brushPlaces(chart) ?? []).some((one) => Math.abs(place - one) < (GRIP / canvas.clientWidth) * chart.count);
        canvas.style.cursor = near ? "ew-resize" : "";
        return;
      }
      if (!hand.moved && Math.abs(place - hand.start) * (canvas.clientWidth / chart.count) < 3) return;
      hand.moved = true;
      if (hand.width) {
        const low = Math.min(Math.max(hand.low + Math.round(place - hand.start), 0), chart.count - hand.width);
        this.brushBins(chart, low, low + hand.width);
      } else this.brushBins(chart, Math.min(hand.fixed, Math.floor(place)), Math.max(hand.fixed, Math.floor(place)) + 1);
    });
    const release = (event) => {
      const { hand } = chart;
      chart.hand = null;
      if (!hand) return;
      if (hand.moved) {
        this.tellBrush(chart); // one drag is one step of the browser's history
        return;
      }
      if (event.type !== "pointerup") return this.catchUp();
      // A click without a drag: the bar under it, or away with the brush that is there.
      if (chart.told) this.brush(chart, null);
      else this.brushBins(chart, Math.floor(hand.start), Math.floor(hand.start) + 1);
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("keydown", (event) => this.brushByKey(chart, event));
  },

  brushByKey(chart, event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { count } = chart;
    const [low, high] = brushPlaces(chart)?.map(Math.round) ?? [null, null];
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 5, PageDown: -5 }[event.key];
    if (event.key === "Escape" && chart.told) this.brush(chart, null);
    else if (event.key === "Home") this.brushBins(chart, 0, low === null ? Math.ceil(count / 4) : high - low);
    else if (event.key === "End") this.brushBins(chart, low === null ? count - Math.ceil(count / 4) : count - (high - low), count);
    else if (by && low === null) this.brushBins(chart, ...(by > 0 ? [0, Math.ceil(count / 4)] : [count - Math.ceil(count / 4), count]));
    else if (by && event.shiftKey) this.brushBins(chart, low, Math.min(Math.max(high + by, low + 1), count));
    else if (by) {
      const start = Math.min(Math.max(low + by, 0), count - (high - low));
      this.brushBins(chart, start, start + high - low);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  },

  brushBins(chart, low, high) {
    const { edges } = chart.about;
    const told = { low: edges[low], high: edges[high] };
    if (chart.told?.low !== told.low || chart.told?.high !== told.high) this.brush(chart, told);
  },
});

// What the counting understands: both ends of a range, or the codes of the chosen values.
function conditionOf(chart, told) {
  if (!told) return null;
  if (!told.values) return [told.low, told.high];
  const chosen = new Set(told.values);
  return new Set(chart.about.entries.flatMap(({ value }, code) => (chosen.has(value) ? [code] : [])));
}

function isBrush(chart, { kind, values }) {
  if (kind === "range") return chart.isNumber;
  const known = new Set(chart.isNumber ? [] : chart.about.entries.map(({ value }) => value));
  return kind === "values" && values.every((value) => known.has(value));
}
