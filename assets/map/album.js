// Samples that are picked for the report, with a note: the control in the panel, and what it asks and tells.

const LOOK_AGAIN_MS = 3000; // others may have picked in the meantime

class Album {
  constructor() {
    this.notes = new Map();
    this.looked = -Infinity;
  }

  reset(base) {
    if (this.base !== base) {
      this.looked = -Infinity;
      this.notes = new Map(); // of another study
    }
    this.base = base;
  }

  // The control for one sample: drawn from what is known, and again once the app has said what is picked.
  control(row) {
    const place = element("div", { class: "pick" });
    this.draw(place, row);
    if (performance.now() - this.looked > LOOK_AGAIN_MS) {
      this.ask("picks").then(() => !place.querySelector("textarea") && this.draw(place, row), () => {});
    }
    return place;
  }

  draw(place, row, trouble = "") {
    const isPicked = this.notes.has(row);
    const note = this.notes.get(row);
    const open = () => this.open(place, row);
    place.replaceChildren(
      ...(isPicked
        ? [
          element("span", { class: "picked" }, "\u2713 In the report"),
          element("button", { onclick: open }, note ? "Change note" : "Add a note"),
          element("button", { onclick: () => this.act(place, row, "unpick", { row }) }, "Take out"),
          note ? element("q", {}, note) : null,
        ]
        : [element("button", { disabled: this.refusal !== undefined, title: this.refusal, onclick: open }, "+ Add to report")]
      ).filter(Boolean),
    );
    if (trouble) this.complain(place, trouble);
  }

  open(place, row) {
    const field = element("textarea", { rows: 3, maxlength: 4000, "aria-label": "Note", placeholder: "Why it is worth a look (optional)" });
    field.value = this.notes.get(row) ?? "";
    const keep = () => this.act(place, row, "pick", { row, note: field.value.trim(), who: nameHere() });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) keep();
      else if (event.key === "Escape") this.draw(place, row);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    place.replaceChildren(
      field,
      element("button", { class: "keep", onclick: keep }, this.notes.has(row) ? "Keep the note" : "Add to report"),
      element("button", { onclick: () => this.draw(place, row) }, "Cancel"),
    );
    field.focus({ preventScroll: true });
  }

  async act(place, row, path, message) {
    const trouble = await this.ask(path, message).then(() => "", (error) => error.message);
    if (trouble && place.querySelector("textarea")) return this.complain(place, trouble); // the note stays
    this.draw(place, row, trouble);
    place.querySelector("button")?.focus({ preventScroll: true });
    return undefined;
  }

  complain(place, trouble) {
    place.querySelector("[role=alert]")?.remove();
    place.append(element("p", { role: "alert" }, trouble));
  }

  async ask(path, message = null) {
    const options = message && {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(message),
    };
    const { base } = this;
    const answer = await fetch(`${base}/album/${path}`, options ?? {}).catch(() => {
      throw new Error("The app did not answer. Is it still running?");
    });
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(told.error ?? `The app answered ${answer.status}.`);
    if (base !== this.base) return; // the visitor has gone to another study
    this.looked = performance.now();
    this.notes = new Map(told.picks.map(({ row: one, note }) => [one, note]));
    this.refusal = told.allowed === true ? undefined : told.allowed;
  }
}

// What the visitor is called, as the desk of labels remembers it; a browser may refuse to tell.
function nameHere() {
  try {
    return localStorage.getItem("explorer-name") ?? "";
  } catch {
    return "";
  }
}
