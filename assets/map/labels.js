// The names of categories on the map, each where its samples lie densest.

const NAMED_SIDE = 64; // squares a side of the map in which samples are counted
const MOST_NAMED = 60; // categories: the largest ones
const OWN_SHARE = 0.5; // of the samples around a name that are of its category, at least
const LIFT = 1.25; // how much that share exceeds the category's share of all samples, at least
const PART_SHARE = 0.25; // of a category's samples that a second cluster must hold to carry the name as well
const FIRST_PART_SHARE = 0.1; // and the largest one, to carry it at all
const FADES = [7, 14]; // zoomed in so many times, names begin to fade, and are gone
const LONGEST_NAME = 80;

Object.assign(NetworkMap.prototype, {
  // Names belong to the colors; over a scale they are those of the labels, if there are any, which may have to be asked for.
  async findNames() {
    const { color, version } = this;
    const stamp = [version, this.legend.kind === "scale" ? "label" : color, stampOf(this.lit)].join(" ");
    if (stamp === this.namedFor) return;
    this.namedFor = stamp;
    const named = this.legend.kind === "scale" ? await this.labelCodes() : { codes: this.codes, legend: this.legend };
    if (stamp !== this.namedFor) return;
    this.named = { stamp, codes: named?.codes, centers: [] };
    if (named) Object.assign(this.named, findCenters(this.places, named.codes, this.lit, named.legend.entries, this.box));
  },

  async labelCodes() {
    if (this.given?.version === this.version) return this.given;
    if (!this.data.colors.some(({ column }) => column === "label")) return null;
    const { version } = this;
    try {
      const [points, legend] = await Promise.all([
        this.ask("points/label").then((answer) => answer.arrayBuffer()),
        this.ask("legend/label").then((answer) => answer.json()),
      ]);
      if (legend.kind === "scale" || version !== this.version) return null;
      this.given = { version, codes: new Uint8Array(points.slice(8 * this.data.n)), legend };
      return this.given;
    } catch {
      return null; // a map without words says what the points say
    }
  },

  // The names that are shown, with their boxes in pixels: larger categories first, none on another.
  placeNames(context) {
    if (!this.named || this.named.stamp !== this.namedFor) return [];
    const closeness = this.view.scale / this.whole;
    const strength = Math.min(Math.max((FADES[1] - closeness) / (FADES[1] - FADES[0]), 0), 1);
    if (!strength) return [];
    const size = this.view.width < 500 ? 14 : this.data.presented ? 22 : 16;
    context.font = `600 ${size}px ${this.theme.font}`;
    const shown = [];
    for (const name of this.named.centers) {
      const text = shortened(context, name.text, Math.min(0.3 * this.view.width, 170));
      const width = context.measureText(text).width + 6;
      const [x, y] = this.toScreen(...(name.row < 0 ? [name.x, name.y] : this.placeOf(name.row)));
      const one = { ...name, text, strength, size, x: x - width / 2, y: y - size / 2 + 3, width, height: size + 6 };
      if (!shown.some((other) => overlap(one, other))) shown.push(one);
    }
    return shown;
  },

  drawNames(context, names) {
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    for (const { text, strength, size, x, y, width, height } of names) {
      context.font = `600 ${size}px ${this.theme.font}`;
      context.globalAlpha = strength;
      context.strokeStyle = this.theme.background;
      context.lineWidth = 4;
      context.strokeText(text, x + width / 2, y + height / 2);
      context.fillStyle = this.theme.text;
      context.fillText(text, x + width / 2, y + height / 2);
    }
    context.globalAlpha = 1;
  },
});

// Where names go: `centers` with text, x and y on the map, the nearest row of the category and how many samples each
// speaks for, most first; and the `majority` in each square, as a code.
function findCenters(places, codes, lit, entries, box) {
  const kinds = entries.length;
  const total = new Float32Array(NAMED_SIDE * NAMED_SIDE);
  const counts = new Uint32Array(total.length * kinds);
  for (let row = 0; row < codes.length; row++) {
    if (!lit[row]) continue;
    const square = namedSquare(places, row, box);
    total[square]++;
    if (codes[row] < kinds) counts[kinds * square + codes[row]]++;
  }
  const majority = new Uint8Array(total.length).fill(NO_CODE);
  for (let square = 0; square < total.length; square++) {
    let most = 0;
    for (let code = 0; code < kinds; code++) {
      const count = counts[kinds * square + code];
      if (count > most) [majority[square], most] = [code, count];
    }
  }
  const everyone = smoothed(total, NAMED_SIDE);
  const largest = entries.map((_, code) => code).sort((one, other) => entries[other].count - entries[one].count);
  const unit = box.side / (NAMED_SIDE - 1);
  const centers = [];
  for (const code of largest.slice(0, MOST_NAMED)) {
    const own = total.map((_, square) => counts[kinds * square + code]);
    const needed = Math.max(OWN_SHARE, (LIFT * entries[code].count) / codes.length);
    for (const { x, y, weight } of centersOf(smoothed(own, NAMED_SIDE), everyone, needed)) {
      const [mapX, mapY] = [box.left + (x + 0.5) * unit, box.low + (y + 0.5) * unit];
      centers.push({ code, text: cleaned(entries[code].name), x: mapX, y: mapY, weight, row: -1, distance: Infinity });
    }
  }
  findNearest(centers, places, codes, lit, box);
  return { majority, centers: centers.sort((one, other) => other.weight - one.weight) };
}

