// The strip of pictures under the map: the selected samples, or all, in an order that is chosen; and what can be done
// with a selection, to keep it as a column or to take it away as a table.

const TILE = 60; // pixels across, with the room between two
const WORDS_AFTER_MS = 120;

Object.assign(NetworkMap.prototype, {
  buildGallery() {
    const { gallery } = this.part;
    this.words = new Map();
    this.page = 0;
    this.shownRows = undefined; // the strip below is a new one, with nothing in it
    const button = (name, title, text, onclick) => element("button", { class: name, title, "aria-label": title, onclick }, text);
    const sorts = element("select", { class: "sorts", "aria-label": "Order of the pictures" });
    sorts.addEventListener("change", () => this.sortGallery());
    const place = element("form", { class: "keeping", hidden: true });
    gallery.replaceChildren(
      element(
        "div",
        { class: "gallery-head" },
        element("b", { class: "what" }),
        sorts,
        button("before", "Pictures before", "‹", () => this.turnPage(-1)),
        button("after", "Pictures after", "›", () => this.turnPage(1)),
        element("span", { class: "space" }),
        button("keep", "Save the selected samples as a column", "Save selection", () => this.askName()),
        button("export", "Download the selected samples as CSV", "Export CSV", () => this.exportSelection()),
      ),
      place,
      element("div", { class: "strip", role: "group", "aria-label": "Pictures of samples; press one to go there" }),
    );
    this.offerSorts();
    this.stripWatcher?.disconnect();
    this.stripWatcher = new ResizeObserver(() => this.drawGallery());
    this.stripWatcher.observe(gallery);
    return this.sortGallery();
  },

  offerSorts() {
    const sorts = this.part.gallery.querySelector(".sorts");
    if (!sorts) return;
    const { interest, columns } = this.data.charts;
    const color = columns.find(({ column }) => column === this.color);
    const first = interest.column === "suspicion" ? "most suspicious first" : `${interest.title}, ${interest.rising ? "smallest" : "largest"} first`;
    const offered = [[`${Number(interest.rising)}${interest.column}`, first]];
    if (color) offered.push([`0${this.color}`, `${color.title}, largest first`], [`1${this.color}`, `${color.title}, smallest first`]);
    const before = sorts.value;
    const unlike = offered.filter(([value], place) => offered.findIndex(([other]) => other === value) === place);
    sorts.replaceChildren(...unlike.map(([value, text]) => element("option", { value }, text)));
    if (unlike.some(([value]) => value === before)) sorts.value = before;
    else if (before) this.sortGallery();
  },

  async sortGallery() {
    const { value } = this.part.gallery.querySelector(".sorts");
    try {
      if (value.length < 2) throw new Error("This study has no column to sort by.");
      const answer = await this.ask(`order/${encodeURIComponent(value.slice(1))}`, `&rising=${value[0]}`);
      this.order = new Uint32Array(await answer.arrayBuffer());
      this.page = 0;
      this.drawGallery();
    } catch (trouble) {
      this.say(trouble.message);
    }
  },

  turnPage(by) {
    this.page = Math.max(this.page + by, 0);
    this.drawGallery({ samePage: true });
  },

  drawGallery({ samePage = true } = {}) {
    const { gallery } = this.part;
    const strip = gallery.querySelector(".strip");
    if (!strip || !this.order || this.order.length !== this.data.n) return;
    if (!samePage) this.page = 0;
    const fit = Math.max(Math.floor((strip.clientWidth + 4) / TILE), 1);
    const { total } = this.cross;
    this.page = Math.min(this.page, Math.max(Math.ceil(total / fit) - 1, 0));
    const rows = this.cross.rowsIn(this.order, this.page * fit, fit);
    const isAll = total === this.data.n;
    gallery.querySelector(".what").textContent = isAll ? "All samples" : `${total.toLocaleString("en")} selected`;
    gallery.querySelector(".before").disabled = this.page === 0;
    gallery.querySelector(".after").disabled = (this.page + 1) * fit >= total;
    for (const name of [".keep", ".export"]) gallery.querySelector(name).hidden = isAll || !total;
    if (String(rows) !== this.shownRows) {
      this.shownRows = String(rows);
      strip.replaceChildren(...(rows.length ? rows.map((row) => this.galleryTile(row)) : [element("p", { class: "hint" }, "No sample passes all conditions.")]));
      clearTimeout(this.wording);
      this.wording = setTimeout(() => this.nameTiles(rows), WORDS_AFTER_MS);
    }
    this.markInGallery();
  },

  galleryTile(row) {
    const picture = this.pictures.layout ? this.pictures.canvas(row, 44) : null;
    const tile = element("button", { class: picture ? "tile" : "tile wordy", "data-row": row, "aria-label": `Sample ${row}`, onclick: () => this.go(row) }, picture, element("span", {}, picture ? "\u00a0" : `${row}`));
    if (this.words.has(row)) nameTile(tile, this.words.get(row));
    return tile;
  },

  async nameTiles(rows) {
    const unknown = rows.filter((row) => !this.words.has(row));
    if (!unknown.length) return;
    try {
      const told = await (await this.ask("words", `&rows=${unknown.join(",")}`)).json();
      if (this.words.size > 5000) this.words.clear();
      for (const one of told) this.words.set(one.row, one);
    } catch {
      return; // the pictures stand without their words
    }
    for (const tile of this.part.gallery.querySelectorAll(".tile")) {
      const words = this.words.get(Number(tile.dataset.row));
      if (words) nameTile(tile, words);
    }
  },

  markInGallery() {
    for (const tile of this.part.gallery.querySelectorAll(".tile")) {
      if (Number(tile.dataset.row) === this.selected) tile.setAttribute("aria-current", "true");
      else tile.removeAttribute("aria-current");
    }
  },

  // Python has heard of all brushes and given them their text, which names the selection exactly.
  async settled() {
    this.flush();
    for (let wait = 0; wait < 200; wait++) {
      if (!this.unheard.length && !Object.keys(this.pending).length && this.filter === this.data.filter) return this.filter;
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error("The app does not answer. Reload the page.");
  },

  async exportSelection() {
    try {
      const filter = encodeURIComponent(await this.settled());
      const address = `${this.data.base}/selection.csv?v=${this.data.version}&filter=${filter}`;
      element("a", { href: address, download: `${this.data.study}-selection.csv` }).click();
    } catch (trouble) {
      this.say(trouble.message);
    }
  },

  askName() {
    const form = this.part.gallery.querySelector(".keeping");
    const close = () => {
      form.hidden = true;
      this.part.gallery.querySelector(".keep").focus();
    };
    const name = element("input", { class: "name", maxlength: 40, required: true, placeholder: "such as: odd sevens", "aria-label": "Name of the selection", autocomplete: "off" });
    const trouble = element("span", { class: "trouble", role: "alert" });
    form.replaceChildren(name, element("button", { class: "save", type: "submit" }, "Save"), element("button", { type: "button", onclick: close }, "Cancel"), trouble);
    form.hidden = false;
    form.onkeydown = (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      close();
    };
    form.onsubmit = async (event) => {
      event.preventDefault();
      try {
        const filter = await this.settled();
        const { name: kept } = await this.send("selections/save", { name: name.value, filter });
        form.hidden = true;
        this.part.spoken.textContent = `Saved as ${kept}`;
        this.tell({ kept });
        this.flush();
      } catch (error) {
        trouble.textContent = error.message;
      }
    };
    name.focus();
  },

  async send(path, message) {
    const answer = await fetch(`${this.data.base}/${path}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(message) });
    const told = await answer.json().catch(() => ({ error: `The app answered ${answer.status}. Reload the page.` }));
    if (!answer.ok) throw new Error(told.error);
    return told;
  },
});

function nameTile(tile, { row, label, prediction, agrees }) {
  const told = agrees ? label || prediction : `${label} → ${prediction}`;
  tile.classList.toggle("other", !agrees);
  tile.lastChild.textContent = told || `${row}`;
  tile.title = `Sample ${row}: ${told}`;
  tile.setAttribute("aria-label", agrees ? `Sample ${row}, ${told}` : `Sample ${row}, label ${label}, the network says ${prediction}`);
}
