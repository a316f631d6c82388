// Where the visitor looks: moving, zooming, finding the point under a pointer, and drawing what lies over the points.

const UNDER_BUTTONS = 70; // pixels at the top of the map that the whole map leaves to the buttons, and to a picture under them

Object.assign(NetworkMap.prototype, {
  placeOf(row) {
    return [this.places[2 * row], this.places[2 * row + 1]];
  },

  toScreen(x, y) {
    const { view } = this;
    return [(x - view.x) * view.scale + view.width / 2, view.height / 2 - (y - view.y) * view.scale];
  },

  toMap(x, y) {
    const { view } = this;
    return [(x - view.width / 2) / view.scale + view.x, (view.height / 2 - y) / view.scale + view.y];
  },

  resize() {
    const { clientWidth: width, clientHeight: height } = this.part.stage;
    if (!width || !height) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const { points, marks } = this.part;
    const isOther = points.width !== Math.round(width * ratio) || points.height !== Math.round(height * ratio);
    for (const canvas of isOther ? [points, marks] : []) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    this.view = { x: 0, y: 0, scale: 1, ...this.view, width, height };
    this.ratio = ratio;
    if (this.isWhole) this.fit(false);
    else if (this.seen) this.show(this.seen, false);
    this.paint();
    if (!isOther || !this.layer.count) return;
    this.drawPoints(); // at once: a canvas of another size is empty
    this.drawMarks();
  },

  fit(smoothly = true) {
    if (!this.places) return;
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let place = 0; place < this.places.length; place += 2) {
      const [x, y] = [this.places[place], this.places[place + 1]];
      if (x > 1e8 || y > 1e8) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < low) low = y;
      if (y > high) high = y;
    }
    const { width, height } = this.view;
    const room = height - UNDER_BUTTONS;
    const scale = 0.94 * Math.min(width / Math.max(right - left, 1e-6), room / Math.max(high - low, 1e-6));
    this.whole = scale;
    const side = Math.max(right - left, high - low, 1e-6);
    this.box = { left, low, side };
    this.fly({ x: (left + right) / 2, y: (low + high) / 2 + UNDER_BUTTONS / 2 / scale, scale }, smoothly);
    this.isWhole = true;
  },

  fly(goal, smoothly = true) {
    this.leavePlace();
    cancelAnimationFrame(this.flight);
    const start = { ...this.view };
    const begun = performance.now();
    const step = (now) => {
      const time = smoothly && !this.isStill.matches ? Math.min((now - begun) / 250, 1) : 1;
      const ease = 1 - (1 - time) ** 3;
      for (const name of Object.keys(goal)) this.view[name] = start[name] + (goal[name] - start[name]) * ease;
      this.paint();
      if (time < 1) this.flight = requestAnimationFrame(step);
    };
    step(begun);
  },

  // What is seen is no longer what was fitted to the window, so it is not fitted to another one.
  leavePlace() {
    this.isWhole = false;
    this.seen = null;
  },

  zoom(factor, x = this.view?.width / 2, y = this.view?.height / 2) {
    if (!this.places) return;
    this.leavePlace();
    const scale = Math.min(Math.max(this.view.scale * factor, this.whole / 4), this.whole * 2000);
    const [mapX, mapY] = this.toMap(x, y);
    this.view.scale = scale;
    this.view.x = mapX - (x - this.view.width / 2) / scale;
    this.view.y = mapY + (y - this.view.height / 2) / scale;
    this.paint();
  },

  bringIntoSight(row) {
    if (!this.places || this.isWhole || row === this.heldRow) return; // all of the map is in sight
    const [x, y] = this.toScreen(...this.placeOf(row));
    const { width, height } = this.view;
    if (x < 24 || y < 24 || x > width - 24 || y > height - 24) {
      const [mapX, mapY] = this.placeOf(row);
      if (mapX < 1e8) this.fly({ x: mapX, y: mapY });
    }
  },

  // The nearest point within reach of a pointer, preferring the lit ones; a million take a few milliseconds.
  pick(x, y, reach) {
    if (!this.places) return null;
    const [mapX, mapY] = this.toMap(x, y);
    const limit = (reach / this.view.scale) ** 2;
    const best = [null, null];
    const least = [limit, limit];
    for (let row = 0; row < this.lit.length; row++) {
      const dx = this.places[2 * row] - mapX;
      const dy = this.places[2 * row + 1] - mapY;
      const distance = dx * dx + dy * dy;
      const kind = this.lit[row];
      if (distance < least[kind]) [best[kind], least[kind]] = [row, distance];
    }
    return best[1] ?? best[0];
  },

  walk(dx, dy) {
    const neighbors = (this.sample?.neighbors ?? []).map(({ row }) => row);
    const next = this.nearestTowards(dx, dy, neighbors) ?? this.nearestTowards(dx, dy, null);
    if (next !== null) this.go(next);
  },

  // Among these rows (all when null), the nearest one inside the quarter of the plane that the arrow points to.
  nearestTowards(dx, dy, rows) {
    const [x0, y0] = this.placeOf(this.selected);
    let best = null;
    let least = Infinity;
    const count = rows ? rows.length : this.data.n;
    for (let place = 0; place < count; place++) {
      const row = rows ? rows[place] : place;
      const x = this.places[2 * row] - x0;
      const y = this.places[2 * row + 1] - y0;
      const along = x * dx + y * dy;
      const distance = x * x + y * y;
      if (row !== this.selected && along > 0 && along * along >= distance / 2 && distance < least) [best, least] = [row, distance];
    }
    return best;
  },

  // The points are drawn again only when they, their colors or the view have changed: a click or a passing pointer
  // changes no more than the marks above them.
  paint(pointsToo = true) {
    this.pointsAreStale ||= pointsToo;
    if (this.frame || !this.view || !this.places) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.pointsAreStale) this.drawPoints();
      this.pointsAreStale = false;
      this.drawMarks();
    });
    if (!pointsToo) return;
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.lookAround(), 150);
  },

  drawPoints() {
    if (!this.layer.gl) return;
    const { n } = this.data;
    const roomy = Math.sqrt((this.view.width * this.view.height) / n);
    const size = Math.min(Math.max(0.42 * roomy, n > 20000 ? 2 : 3) * Math.sqrt(this.view.scale / this.whole), 14);
    this.layer.setPalette(this.palette());
    const someDimmed = this.litCount < n;
    const opacity = n > 200000 ? 0.7 : 0.85;
    this.layer.draw(this.view, Math.max(size, 1.5), opacity, this.theme.fog, someDimmed);
  },

  palette() {
    const rgba = new Uint8Array(4 * 256);
    const paint = (code, color) => rgba.set([...color, 255], 4 * code);
    if (this.legend.kind === "scale") {
      const scale = this.theme.trim(this.legend.colors.map(toRgb));
      for (let code = 0; code < NO_CODE; code++) paint(code, blend(scale, code / (NO_CODE - 1)));
    } else {
      this.legend.entries.forEach(({ color }, code) => paint(code, toRgb(color)));
    }
    return rgba;
  },

  drawMarks() {
    const context = this.part.marks.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.view.width, this.view.height);
    this.drawStill(context);
    if (this.hovered !== null && this.hovered !== undefined) this.drawRing(context, this.hovered, 6, this.theme.text, 1.5);
    if (this.line) this.drawLasso(context);
  },

  // What lies over the points whether or not a hand is at the map: pictures, names, and the lines to the neighbors.
  drawStill(context) {
    const names = this.placeNames(context);
    this.drawn = { names, pictures: this.placePictures(names) };
    this.drawPictures(context, this.drawn.pictures);
    this.drawLines(context);
    this.drawNames(context, names);
  },

  drawLines(context) {
    if (this.selected === undefined || this.selected === null) return;
    const start = this.toScreen(...this.placeOf(this.selected));
    const radius = this.view.width < 500 ? 2.5 : 4;
    context.strokeStyle = this.theme.accent;
    for (const { row, similarity } of this.sample?.neighbors ?? []) {
      const end = this.toScreen(...this.placeOf(row));
      context.globalAlpha = 0.25 + 0.6 * Math.max(similarity, 0) ** 2;
      context.lineWidth = 1.25;
      context.beginPath();
      context.moveTo(...start);
      context.lineTo(...end);
      context.stroke();
      context.globalAlpha = 1;
      this.drawRing(context, row, radius, this.theme.accent, radius / 3);
    }
    this.drawRing(context, this.selected, 2 * radius + 1, this.theme.background, 6);
    this.drawRing(context, this.selected, 2 * radius + 1, this.theme.accent, 3);
  },

  drawRing(context, row, radius, color, width) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.beginPath();
    context.arc(...this.toScreen(...this.placeOf(row)), radius, 0, 2 * Math.PI);
    context.stroke();
  },

  drawLasso(context) {
    context.strokeStyle = this.theme.text;
    context.setLineDash([5, 4]);
    context.lineWidth = 1.5;
    context.beginPath();
    this.line.forEach(([x, y]) => context.lineTo(x, y));
    context.closePath();
    context.stroke();
    context.setLineDash([]);
  },
});

