// The bar of a presentation: name and note of the slide, the keys that presenters' remotes send, and a full screen.
// A key is answered at once; Python hears which slide is meant and draws it.

const STEPS = { ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1, Home: -Infinity, End: Infinity };
const PATIENCE_MS = 4000; // after which Python is right whatever it says

class Slides {
  constructor(root) {
    this.part = Object.fromEntries(
      ["bar", "name", "note", "count", "before", "after", "full", "leave"].map((name) => [name, root.querySelector(`.${name}`)]),
    );
    const { before, after, full, leave, bar } = this.part;
    before.onclick = () => this.step(-1);
    after.onclick = () => this.step(1);
    leave.onclick = () => this.tell("leave", true);
    full.hidden = !document.fullscreenEnabled;
    full.onclick = () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen());
    this.key = (event) => this.press(event);
    this.back = () => { this.wanted = null; };
    // Before anything on the page hears it: the map's own arrow keys walk from sample to sample.
    window.addEventListener("keydown", this.key, { capture: true });
    window.addEventListener("popstate", this.back);
    this.watcher = new ResizeObserver(() => {
      document.documentElement.style.setProperty("--slide-top", `${Math.ceil(bar.getBoundingClientRect().height)}px`);
    });
    this.watcher.observe(bar);
  }

  close() {
    window.removeEventListener("keydown", this.key, { capture: true });
    window.removeEventListener("popstate", this.back);
    this.watcher.disconnect();
  }

  update({ data, setTriggerValue }) {
    this.tell = setTriggerValue;
    this.slides = data.slides;
    const isHeard = !this.wanted || this.wanted.id === data.current || performance.now() > this.wanted.until;
    if (isHeard) {
      this.wanted = null;
      this.place = this.slides.findIndex(({ id }) => id === data.current);
    }
    this.draw();
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || isTheirs(event)) return;
    if (event.key === "Escape") {
      if (!document.fullscreenElement) this.tell("leave", true); // the browser itself takes Escape for its full screen
    } else if (event.key in STEPS) this.step(STEPS[event.key]);
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  step(by) {
    const place = Math.min(Math.max(this.place + by, 0), this.slides.length - 1);
    if (place === this.place) return;
    this.place = place;
    const { id } = this.slides[place];
    this.wanted = { id, until: performance.now() + PATIENCE_MS };
    this.draw();
    this.tell("slide", id);
  }

  draw() {
    const { name, note, count, before, after } = this.part;
    const slide = this.slides[this.place];
    name.textContent = slide?.name ?? "Presentation";
    note.textContent = slide?.note ?? "";
    note.hidden = !slide?.note;
    count.textContent = slide ? `${this.place + 1} of ${this.slides.length}` : "";
    before.disabled = this.place <= 0;
    after.disabled = this.place >= this.slides.length - 1;
  }
}

const OWN_KEYS = [
  ["[role=dialog], [role=listbox], [role=menu]", /./],
  ["input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable=true]", /./],
  ["[role=slider], [type=range]", /^(Arrow|Page|Home|End)/],
  ["[role=radio], [type=radio], [role=tab]", /^(Arrow| )/],
  ["button, summary, [role=button], [role=switch], [type=checkbox]", /^ /],
];

// Whether what has the focus has a use of its own for a key: fields for all, since somebody types there, sliders and
// groups of choices for those that move within them.
function isTheirs(event) {
  const [target] = event.composedPath();
  return target instanceof Element && OWN_KEYS.some(([kind, keys]) => target.closest(kind) && keys.test(event.key));
}

const bars = new WeakMap();

export default function show(component) {
  const root = component.parentElement;
  if (!bars.has(root)) bars.set(root, new Slides(root));
  bars.get(root).update(component);
  return () => {
    bars.get(root)?.close();
    bars.delete(root);
  };
}
