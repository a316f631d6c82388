// Keys, other people, and the desk's life on the page.

const POLL_MS = 1500;

Object.assign(Desk.prototype, {
  listen() {
    const { name, help, fold, choices, all, pairs, sheet, box, verbs } = this.part;
    name.value = this.who;
    name.addEventListener("change", () => this.rename(name.value));
    help.addEventListener("click", () => openKeys(box));
    all.addEventListener("click", () => this.askBulk());
    fold.addEventListener("click", () => {
      fold.setAttribute("aria-expanded", String(choices.classList.toggle("open")));
    });
    pairs.addEventListener("toggle", () => {
      if (pairs.open) this.drawFilters();
    });
    // Streamlit takes r and c for its own, and cannot see that they were typed into a field of this component.
    this.part.desk.addEventListener("keydown", (event) => event.stopPropagation());
    this.press = (event) => this.key(event);
    window.addEventListener("keydown", this.press, true);
    this.wake = () => {
      if (this.isOpen && !document.hidden) this.poll().catch(() => {});
    };
    document.addEventListener("visibilitychange", this.wake);
    this.timer = setInterval(this.wake, POLL_MS);
    // Asked once a change, not once a key: the answer would cost a layout of the page each time.
    this.watcher = new ResizeObserver(([{ contentRect }]) => {
      this.width = contentRect.width;
      if (this.isOpen) this.drawStrip();
    });
    this.width = this.part.bench.clientWidth;
    this.watcher.observe(this.part.bench);
    this.outside = (event) => {
      if (pairs.open && !event.composedPath().includes(pairs)) pairs.open = false;
    };
    window.addEventListener("pointerdown", this.outside, true);
    // A button pressed by hand keeps the focus: the next Enter must not press it again.
    verbs.addEventListener("pointerup", () => setTimeout(() => verbs.getRootNode().activeElement?.blur()));
    sheet.addEventListener("keydown", (event) => {
      if (event.key === "Escape") pairs.open = false;
    });
  },

  leave() {
    window.removeEventListener("keydown", this.press, true);
    window.removeEventListener("pointerdown", this.outside, true);
    document.removeEventListener("visibilitychange", this.wake);
    clearInterval(this.timer);
    clearTimeout(this.newsTimer);
    this.watcher.disconnect();
    this.outbox.hear = {};
  },

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.part.box.open || !this.isOpen) return;
    if (this.data.presented) return; // on a slide keys turn slides, and nothing is decided
    const [target] = event.composedPath();
    if (isTyping(target) || (isPressing(event.key) && isWalkedTo(target))) return;
    const does = this.meaning(event.key);
    if (!does) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    // A key that is held down walks, and decides once.
    if (!event.repeat || event.key.startsWith("Arrow")) does();
  },

  meaning(key) {
    const digit = this.shown && digitsOf(this.setup.classes, this.shown).find((one) => one.key === key);
    if (digit) return () => this.decide("relabel", digit);
    if (!this.setup.classes && /^[0-9.\-]$/.test(key)) return () => this.askLabel(key);
    const back = () => this.goTo(this.row === undefined ? this.place : this.place - 1);
    return {
      k: this.does.keep,
      d: this.does.drop,
      u: this.does.unsure,
      n: this.does.note,
      z: this.does.undo,
      b: () => this.askBulk(),
      r: this.does.relabel,
      "/": this.does.relabel,
      "?": () => openKeys(this.part.box),
      enter: this.does.take,
      arrowleft: back,
      arrowup: back,
      arrowright: () => this.goTo(this.place + 1),
      arrowdown: () => this.goTo(this.place + 1),
      home: () => this.goTo(0),
      end: () => this.goTo(this.queue.rows.length - 1),
      escape: this.queue.rows[this.place] === this.row ? null : () => this.goTo(this.place),
    }[key.toLowerCase()];
  },

  rename(text) {
    this.who = text.trim() || newName();
    this.part.name.value = this.who;
    localStorage.setItem(NAME, this.who);
    this.history = [];
    this.poll().catch(() => {});
    if (this.shown) this.draw();
  },

  async poll() {
    const { queue } = this;
    if (!queue || queue.isAsked) return;
    queue.isAsked = true;
    try {
      const answer = await this.ask("state", { since: this.version, who: this.who });
      const state = await answer.json();
      if (queue === this.queue) this.hearState(state);
    } catch (trouble) {
      this.isDeaf = true;
      if (!this.isOpen) throw trouble;
      this.drawState();
    } finally {
      queue.isAsked = false;
    }
  },

  hearState({ version, since, changed: some, alike, progress, undoable }) {
    const many = alike.flatMap(({ rows, verdicts }) => rows.map((row) => ({ row, verdicts })));
    const changed = [...some, ...many];
    // The log was begun anew: what it does not tell any more does not stand any more.
    if (since !== this.version) {
      const told = new Set(changed.map(({ row }) => row));
      for (const row of [...this.queue.told.keys()].filter((one) => !told.has(one))) this.queue.hear(row, []);
    }
    const news = changed.flatMap(({ row, verdicts }) => this.newsOf(row, verdicts));
    for (const { row, verdicts } of changed) this.queue.hear(row, verdicts);
    const isOther = changed.length || this.isDeaf || undoable !== this.isUndoable;
    this.isDeaf = false;
    this.version = version;
    this.isUndoable = undoable;
    this.progress = progress;
    if (!this.isOpen) return;
    if (news.length) this.say(inShort(news));
    if (changed.some(({ row }) => row === this.row) && this.shown) this.drawCard();
    if (changed.length && this.row === undefined) this.resume(); // all was reviewed, and is it no more
    if (isOther) this.drawState();
    else this.drawProgress();
  },

  // What others have decided or taken back since this desk last heard of a row.
  newsOf(row, verdicts) {
    const before = this.queue.told.get(row) ?? [];
    const isIn = (list, one) => list.some((other) => other.who === one.who && other.decided_at === one.decided_at);
    const made = verdicts.filter((one) => one.who !== this.who && !isIn(before, one));
    const gone = before.filter((one) => one.who !== this.who && !verdicts.some(({ who }) => who === one.who));
    const mine = this.queue.mine(row, this.who);
    const differs = (one) => mine && verdictKey(mine) !== verdictKey(one);
    const news = ({ who }, did) => ({ who: who || "Somebody", did, row });
    return [
      ...made.map((one) => news(one, differs(one) ? "decided otherwise than you about" : SAID[one.decision])),
      ...gone.map((one) => news(one, "took back")),
    ];
  },
});

