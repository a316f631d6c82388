// Small pictures, cut from the study's sheets; a sheet is fetched when a picture on it is first needed. Where a study has
// many sheets, the pictures on the map are scattered over them and come on small strips instead.

const MOST_SHEETS = 96; // unpacked, a sheet takes 4 MiB of memory
const FEW_SHEETS = 8; // so many are fetched whole
const ON_STRIP = 16; // pictures side by side
const MOST_ON_STRIPS = 3200;
const AT_ONCE = 2;

class Pictures {
  constructor() {
    this.sheets = new Map();
    this.onStrips = new Map();
    this.wanted = [];
    this.asking = 0;
  }

  reset(data) {
    this.layout = data.sheets;
    this.address = (number) => `${data.base}/sheet/${number}?v=${data.version}`;
    this.stripAddress = (rows) => `${data.base}/strip?v=${data.version}&rows=${rows.join(",")}`;
    this.sheets.clear();
    this.onStrips = new Map();
    this.wanted = [];
  }

  get comesOnStrips() {
    return this.layout.count > FEW_SHEETS;
  }

  // Ranges of rows whose pictures cost the server no more than a few sheets, spread over all n rows.
  together(n) {
    if (!this.comesOnStrips) return [];
    const { per_sheet: perSheet, count } = this.layout;
    const numbers = [...new Set([0, 1, 2, 3].map((quarter) => Math.floor((quarter * count) / 4)))];
    return numbers.map((number) => [number * perSheet, Math.min((number + 1) * perSheet, n)]);
  }

  // See that these rows can be drawn soon. What an earlier call wanted and has not been asked for yet is forgotten.
  gather(rows, whenReady) {
    if (this.comesOnStrips) {
      this.wanted = rows.filter((row) => !this.onStrips.has(row)).sort((one, other) => one - other);
      this.askForStrips(whenReady);
      return;
    }
    for (const number of new Set(rows.map((row) => Math.floor(row / this.layout.per_sheet)))) {
      const sheet = this.sheet(number);
      if (!sheet.loaded) sheet.ready.then(whenReady, () => {});
    }
  }

  askForStrips(whenReady) {
    while (this.asking < AT_ONCE && this.wanted.length) {
      const { onStrips } = this;
      const rows = this.wanted.splice(0, ON_STRIP);
      const strip = { image: new Image(), loaded: false };
      rows.forEach((row, place) => onStrips.set(row, { sheet: strip, left: place * this.layout.width, top: 0 }));
      while (onStrips.size > MOST_ON_STRIPS) onStrips.delete(onStrips.keys().next().value);
      this.asking++;
      strip.image.src = this.stripAddress(rows);
      strip.image.decode()
        .then(() => { strip.loaded = true; whenReady(); }, () => rows.forEach((row) => onStrips.delete(row)))
        .finally(() => { this.asking--; this.askForStrips(whenReady); });
    }
  }

  // Whether a row can be drawn without being fetched.
  isHere(row) {
    const number = Math.floor(row / this.layout.per_sheet);
    return Boolean(this.onStrips.get(row)?.sheet.loaded || this.sheets.get(number)?.loaded);
  }

  // Where a row's picture stands: its sheet (a promise of an image) and the corner on it.
  find(row) {
    const alone = this.onStrips.get(row);
    if (alone?.sheet.loaded) return alone;
    const { width, height, columns, per_sheet: perSheet } = this.layout;
    const place = row % perSheet;
    return {
      sheet: this.sheet(Math.floor(row / perSheet)),
      left: (place % columns) * width,
      top: Math.floor(place / columns) * height,
    };
  }

  sheet(number) {
    const { address } = this;
    const sheet = this.sheets.get(number) ?? unpacked(address(number));
    this.keep(number, sheet);
    // Who waits for it will look for it here, also when more sheets have been asked for meanwhile than are kept.
    if (!sheet.loaded) sheet.ready.then(() => address === this.address && this.keep(number, sheet), () => {});
    return sheet;
  }

  keep(number, sheet) {
    this.sheets.delete(number); // to the end of the map: the first one is then the longest unused
    this.sheets.set(number, sheet);
    if (this.sheets.size > MOST_SHEETS) this.sheets.delete(this.sheets.keys().next().value);
  }

  // Draw at once if the sheet is here; returns false and calls back when it has come otherwise.
  drawOn(context, row, x, y, width, height, whenReady) {
    if (!this.layout) return true;
    const { sheet, left, top } = this.find(row);
    if (!sheet.loaded) {
      sheet.ready.then(whenReady, () => {});
      return false;
    }
    context.imageSmoothingEnabled = width < this.layout.width;
    context.drawImage(sheet.image, left, top, this.layout.width, this.layout.height, x, y, width, height);
    return true;
  }

  // A canvas that shows one row, `side` pixels on its longer side.
  canvas(row, side) {
    const { width, height } = this.layout ?? { width: 1, height: 1 };
    const factor = side / Math.max(width, height);
    const sharpness = Math.min(window.devicePixelRatio || 1, 2);
    const canvas = element("canvas", { class: "picture" });
    canvas.width = Math.round(width * factor * sharpness);
    canvas.height = Math.round(height * factor * sharpness);
    canvas.style.width = `${Math.round(width * factor)}px`;
    canvas.style.height = `${Math.round(height * factor)}px`;
    const draw = () => this.drawOn(canvas.getContext("2d"), row, 0, 0, canvas.width, canvas.height, draw);
    draw();
    return canvas;
  }
}

// A picture that has been unpacked beside the page: drawing an <img> would unpack it once more, in the middle of a frame.
function unpacked(address) {
  const sheet = { address, loaded: false };
  sheet.ready = fetch(address, { priority: "low" })
    .then((answer) => (answer.ok ? answer.blob() : Promise.reject(new Error(`${answer.status}`))))
    .then((blob) => createImageBitmap(blob))
    .then((image) => Object.assign(sheet, { image, loaded: true }));
  sheet.ready.catch(() => {});
  return sheet;
}

// A new element; text is only ever set as text, so that a class name cannot become markup.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
