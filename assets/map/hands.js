// Mouse, fingers and keys on the map, its legend and its status line; and the door through which Streamlit comes in.

Object.assign(NetworkMap.prototype, {
  listen(root) {
    const { marks, colors, lasso, stage } = this.part;
    this.pointers = new Map();
    marks.addEventListener("pointerdown", (event) => this.press(event));
    marks.addEventListener("pointermove", (event) => this.move(event));
    marks.addEventListener("pointerup", (event) => this.release(event));
    marks.addEventListener("pointercancel", (event) => this.release(event));
    marks.addEventListener("pointerleave", () => this.hover(null));
    marks.addEventListener("wheel", (event) => this.turn(event), { passive: false });
    marks.addEventListener("keydown", (event) => this.key(event));
    colors.addEventListener("change", () => {
      this.recolor(colors.value);
      this.tell({ color: colors.value });
    });
    lasso.addEventListener("click", () => this.armLasso(lasso.getAttribute("aria-pressed") !== "true"));
    root.querySelector(".closer").addEventListener("click", () => this.zoom(1.5));
    root.querySelector(".farther").addEventListener("click", () => this.zoom(1 / 1.5));
    root.querySelector(".whole").addEventListener("click", () => this.fit());
    root.querySelector(".saving").addEventListener("click", () => this.save());
    this.listenToPictures(root.querySelector(".showing"));
    stage.map = this; // what is drawn on the canvases can be asked for, by tests and by hand
    // Whoever leaves for another page within the pause takes the selection along.
    root.querySelector(".explorer").addEventListener("pointerleave", () => this.flush());
    // Back means back: what Python has not been told yet shall not come after it.
    this.forget = () => {
      clearTimeout(this.timer);
      this.pending = {};
    };
    window.addEventListener("popstate", this.forget);
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(stage);
    this.part.points.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.part.points.addEventListener("webglcontextrestored", () => {
      this.layer.prepare();
      for (const [name, values] of [["place", this.places], ["lit", this.lit], ["code", this.codes]]) this.layer.fill(name, values);
      this.paint();
    });
  },

  at(event) {
    const box = this.part.marks.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  },

  press(event) {
    if (!this.places || event.button > 0) return;
    this.part.marks.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.at(event));
    this.hover(null);
    this.travelled = this.pointers.size > 1 ? Infinity : 0;
    if (event.shiftKey || this.part.lasso.getAttribute("aria-pressed") === "true") this.line = [this.at(event)];
  },

  move(event) {
    const [x, y] = this.at(event);
    const last = this.pointers.get(event.pointerId);
    if (!last) {
      if (event.pointerType === "mouse") this.hover(this.pick(x, y, REACH.mouse), x, y);
      return;
    }
    this.travelled += Math.hypot(x - last[0], y - last[1]);
    if (this.pointers.size === 2) this.pinch(event.pointerId, [x, y]);
    else if (this.line) this.line.push([x, y]);
    else if (this.travelled > CLICK_SLACK) this.pan(x - last[0], y - last[1]);
    this.pointers.set(event.pointerId, [x, y]);
    this.paint(false);
  },

  release(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const line = this.line;
    this.line = null;
    if (line && line.length > 3 && event.type === "pointerup") this.enclose(line);
    else if (!line && this.travelled <= CLICK_SLACK && event.type === "pointerup") {
      const row = this.pick(...this.at(event), REACH[event.pointerType] ?? REACH.touch);
      if (row !== null) this.go(row);
    }
    this.armLasso(false);
    this.paint(false);
  },

  pan(dx, dy) {
    this.view.x -= dx / this.view.scale;
    this.view.y += dy / this.view.scale;
    this.leavePlace();
    this.paint();
  },

  pinch(moving, [x, y]) {
    const [otherX, otherY] = [...this.pointers].find(([id]) => id !== moving)[1];
    const [lastX, lastY] = this.pointers.get(moving);
    const before = Math.hypot(lastX - otherX, lastY - otherY);
    const now = Math.hypot(x - otherX, y - otherY);
    this.pan((x - lastX) / 2, (y - lastY) / 2);
    this.zoom(now / Math.max(before, 1), (x + otherX) / 2, (y + otherY) / 2);
  },

  turn(event) {
    if (!this.places) return;
    event.preventDefault();
    this.hover(null);
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), ...this.at(event));
  },

  key(event) {
    if (!this.places || event.ctrlKey || event.metaKey || event.altKey) return;
    const does = {
      ArrowLeft: () => this.walk(-1, 0),
      ArrowRight: () => this.walk(1, 0),
      ArrowUp: () => this.walk(0, 1),
      ArrowDown: () => this.walk(0, -1),
      Escape: () => this.clear(),
      "+": () => this.zoom(1.5),
      "=": () => this.zoom(1.5),
      "-": () => this.zoom(1 / 1.5),
      0: () => this.fit(),
    }[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  },

  armLasso(isArmed) {
    this.part.lasso.setAttribute("aria-pressed", isArmed);
    this.part.stage.classList.toggle("drawing", isArmed);
  },

  async hover(row, x, y) {
    const { hover, marks } = this.part;
    if (row !== this.hovered) {
      this.hovered = row;
      this.paint(false);
      marks.style.cursor = row === null ? "" : "pointer";
      hover.hidden = row === null;
      if (row !== null) hover.replaceChildren(this.pictures.canvas(row, 64), element("span", {}, `Sample ${row}`));
    }
    if (row === null) return;
    const isRight = x > this.view.width / 2;
    const top = Math.min(Math.max(y, 44), this.view.height - 44);
    hover.style.cssText = `top:${top}px;${isRight ? `right:${this.view.width - x + 14}px` : `left:${x + 14}px`}`;
    // Wait a moment: a pointer that sweeps over a thousand points should not ask for each of them.
    await new Promise((done) => setTimeout(done, 60));
    if (row !== this.hovered) return;
    const sample = await this.describe(row).catch(() => null);
    if (row !== this.hovered || !sample) return;
    const told = sample.agrees ? sample.label || sample.prediction : `${sample.label} → ${sample.prediction}`;
    hover.lastChild.replaceChildren(element("b", {}, told), element("br"), `Sample ${row}`);
  },

  say(text) {
    this.part.message.textContent = text;
    this.part.message.hidden = !text;
  },

  drawCount() {
    const { n, words } = this.data;
    const isAll = this.litCount === undefined || this.litCount === n;
    const number = (value) => value.toLocaleString("en");
    this.part.counts.textContent = isAll ? words : `Selected ${number(this.litCount)} of ${number(n)}`;
  },

  // To screen readers once the hand rests: a brush that is dragged would say a sentence for every step.
  speakCount() {
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      const { tally, counts } = this.part;
      const isInHand = [...this.charts.values()].some(({ hand }) => hand);
      if (isInHand) this.speakCount();
      else if (tally.textContent !== counts.textContent) tally.textContent = counts.textContent;
    }, SPEAK_AFTER_MS);
  },

  drawStatus() {
    const { conditions } = this.data;
    this.drawCount();
    this.part.conditions.replaceChildren(
      ...conditions.map(({ column, words: told }) =>
        element("button", { title: "Take this condition back", onclick: () => this.unfilter(column) }, `${told} ✕`),
      ),
    );
  },

  drawLegend() {
    const { kind, ends, entries, help, colors } = this.legend;
    this.part.colors.title = help;
    if (kind === "scale") {
      const shown = this.theme.trim(colors.map(toRgb)).map((color) => `rgb(${color.map(Math.round).join(" ")})`);
      const bar = element("i", { class: "scale", style: `background:linear-gradient(to right,${shown.join(",")})` });
      return this.part.legend.replaceChildren(element("span", {}, ends[0]), bar, element("span", {}, ends[1]));
    }
    this.part.legend.replaceChildren(
      ...entries.map(({ name, count, color }, place) =>
        element(
          "button",
          {
            title: `${count.toLocaleString("en")} samples; press to see them alone`,
            onclick: () => this.keepOnly(place),
          },
          element("i", { style: `background:${color}` }),
          name,
          element("small", {}, count.toLocaleString("en")),
        ),
      ),
    );
    return this.markLegend();
  },

  markLegend() {
    if (this.legend?.kind !== "categories") return;
    const chosen = this.charts.get(this.color)?.told?.values ?? this.data.conditions.find(({ column }) => column === this.color)?.values ?? [];
    [...this.part.legend.children].forEach((button, place) => {
      const isChosen = chosen.includes(this.legend.entries[place].value);
      button.setAttribute("aria-pressed", String(isChosen));
      button.classList.toggle("dimmed", chosen.length > 0 && !isChosen);
    });
  },
});

const maps = new WeakMap();

// Streamlit calls this on every change of data or theme, always with the same parent while the map stays on screen.
export default function show(component) {
  const root = component.parentElement;
  if (!maps.has(root)) maps.set(root, new NetworkMap(root));
  const map = maps.get(root);
  map.update(component);
  return () => {
    map.flush();
    clearTimeout(map.speaking);
    map.watcher.disconnect();
    map.stripWatcher?.disconnect();
    window.removeEventListener("popstate", map.forget);
    maps.delete(root);
  };
}