// Colors of the page around us; they change with the theme.
function readTheme(node) {
  const style = getComputedStyle(node);
  const color = (name) => style.getPropertyValue(name).trim();
  const background = color("--st-background-color") || "#ffffff";
  const [red, green, blue] = toRgb(background);
  const isDark = red + green + blue < 384;
  return {
    background,
    text: color("--st-text-color") || "#000000",
    font: color("--st-font") || "sans-serif",
    soft: isDark ? "#8b93a3" : "#8a90a0",
    accent: isDark ? "#ffffff" : "#111111",
    fog: isDark ? [0.62, 0.66, 0.74, 0.16] : [0.45, 0.5, 0.6, 0.16],
    // The end of the scale that is as dark, or as bright, as the page itself would be invisible on it.
    trim: (scale) => scale.map((_, place) => {
      const share = place / (scale.length - 1);
      return blend(scale, isDark ? 0.25 + 0.75 * share : 0.88 * share);
    }),
  };
}

function toRgb(hex) {
  return [1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16));
}

function blend(scale, share) {
  const place = share * (scale.length - 1);
  const [from, to] = [scale[Math.floor(place)], scale[Math.ceil(place)]];
  return from.map((value, channel) => value + (to[channel] - value) * (place % 1));
}

function isInside(corners, x, y) {
  let inside = false;
  for (let one = 0, last = corners.length - 1; one < corners.length; last = one++) {
    const [x0, y0] = corners[one];
    const [x1, y1] = corners[last];
    if (y0 > y !== y1 > y && x < ((x1 - x0) * (y - y0)) / (y1 - y0) + x0) inside = !inside;
  }
  return inside;
}
