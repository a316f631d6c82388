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
    this.canvas = made("canvas", null, [], { tabindex: 0, role: "img", "aria-label": stage.querySelector("img").alt });
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

  // Zoom around a place on the stage, its middle unless told.
  zoom(times, across = this.width / 2, down = this.height / 2) {
    const scale = Math.min(Math.max(this.scale * times, this.least * 0.8), this.least * 400);
    this.x += (across - this.width / 2) * (1 / this.scale - 1 / scale);
    this.y -= (down - this.height / 2) * (1 / this.scale - 1 / scale);
    this.scale = scale;
    this.hide();
    this.draw();
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

  // The place in data of the point nearest to a place on the stage; -1 for none.
  nearest(across, down) {
    const x = this.x + (across - this.width / 2) / this.scale;
    const y = this.y - (down - this.height / 2) / this.scale;
    let best = (Math.max(NEAREST, this.radius) / this.scale) ** 2;
    let found = -1;
    for (let place = 0; place < this.n; place++) {
      const dx = this.places[2 * place] - x;
      const dy = this.places[2 * place + 1] - y;
      const away = dx * dx + dy * dy;
      if (away < best && (this.only === null || this.column.codes[place] === this.only)) [best, found] = [away, place];
    }
    return found;
  }

  point(place) {
    const { width, height, scale } = this;
    return [(this.places[2 * place] - this.x) * scale + width / 2, height / 2 - (this.places[2 * place + 1] - this.y) * scale];
  }

  show(place) {
    const row = this.rowOf(place);
    this.tip.replaceChildren();
    this.tip.dataset.row = row;
    const picture = this.pictureOf.get(row);
    if (picture !== undefined) this.tip.append(this.picture(picture));
    this.tip.append(made("b", `Sample ${row}`));
    for (const column of this.data.columns) {
      if (column.kind === "categories" || column === this.column) this.tip.append(made("span", `${column.title}: ${this.value(column, place)}`));
    }
    this.tip.hidden = false;
    const [across, down] = this.point(place);
    const { offsetWidth: wide, offsetHeight: tall } = this.tip;
    const away = this.radius + 8;
    this.tip.style.left = `${Math.max(4, across + away + wide > this.width ? across - away - wide : across + away)}px`;
    this.tip.style.top = `${Math.max(4, Math.min(down - tall / 2, this.height - tall - 4))}px`;
  }

  value(column, place) {
    const code = column.codes[place];
    if (column.kind === "categories") return column.entries[code]?.name ?? "—";
    if (code === NONE) return "—";
    const [low, high] = column.ends;
    if (code === 0) return `at most about ${low}`;
    if (code === 254) return `at least about ${high}`;
    const [from, to] = column.span;
    return `about ${Number((from + ((to - from) * code) / 254).toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 })}`;
  }

  picture(place) {
    const { sheets } = this.data;
    const number = Math.floor(place / sheets.perSheet);
    const inside = place % sheets.perSheet;
    const canvas = made("canvas", null, [], { width: sheets.width, height: sheets.height });
    if (!this.images[number]) {
      this.images[number] = new Image();
      this.images[number].src = sheets.addresses[number];
    }
    const image = this.images[number];
    const left = (inside % sheets.across) * sheets.width;
    const top = Math.floor(inside / sheets.across) * sheets.height;
    const draw = () => {
      canvas.getContext("2d").drawImage(image, left, top, sheets.width, sheets.height, 0, 0, sheets.width, sheets.height);
      canvas.dataset.drawn = "";
    };
    if (image.complete) draw();
    else image.addEventListener("load", draw, { once: true });
    return canvas;
  }

  hide() {
    this.tip.hidden = true;
  }

  listen() {
    const { canvas } = this;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...at(event));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      this.held = at(event);
      canvas.setPointerCapture(event.pointerId);
      canvas.classList.add("held");
    });
    canvas.addEventListener("pointermove", (event) => {
      const [across, down] = at(event);
      if (this.held && event.buttons) {
        this.x -= (across - this.held[0]) / this.scale;
        this.y += (down - this.held[1]) / this.scale;
        this.held = [across, down];
        this.hide();
        this.draw();
        return;
      }
      const place = this.nearest(across, down);
      if (place < 0) this.hide();
      else this.show(place);
    });
    const release = (event) => {
      this.held = null;
      canvas.classList.remove("held");
      if (event.type === "pointerup" && event.pointerType === "touch") {
        const place = this.nearest(...at(event));
        if (place >= 0) this.show(place);
      }
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", () => this.held || this.hide());
    canvas.addEventListener("keydown", (event) => {
      const step = 60 / this.scale;
      const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
      if (event.key in moves) {
        this.x += moves[event.key][0];
        this.y += moves[event.key][1];
        this.draw();
      } else if (event.key === "+" || event.key === "=") this.zoom(1.6);
      else if (event.key === "-") this.zoom(1 / 1.6);
      else if (event.key === "0") this.whole();
      else return;
      event.preventDefault();
    });
  }
}

function followContents() {
  const links = new Map([...document.querySelectorAll(".contents a")].map((one) => [one.hash.slice(1), one]));
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      for (const [name, link] of links) {
        if (name === target.id) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  for (const name of links.keys()) seen.observe(document.getElementById(name));
}

const told = document.getElementById("data");
if (told) {
  document.documentElement.classList.add("live");
  window.reportMap = new ReportMap(document.querySelector(".stage"), document.querySelector(".legend"), JSON.parse(told.textContent));
}
followContents();
