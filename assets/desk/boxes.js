// The boxes to type a label or a note into, and the list of keys.

const MOST_OFFERED = 8;

// What a typed text may mean, best first: the class of that number or name, then names that begin so, then any that
// hold it.
function meanings(text, classes) {
  const typed = text.trim().toLowerCase();
  if (!typed) return classes.slice(0, MOST_OFFERED);
  const found = classes
    .map((one) => ({ one, fit: fitOf(typed, one) }))
    .filter(({ fit }) => fit < 4)
    .sort((a, b) => a.fit - b.fit);
  return found.slice(0, MOST_OFFERED).map(({ one }) => one);
}

function fitOf(typed, { class: number, text }) {
  const name = text.toLowerCase();
  if (name === typed) return 0;
  if (`${number}` === typed) return 1;
  if (name.startsWith(typed)) return 2;
  return name.includes(typed) ? 3 : 4;
}

// As many numbers as a sample has targets; null for anything else.
function targetsIn(text, count) {
  const values = text.trim().split(/[\s,;]+/).map((part) => Number(part.replace("\u2212", "-")));
  return text.trim() && values.length === count && values.every(Number.isFinite) ? values : null;
}

// A box to type a label into, with what it may mean below; `choose` is called with what was meant.
function openLabelBox(box, { classes, outputs, typed, choose }) {
  const input = element("input", {
    class: "typed", autocomplete: "off", spellcheck: "false", role: "combobox", "aria-expanded": "true",
    "aria-controls": "meanings", "aria-label": classes ? "Number or name of the class" : "New value",
    placeholder: classes ? "number or name of a class" : outputs > 1 ? `${outputs} numbers, separated by spaces` : "a number",
  });
  const list = element("ul", { id: "meanings", role: "listbox" });
  let offered = [];
  let marked = 0;
  const show = () => {
    offered = classes ? meanings(input.value, classes) : [];
    marked = Math.min(marked, Math.max(offered.length - 1, 0));
    list.replaceChildren(
      ...offered.map((one, place) =>
        element(
          "li",
          { role: "option", id: `meaning-${place}`, "aria-selected": String(place === marked), onclick: () => take(one) },
          `${one.class}` === one.text ? "" : element("small", {}, `${one.class} `),
          one.text,
        ),
      ),
    );
    if (offered.length) input.setAttribute("aria-activedescendant", `meaning-${marked}`);
  };
  const take = (meant) => {
    box.close();
    choose(meant);
  };
  const said = element("p", { class: "hint", role: "alert" });
  const finish = () => {
    const values = classes ? null : targetsIn(input.value, outputs);
    if (classes && offered.length) take(offered[marked]);
    else if (values) take({ class: null, text: values.join(", "), values });
    else said.textContent = classes ? "No class has this number or name." : `Type ${outputs > 1 ? `${outputs} numbers` : "a number"}.`;
  };
  input.addEventListener("input", () => {
    marked = 0;
    said.textContent = "";
    show();
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter") finish();
    else if (step && offered.length) marked = (marked + step + offered.length) % offered.length;
    else return;
    event.preventDefault();
    if (step) show();
  });
  input.value = typed;
  show();
  openBox(box, "Relabel to", input, said, list, drawBoxButtons(box, "Relabel", finish));
  input.focus();
}

function openNoteBox(box, { note, aim, choose }) {
  const input = element("textarea", { class: "typed", rows: "3", maxlength: "10000", "aria-label": "Note" });
  input.value = note;
  const finish = () => {
    box.close();
    choose(input.value.trim());
  };
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    finish();
  });
  openBox(box, "Note", element("p", { class: "hint" }, aim), input, drawBoxButtons(box, "Add the note", finish));
  input.focus();
}

function drawBoxButtons(box, words, finish) {
  return element(
    "div",
    { class: "ends" },
    element("button", { onclick: () => box.close() }, "Cancel ", element("kbd", {}, "Esc")),
    element("button", { class: "primary", onclick: finish }, words, " ", element("kbd", {}, "Enter")),
  );
}

function openBox(box, title, ...content) {
  box.replaceChildren(element("h2", { id: "box-title" }, title), ...content.filter(Boolean));
  box.setAttribute("aria-labelledby", "box-title");
  box.onkeydown = null;
  if (!box.open) box.showModal();
}

const KEYS = [
  ["K", "keep what is given"],
  ["Enter", "take the suggestion"],
  ["0–9", "relabel: the class of that name or number, or the candidate with that number when there are more than ten classes"],
  ["R or /", "relabel: type a name, a number or a value"],
  ["D", "drop the sample: nothing is right for it"],
  ["U", "unsure"],
  ["N", "note, to go with a decision"],
  ["Z", "undo, again and again"],
  ["B", "one decision for all in the queue"],
  ["← → ↑ ↓", "previous and next"],
  ["Home End", "first and last of the queue"],
  ["Esc", "back from a neighbor to the queue"],
  ["?", "these keys"],
];

function openKeys(box) {
  const lines = KEYS.map(([keys, words]) => [
    element("dt", {}, ...keys.split(" ").map((key) => (key === "or" ? " or " : element("kbd", {}, key)))),
    element("dd", {}, words),
  ]);
  openBox(
    box,
    "Keys",
    element("dl", { class: "keylist" }, ...lines.flat()),
    element("div", { class: "ends" }, element("button", { class: "primary", onclick: () => box.close() }, "Close")),
  );
  box.querySelector(".primary").focus();
}
