// Hands on the map: what the pointer rests on, shown with its picture, and dragging, zooming and keys.

Object.assign(ReportMap.prototype, {
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
  },

  point(place) {
    const { width, height, scale } = this;
    return [(this.places[2 * place] - this.x) * scale + width / 2, height / 2 - (this.places[2 * place + 1] - this.y) * scale];
  },

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
  },

  value(column, place) {
    const code = column.codes[place];
    if (column.kind === "categories") return column.entries[code]?.name ?? "—";
    if (code === NONE) return "—";
    const [low, high] = column.ends;
    if (code === 0) return `at most about ${low}`;
    if (code === 254) return `at least about ${high}`;
    const [from, to] = column.span;
    return `about ${Number((from + ((to - from) * code) / 254).toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 })}`;
  },

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
  },

  hide() {
    this.tip.hidden = true;
  },

  listen() {
    const { canvas } = this;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener("wheel", (event) => {
      const isAsked = event.ctrlKey || event.metaKey; // as also two fingers on a touchpad say
      // Whoever scrolls past must not be held here; nor whoever has clicked it and can zoom no further.
      if (!isAsked && document.activeElement !== canvas) return;
      const step = event.deltaY * (event.deltaMode ? 0.05 : event.ctrlKey ? 0.01 : 0.0015);
      if (this.zoom(Math.exp(-Math.min(Math.max(step, -0.25), 0.25)), ...at(event)) || isAsked) event.preventDefault();
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
      if (event.ctrlKey || event.metaKey || event.altKey) return; // the browser's own
      const step = 60 / this.scale;
      const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
      if (event.key in moves) {
        this.x += moves[event.key][0];
        this.y += moves[event.key][1];
        this.draw();
      } else if (event.key === "+" || event.key === "=") this.zoom(1.6);
      else if (event.key === "-") this.zoom(1 / 1.6);
      else if (event.key === "0") this.whole();
      else if (event.key === "Escape") canvas.blur();
      else return;
      event.preventDefault();
    });
  },
});
