"use strict";
// Makes the map move: pictures under the pointer, zoom, and colors by other columns. The page reads without it.

const FOG = [128, 136, 150, 0.22];
const NEAREST = 14; // how far from a point, in pixels, the pointer may rest
const NONE = 255;

const bytesOf = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));

function made(name, words, inside = [], told = {}) {
  const one = document.createElement(name);
  if (words !== null) one.textContent = words;
  for (const [key, value] of Object.entries(told)) one.setAttribute(key, value);
  one.append(...inside);
  return one;
}

class ReportMap {
  constructor(stage, legend, data) {
    Object.assign(this, { stage, legend, data, n: data.n, only: null });
    this.places = new Uint16Array(bytesOf(data.places).buffer);
    this.rows = data.rows ? new Uint32Array(bytesOf(data.rows).buffer) : null;
    for (const column of data.columns) column.codes = bytesOf(column.codes);
    this.column = data.columns[0] ?? null;
    this.readPictures();
    const told = { role: "application", "aria-roledescription": "map", "aria-describedby": "map-keys" };
    this.canvas = made("canvas", null, [], { tabindex: 0, ...told });
    stage.querySelector("img").setAttribute("aria-hidden", "true"); // it is seen on paper only
    this.tip = made("div", null, [], { class: "tip", hidden: "" });
    stage.append(this.canvas, this.tip);
    // So that no class covers another because it comes later.
    this.order = Uint32Array.from({ length: this.n }, (_, place) => place);
    for (let last = this.n - 1, state = 1; last > 0; last--) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const other = state % (last + 1);
      [this.order[last], this.order[other]] = [this.order[other], this.order[last]];
    }
    this.makeControls();
    this.listen();
    this.resize();
    this.whole();
    new ResizeObserver(() => this.resize()).observe(stage);
  }

  readPictures() {
    const { sheets } = this.data;
    this.pictureOf = new Map();
    if (!sheets) return;
    new Uint32Array(bytesOf(sheets.rows).buffer).forEach((row, place) => this.pictureOf.set(row, place));
    this.images = new Array(sheets.addresses.length);
  }

  rowOf(place) {
    return this.rows ? this.rows[place] : place;
  }

  makeControls() {
    const controls = made("div", null, [], { class: "controls" });
    if (this.data.columns.length) {
      const options = this.data.columns.map((column, place) => made("option", column.title, [], { value: place }));
      const select = made("select", null, options, { id: "colors" });
      select.addEventListener("change", () => {
        this.column = this.data.columns[select.value];
        this.only = null;
        this.showLegend();
        this.draw();
      });
      controls.append(made("label", null, [made("span", "Color by"), select]));
    }
    const button = (sign, words, act) => {
      const one = made("button", sign, [], { type: "button", "aria-label": words, title: words });
      one.addEventListener("click", act);
      controls.append(one);
    };
    button("+", "Zoom in", () => this.zoom(1.6));
    button("−", "Zoom out", () => this.zoom(1 / 1.6));
    button("All", "Show the whole map", () => this.whole());
    this.stage.before(controls);
    this.showLegend();
  }

  showLegend() {
    const { column } = this;
    const colored = column ? `, colored by ${column.title}` : "";
    this.canvas.setAttribute("aria-label", `Map of ${this.n.toLocaleString("en")} samples${colored}`);
    if (!column) return;
    const key = made("div", null, [made("b", column.title)], { class: "key" });
    if (column.kind === "scale") {
      const stops = Array.from({ length: 9 }, (_, place) => column.colors[Math.round((place * 254) / 8)]);
      const bar = made("i", null, [], { class: "scale" });
      bar.style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
      key.append(made("span", column.ends[0]), bar, made("span", column.ends[1]));
    }
    column.entries.forEach((entry, code) => {
      const dot = made("i", null, [], { class: "dot" });
      dot.style.background = column.colors[code];
      const words = { type: "button", "aria-pressed": "false", title: `${entry.count.toLocaleString("en")} samples; click to show only these` };
      const one = made("button", null, [dot, made("span", entry.name)], words);
      one.addEventListener("click", () => {
        this.only = this.only === code ? null : code;
        key.querySelectorAll("button").forEach((other, place) => other.setAttribute("aria-pressed", String(place === this.only)));
        this.draw();
      });
      key.append(one);
    });
    this.live ??= this.legend.parentNode.insertBefore(made("div", null, [], { class: "legend moves" }), this.legend);
    this.live.replaceChildren(key);
  }

  resize() {
    const { width, height } = this.stage.getBoundingClientRect();
    if (!width || !height) return; // while printed
    const before = this.width;
    const sharp = Math.min(window.devicePixelRatio || 1, 2);
    Object.assign(this, { width, height, sharp });
    this.canvas.width = Math.round(width * sharp);
    this.canvas.height = Math.round(height * sharp);
    if (before && this.scale) this.scale *= width / before;
    if (this.scale) this.draw();
  }

  whole() {
    let [left, right, low, high] = [65535, 0, 65535, 0];
    for (let place = 0; place < this.n; place++) {
      const x = this.places[2 * place];
      const y = this.places[2 * place + 1];
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < low) low = y;
      if (y > high) high = y;
    }
    this.x = (left + right) / 2;
    this.y = (low + high) / 2;
    this.scale = this.least = 0.94 * Math.min(this.width / Math.max(right - left, 1), this.height / Math.max(high - low, 1));
    this.draw();
  }

  // Zoom around a place on the stage, its middle unless told; false where it goes no further.
  zoom(times, across = this.width / 2, down = this.height / 2) {
    const scale = Math.min(Math.max(this.scale * times, this.least * 0.8), this.least * 400);
    this.x += (across - this.width / 2) * (1 / this.scale - 1 / scale);
    this.y -= (down - this.height / 2) * (1 / this.scale - 1 / scale);
    const isOther = scale !== this.scale;
    this.scale = scale;
    this.hide();
    this.draw();
    return isOther;
  }

  draw() {
    this.asked ??= requestAnimationFrame(() => {
      this.asked = null;
      this.paint();
    });
  }

  paint() {
    const { canvas, places, sharp, column } = this;
    const { width, height } = canvas;
    const scale = this.scale * sharp;
    const left = this.x - width / 2 / scale;
    const top = this.y + height / 2 / scale;
    const zoomed = Math.sqrt(this.scale / this.least);
    const base = Math.min(Math.max(0.21 * Math.sqrt((this.width * this.height) / this.n), 0.75), 4.5);
    const radius = Math.min(base * zoomed, 9) * sharp;
    this.radius = radius / sharp;
    const reach = Math.ceil(radius);
    const side = 2 * reach + 1;
    const cover = new Float32Array(side * side);
    for (let at = 0; at < cover.length; at++) {
      const away = Math.hypot((at % side) - reach, Math.floor(at / side) - reach);
      cover[at] = Math.min(Math.max(radius + 0.5 - away, 0), 1);
    }
    const colors = (column ? column.colors : ["#6b7f9e"]).map((one) => [1, 3, 5].map((at) => parseInt(one.slice(at, at + 2), 16)));
    const image = new ImageData(width, height);
    const { data } = image;
    const stamp = (place, red, green, blue, opacity) => {
      const across = Math.round((places[2 * place] - left) * scale);
      const down = Math.round((top - places[2 * place + 1]) * scale);
      if (across < reach || down < reach || across >= width - reach || down >= height - reach) return;
      for (let at = 0; at < cover.length; at++) {
        const alpha = cover[at] * opacity;
        if (alpha === 0) continue;
        const to = 4 * ((down - reach + Math.floor(at / side)) * width + across - reach + (at % side));
        const under = (data[to + 3] / 255) * (1 - alpha);
        const sum = alpha + under;
        data[to] = (red * alpha + data[to] * under) / sum;
        data[to + 1] = (green * alpha + data[to + 1] * under) / sum;
        data[to + 2] = (blue * alpha + data[to + 2] * under) / sum;
        data[to + 3] = 255 * sum;
      }
    };
    const { only, order } = this;
    const codes = column?.codes;
    if (only !== null) for (const place of order) if (codes[place] !== only) stamp(place, ...FOG);
    for (const place of order) {
      const code = codes ? codes[place] : 0;
      if (only === null || code === only) stamp(place, ...colors[code], 1);
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    canvas.dataset.painted = "";
  }
}
