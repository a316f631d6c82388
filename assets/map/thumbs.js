// Pictures on the map: as few as tell the parts apart on the whole map, and the more the closer one looks.

const LEAST_SIDE = 4; // pixels of a picture that shows something
const MOST_OTHERS = 1500; // so few points in sight are compared with each other
const PIN = 6; // pixels from a point up to its picture
const REMEMBERED = "explorer-map-pictures";

Object.assign(NetworkMap.prototype, {
  listenToPictures(button) {
    // A browser may refuse to remember; the visitor sees the same, only not next time.
    const attempt = (deed) => { try { return deed(); } catch { return null; } };
    this.showsPictures = attempt(() => localStorage.getItem(REMEMBERED)) !== "off";
    const show = () => button.setAttribute("aria-pressed", this.showsPictures);
    button.addEventListener("click", () => {
      this.showsPictures = !this.showsPictures;
      attempt(() => localStorage.setItem(REMEMBERED, this.showsPictures ? "on" : "off"));
      show();
      this.paint(false);
      this.lookAround();
    });
    show();
  },

  picturesSaySomething() {
    const { layout } = this.pictures;
    return Boolean(layout) && Math.min(layout.width, layout.height) >= LEAST_SIDE;
  },

  // Sizes in pixels: of a picture's longer side, and of the room that it needs. Both grow slower than the map does.
  pictureSize() {
    const closeness = Math.max(this.view.scale / this.whole, 0.25);
    const isSmall = this.view.width < 500;
    const [usual, most] = isSmall ? [24, 46] : this.data.presented ? [42, 64] : [30, 46];
    const side = Math.min(Math.max(usual + 4 * Math.log2(closeness), 18), most);
    return { side, room: side + 7 + (isSmall ? 16 : 26) / closeness };
  },

  // Called when the visitor has come to rest: what a moving map must not wait for.
  async lookAround() {
    if (!this.places || !this.codes) return;
    await this.findNames();
    this.settle();
    this.others = this.spread ? this.spread.roomsOfOthers(this.rowsInSight()) : new Map();
    this.drawMarks();
    if (this.showsPictures && this.picturesSaySomething()) {
      this.pictures.gather(this.drawn.pictures.map(({ row }) => row), () => this.paint(false));
    }
    this.tellPlace();
  },

  // Choose anew when other samples are lit, others have names, or the map is another one.
  settle() {
    if (this.settledFor === this.named) return;
    this.settledFor = this.named;
    this.spread = this.picturesSaySomething() ? new Spread(this.places, this.merits(), this.box) : null;
  },

  // Only lit samples are shown; rather those that are like most around them, and those whose pictures come together; and
  // first of all the one beside each name.
  merits() {
    const { codes, majority, centers } = this.named;
    const merits = this.lit.slice();
    for (const [from, to] of this.pictures.together(merits.length)) {
      for (let row = from; row < to; row++) merits[row] *= 2;
    }
    if (!codes) return merits;
    for (let row = 0; row < merits.length; row++) {
      if (merits[row] && codes[row] === majority[namedSquare(this.places, row, this.box)]) merits[row] += 2;
    }
    for (const { row } of centers) if (row >= 0) merits[row] = BEST;
    return merits;
  },

  // Rows that may be shown in sight and just beyond it; none when there are too many to compare.
  rowsInSight() {
    const [left, low, right, high] = this.surroundings(2 * this.pictureSize().room);
    const { merits } = this.spread;
    const seen = [];
    for (let row = 0; row < merits.length; row++) {
      const [x, y] = [this.places[2 * row], this.places[2 * row + 1]];
      if (x > left && x < right && y > low && y < high && merits[row]) seen.push(row);
      if (seen.length > MOST_OTHERS) return [];
    }
    return seen;
  },

  // What is in sight, as left, low, right and high on the map, wider by some pixels on all sides.
  surroundings(pixels) {
    const [left, high] = this.toMap(-pixels, -pixels);
    const [right, low] = this.toMap(this.view.width + pixels, this.view.height + pixels);
    return [left, low, right, high];
  },

  // The pictures that belong in sight, with their places in pixels; none stands in the way of a word or the selected sample.
  placePictures(words) {
    if (!this.showsPictures || !this.spread) return [];
    const { side, room } = this.pictureSize();
    const least = room / this.view.scale;
    const around = this.surroundings(room);
    const rows = this.spread.within(around, least);
    for (const [row, itsRoom] of this.others ?? []) if (itsRoom >= least) rows.push(row);
    const { width, height } = this.pictures.layout;
    const factor = side / Math.max(width, height);
    const [w, h] = [width * factor, height * factor];
    const [x0, y0] = this.selected === undefined ? [-100, -100] : this.toScreen(...this.placeOf(this.selected));
    const inTheWay = [...words, { x: x0 - 11, y: y0 - 11, width: 22, height: 22 }];
    return rows
      .filter((row) => this.lit[row]) // since the pictures were chosen, a brush may have moved on
      .map((row) => {
        const [x, y] = this.toScreen(...this.placeOf(row));
        return { row, x: x - w / 2, y: y - PIN - 2 - h, width: w, height: h };
      })
      .filter((one) => one.x + w > 0 && one.y + h > 0 && one.x < this.view.width && one.y < this.view.height)
      .filter((one) => !inTheWay.some((other) => overlap(one, other)));
  },

  drawPictures(context, pictures) {
    const rgba = this.palette();
    for (const one of pictures) {
      const { row, x, y, width, height } = one;
      if (!this.pictures.isHere(row)) continue;
      const color = `rgb(${rgba.slice(4 * this.codes[row], 4 * this.codes[row] + 3).join(" ")})`;
      context.fillStyle = this.codes[row] === NO_CODE ? this.theme.soft : color;
      context.beginPath();
      context.roundRect(x - 2, y - 2, width + 4, height + 4, 4);
      context.moveTo(x + width / 2 - 4, y + height + 1.5);
      context.lineTo(x + width / 2, y + height + 2 + PIN);
      context.lineTo(x + width / 2 + 4, y + height + 1.5);
      context.fill();
      context.save();
      context.beginPath();
      context.roundRect(x, y, width, height, 2.5);
      context.clip();
      this.pictures.drawOn(context, row, x, y, width, height, () => {});
      context.restore();
    }
  },
});

// Two boxes of x, y, width and height.
function overlap(one, other) {
  return (
    one.x < other.x + other.width && other.x < one.x + one.width &&
    one.y < other.y + other.height && other.y < one.y + one.height
  );
}

// A number that is another one when any byte is.
function stampOf(bytes) {
  let stamp = bytes.length;
  for (let place = 0; place < bytes.length; place++) stamp = (Math.imul(stamp, 31) + bytes[place]) | 0;
  return stamp;
}
