// The map as a picture, as it stands on the screen and twice as sharp; and the place where the visitor looks.

const SHARPNESS = 2;
const MARGIN = 16;
const TITLE = 44; // pixels above the map
const LINE = 24; // pixels of a line of the legend
const NOWHERE = { at: null, stage: null };

Object.assign(NetworkMap.prototype, {
  async save() {
    if (!this.places || !this.view) return;
    const blob = await new Promise((done) => this.compose().toBlob(done, "image/png"));
    const address = URL.createObjectURL(blob);
    const name = `${this.data.study} by ${this.legend.title}`.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 100).replace(/-+$/, "");
    element("a", { href: address, download: `${name}.png` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  },

  // Title, points, pictures, names, lines and legend on one canvas.
  compose() {
    const { width, height } = this.view;
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d");
    const legend = this.legendLines(context, width - 2 * MARGIN);
    canvas.width = SHARPNESS * width;
    canvas.height = SHARPNESS * (TITLE + height + LINE * legend.length + MARGIN);
    context.scale(SHARPNESS, SHARPNESS);
    context.fillStyle = this.theme.background;
    context.fillRect(0, 0, canvas.width, canvas.height);
    this.writeTitle(context, width - 2 * MARGIN);
    context.save();
    context.translate(0, TITLE);
    context.beginPath();
    context.rect(0, 0, width, height);
    context.clip();
    context.drawImage(this.sharpPoints(), 0, 0, width, height);
    this.drawStill(context);
    context.restore();
    context.translate(MARGIN, TITLE + height + MARGIN / 2);
    this.drawLegendLines(context, legend);
    return canvas;
  },

  // The points drawn anew for the picture; the canvas on screen is as before when the browser shows it again.
  sharpPoints() {
    const { points } = this.part;
    const before = [points.width, points.height];
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [SHARPNESS * this.view.width, SHARPNESS * this.view.height];
    if (!this.layer.gl) return copy;
    [points.width, points.height] = [copy.width, copy.height];
    this.drawPoints();
    copy.getContext("2d").drawImage(points, 0, 0);
    [points.width, points.height] = before;
    this.drawPoints();
    return copy;
  },

  writeTitle(context, width) {
    const filter = this.data.conditions.map(({ words }) => cleaned(words)).join(" · ");
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.fillStyle = this.theme.text;
    context.font = `600 17px ${this.theme.font}`;
    const name = shortened(context, cleaned(this.data.study), width / 2);
    context.fillText(name, MARGIN, TITLE / 2);
    const after = context.measureText(name).width + 12;
    context.font = `14px ${this.theme.font}`;
    context.globalAlpha = 0.75;
    const told = [`colored by ${this.legend.title}`, filter, this.part.counts.textContent].filter(Boolean).join(" · ");
    context.fillText(shortened(context, told, width - after), MARGIN + after, TITLE / 2 + 1);
    context.globalAlpha = 1;
  },

  // Entries of the legend with their places, line by line.
  legendLines(context, width) {
    if (this.legend.kind === "scale") return [[]];
    context.font = `14px ${this.theme.font}`;
    const lines = [[]];
    let x = 0;
    this.legend.entries.forEach(({ name, count, color }, place) => {
      const told = shortened(context, cleaned(name), 240);
      const number = count.toLocaleString("en");
      const [wide, far] = [told, number].map((text) => context.measureText(text).width);
      const needed = 18 + wide + 7 + far + 20;
      if (x && x + needed > width) {
        lines.push([]);
        x = 0;
      }
      lines.at(-1).push({ x, told, number, wide, color, isDim: this.part.legend.children[place].matches(".dimmed") });
      x += needed;
    });
    return lines;
  },

  drawLegendLines(context, lines) {
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.font = `14px ${this.theme.font}`;
    if (this.legend.kind === "scale") return this.drawScale(context);
    lines.forEach((line, row) => {
      for (const { x, told, number, wide, color, isDim } of line) {
        const y = LINE * (row + 0.5);
        context.globalAlpha = isDim ? 0.3 : 1;
        context.fillStyle = color;
        context.beginPath();
        context.arc(x + 5, y, 5, 0, 2 * Math.PI);
        context.fill();
        context.fillStyle = this.theme.text;
        context.fillText(told, x + 18, y + 1);
        context.globalAlpha *= 0.7;
        context.fillText(number, x + 18 + wide + 7, y + 1);
        context.globalAlpha = 1;
      }
    });
    return undefined;
  },

  drawScale(context) {
    const { ends, colors } = this.legend;
    const [low, high] = ends;
    const from = context.measureText(low).width + 8;
    const shade = context.createLinearGradient(from, 0, from + 180, 0);
    const shown = this.theme.trim(colors.map(toRgb));
    shown.forEach((color, place) => shade.addColorStop(place / (shown.length - 1), `rgb(${color.map(Math.round).join(" ")})`));
    context.fillStyle = shade;
    context.beginPath();
    context.roundRect(from, LINE / 2 - 5, 180, 10, 5);
    context.fill();
    context.fillStyle = this.theme.text;
    context.fillText(low, 0, LINE / 2 + 1);
    context.fillText(high, from + 188, LINE / 2 + 1);
  },

  // Python keeps where the visitor looks: nothing for the whole map, else x and y of the middle and pixels to a unit, on
  // a map of some width and height.
  tellPlace() {
    const { x, y, scale, width, height } = this.view;
    const seen = this.isWhole ? NOWHERE : this.seen ?? { at: [x, y, scale], stage: [width, height] };
    const words = JSON.stringify(seen);
    if (words === this.placeTold || this.pointers.size) return;
    this.placeTold = words;
    this.tell({ place: seen.at, stage: seen.stage });
  },

  // Go where Python says, once for each time that it says so. The selected sample need not be in sight there.
  visit({ serial, at, stage }, smoothly = true) {
    if (serial === this.visited || !this.places) return;
    this.visited = serial;
    this.heldRow = at ? this.data.sample : null;
    this.placeTold = JSON.stringify(at ? { at, stage } : NOWHERE);
    if (at) this.show({ at, stage }, smoothly);
    else if (!this.isWhole) this.fit(smoothly);
  },

  // All that was seen on a map of that size is seen on this one too, and stays so until the visitor moves it.
  show(seen, smoothly) {
    const { at: [x, y, scale], stage } = seen;
    const { width, height } = this.view;
    const factor = stage ? Math.min(width / stage[0], height / stage[1]) : 1;
    this.fly({ x, y, scale: scale * factor }, smoothly);
    this.seen = seen;
  },
});