// "Ada relabeled 3, kept sample 17"
function inShort(news) {
  const people = new Map();
  for (const { who, did, row } of news) {
    if (!people.has(who)) people.set(who, new Map());
    const deeds = people.get(who);
    deeds.set(did, [...(deeds.get(did) ?? []), row]);
  }
  const told = ([did, rows]) => {
    const what = rows.length === 1 ? `sample ${rows[0]}` : number(rows.length);
    return `${did === "unsure" ? "was unsure about" : did} ${what}`;
  };
  return [...people].map(([who, deeds]) => `${who} ${[...deeds].map(told).join(", ")}`).join("; ");
}

const NAME = "explorer-name";

function newName() {
  return `guest-${crypto.getRandomValues(new Uint32Array(1))[0].toString(16).padStart(8, "0").slice(0, 6)}`;
}

function nameOfThisBrowser() {
  const name = localStorage.getItem(NAME) ?? newName();
  localStorage.setItem(NAME, name);
  return name;
}

// A field of a box that was closed keeps the focus until the next frame; nobody is typing into it any more.
function isTyping(target) {
  if (!(target instanceof Element) || target.closest("dialog:not([open])")) return false;
  return target.isContentEditable || target.matches("input, textarea, select");
}

function isPressing(key) {
  return key === "Enter" || key === " ";
}

// Something to press that was reached by keyboard keeps Enter for itself.
function isWalkedTo(target) {
  return target instanceof Element && target.matches(":is(button, a, summary, [role=button], [role=radio], [role=tab]):focus-visible");
}

const desks = new WeakMap();

// Streamlit calls this on every change of data or theme, always with the same parent while the desk stays on screen.
export default function show(component) {
  const root = component.parentElement;
  if (!desks.has(root)) desks.set(root, new Desk(root));
  const desk = desks.get(root);
  desk.update(component);
  return () => {
    desk.leave();
    desks.delete(root);
  };
}