// Gives each center the nearest row of its category, among the squares around it, where there is one.
function findNearest(centers, places, codes, lit, box) {
  const nearby = Array.from({ length: NAMED_SIDE * NAMED_SIDE }, () => null);
  for (const center of centers) {
    for (const square of around(namedSquare([center.x, center.y], 0, box))) (nearby[square] ??= []).push(center);
  }
  for (let row = 0; row < codes.length; row++) {
    const close = lit[row] ? nearby[namedSquare(places, row, box)] : null;
    for (const center of close ?? []) {
      const distance = Math.hypot(places[2 * row] - center.x, places[2 * row + 1] - center.y);
      if (codes[row] === center.code && distance < center.distance) Object.assign(center, { row, distance });
    }
  }
}

// The square of a row among NAMED_SIDE by NAMED_SIDE; whoever has no place on the map counts in the last one.
function namedSquare(places, row, { left, low, side }) {
  const x = Math.floor(((places[2 * row] - left) / side) * (NAMED_SIDE - 1));
  const y = Math.floor(((places[2 * row + 1] - low) / side) * (NAMED_SIDE - 1));
  return x >= 0 && y >= 0 && x < NAMED_SIDE && y < NAMED_SIDE ? y * NAMED_SIDE + x : NAMED_SIDE * NAMED_SIDE - 1;
}

// The densest place of each large part of one category, where it is in the majority.
function centersOf(own, everyone, needed) {
  const height = own.reduce((most, value) => Math.max(most, value), 0);
  const mass = own.reduce((sum, value) => sum + value, 0);
  const isOurs = (place) => own[place] > 0.1 * height && own[place] >= needed * everyone[place];
  const seen = new Uint8Array(own.length);
  const parts = [];
  for (let start = 0; start < own.length; start++) {
    if (seen[start] || !isOurs(start)) continue;
    const part = { weight: 0, peak: start };
    const open = [start];
    seen[start] = 1;
    while (open.length) {
      const place = open.pop();
      part.weight += own[place];
      if (own[place] > own[part.peak]) part.peak = place;
      for (const next of around(place)) {
        if (seen[next] || !isOurs(next)) continue;
        seen[next] = 1;
        open.push(next);
      }
    }
    parts.push(part);
  }
  parts.sort((one, other) => other.weight - one.weight);
  return parts
    .filter(({ weight }, place) => weight >= (place ? PART_SHARE : FIRST_PART_SHARE) * mass && weight >= 2)
    .map(({ weight, peak }) => ({ weight, ...balanced(own, peak) }));
}

function around(place) {
  const [x, y] = [place % NAMED_SIDE, Math.floor(place / NAMED_SIDE)];
  const found = [];
  for (let dy = -1; dy <= 1; dy++) {
    for (let dx = -1; dx <= 1; dx++) {
      const isInside = x + dx >= 0 && x + dx < NAMED_SIDE && y + dy >= 0 && y + dy < NAMED_SIDE;
      if (isInside) found.push((y + dy) * NAMED_SIDE + x + dx);
    }
  }
  return found;
}

// The center of gravity of a square and those around it, in squares.
function balanced(own, peak) {
  let [x, y, sum] = [0, 0, 0];
  for (const place of around(peak)) {
    x += own[place] * (place % NAMED_SIDE);
    y += own[place] * Math.floor(place / NAMED_SIDE);
    sum += own[place];
  }
  return { x: x / sum, y: y / sum };
}

// Without what would break the line or turn the direction of reading of what stands beside it.
function cleaned(name) {
  return name.slice(0, LONGEST_NAME).replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+/g, " ").trim();
}

function shortened(context, text, most) {
  if (context.measureText(text).width <= most) return text;
  const letters = [...text];
  while (letters.length && context.measureText(`${letters.join("")}…`).width > most) letters.pop();
  return `${letters.join("").trimEnd()}…`;
}
