// Small pictures, cut from the study's sheets; a sheet is fetched when a picture on it is first needed.

const MOST_SHEETS = 48; // unpacked, a sheet takes 12 MiB of memory

class Pictures {
  constructor() {
    this.sheets = new Map();
  }

  reset(data) {
    this.layout = data.sheets;
    this.address = (number) => `${data.base}/sheet/${number}?v=${data.version}`;
    this.sheets.clear();
  }

  // Where a row's picture stands: its sheet (a promise of an image) and the corner on it.
  find(row) {
    const { width, height, columns, per_sheet: perSheet } = this.layout;
    const place = row % perSheet;
    return {
      sheet: this.sheet(Math.floor(row / perSheet)),
      left: (place % columns) * width,
      top: Math.floor(place / columns) * height,
    };
  }

  sheet(number) {
    let sheet = this.sheets.get(number);
    if (sheet) {
      this.sheets.delete(number); // to the end of the map: the first one is then the longest unused
    } else {
      const image = new Image();
      image.src = this.address(number);
      sheet = { image, ready: image.decode() };
      sheet.ready.then(() => { sheet.loaded = true; }, () => {});
      if (this.sheets.size >= MOST_SHEETS) this.sheets.delete(this.sheets.keys().next().value);
    }
    this.sheets.set(number, sheet);
    return sheet;
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
