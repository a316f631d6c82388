// Which samples the queue holds: scope, reasons, pairs of classes; and one decision for all of them.

const number = (value) => value.toLocaleString("en");

function drawToggles(group, offered, isChosen, choose) {
  group.replaceChildren(
    ...offered.map((one) =>
      element(
        "button",
        { "aria-pressed": String(isChosen(one.key)), title: one.help, "data-key": one.key, onclick: () => choose(one.key) },
        one.title,
        " ",
        element("small", {}, number(one.count)),
      ),
    ),
  );
}

// A table of buttons, given class down and suggested class across; where there are too many classes, the commonest pairs.
function drawPairs(sheet, { pairs, numbers, counts }, classes, [given, suggested], choose) {
  const isChosen = (one, other) => one === given && other === suggested;
  const press = (one, other) => choose(isChosen(one, other) ? [null, null] : [one, other]);
  const name = (one) => classes[one]?.text ?? `${one}`;
  const told = ([one, other, count]) => `${name(one)} given, ${name(other)} suggested: ${number(count)} samples`;
  const button = (pair, words) =>
    element(
      "button",
      {
        "aria-pressed": String(isChosen(pair[0], pair[1])),
        title: told(pair),
        "aria-label": told(pair),
        "data-pair": `${pair[0]}>${pair[1]}`,
        onclick: () => press(pair[0], pair[1]),
      },
      ...words,
    );
  if (!counts) {
    sheet.replaceChildren(
      element("p", { class: "hint" }, "Given → suggested, the most frequent pairs."),
      element("div", { class: "pairlist" }, ...pairs.map((pair) =>
        button(pair, [`${name(pair[0])} → ${name(pair[1])} `, element("small", {}, number(pair[2]))]))),
    );
    return;
  }
  const most = Math.max(1, ...counts.flat());
  const cell = (one, other, count) => {
    if (!count) return element("td", {});
    const shade = Math.round(8 + 34 * Math.sqrt(count / most));
    return element("td", { style: `--shade:${shade}%` }, button([one, other, count], [number(count)]));
  };
  const head = (one, isRow) => {
    const [first, second] = isRow ? [one, null] : [null, one];
    const words = isRow ? `All given as ${name(one)}` : `All suggested as ${name(one)}`;
    const state = { "aria-pressed": String(isChosen(first, second)), title: words, "aria-label": words };
    return element(
      "th",
      { scope: isRow ? "row" : "col" },
      element("button", { ...state, onclick: () => press(first, second) }, name(one)),
    );
  };
  sheet.replaceChildren(
    element("p", { class: "hint" }, "Given label down, suggested label across: press a count to see those samples alone."),
    element(
      "div",
      { class: "matrix" },
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, element("td", {}), ...numbers.map((one) => head(one, false)))),
        element("tbody", {}, ...numbers.map((one, down) =>
          element("tr", {}, head(one, true), ...numbers.map((other, across) => cell(one, other, counts[down][across]))))),
      ),
    ),
  );
}

// One decision for the whole queue: what, about how many, and what it will do, before it is done.
function openBulk(box, { undecided, everything, classes, suggested, decide }) {
  const given = classes ? "label" : "target";
  const choices = [
    ["keep", `Keep the given ${given}s`],
    suggested ? ["take", `Take the suggestion, ${suggested.text}`] : null,
    classes ? ["relabel", "Relabel all to…"] : null,
    ["drop", `Drop them: no ${given} is right`],
    ["unsure", "Unsure"],
  ].filter(Boolean);
  const chosen = { verb: null, rows: undecided.length ? undecided : everything };
  const target = element(
    "select",
    { "aria-label": "New label", hidden: true },
    ...(classes ?? []).map((one) => element("option", { value: one.class }, one.text)),
  );
  const effect = element("p", { class: "effect", "aria-live": "polite" });
  const done = element("button", { class: "primary", disabled: true });
  const show = () => {
    target.hidden = chosen.verb !== "relabel";
    const label = chosen.verb === "take" ? suggested.text : target.selectedOptions[0]?.textContent;
    const ends = { keep: `keep the ${given}s that they have`, drop: "be left out", unsure: "be marked as unsure" };
    const count = `${number(chosen.rows.length)} ${chosen.rows.length === 1 ? "sample" : "samples"}`;
    effect.textContent = chosen.verb
      ? `${count} will ${ends[chosen.verb] ?? `be relabeled to ${label}`}. One undo takes all of it back.`
      : `What shall become of ${count}?`;
    done.textContent = chosen.verb ? `Decide for ${count}` : "Decide";
    done.disabled = !chosen.verb || !chosen.rows.length;
  };
  const radio = (group, value, words, isOn, pick) =>
    element(
      "label",
      { class: "choice" },
      element("input", { type: "radio", name: group, value, checked: isOn, onchange: () => { pick(); show(); } }),
      words,
    );
  target.addEventListener("change", show);
  done.addEventListener("click", () => {
    box.close();
    const meant = chosen.verb === "take" ? suggested : classes?.find((one) => `${one.class}` === target.value);
    const isRelabel = chosen.verb === "take" || chosen.verb === "relabel";
    decide(chosen.rows, isRelabel ? "relabel" : chosen.verb, isRelabel ? meant : null);
  });
  show();
  openBox(
    box,
    "Decide for all of these",
    everything.length > undecided.length && undecided.length
      ? element(
        "div",
        { class: "choicelist" },
        radio("which", "undecided", `The ${number(undecided.length)} undecided`, true, () => { chosen.rows = undecided; }),
        radio("which", "all", `All ${number(everything.length)}, decided ones again`, false, () => { chosen.rows = everything; }),
      )
      : null,
    element(
      "div",
      { class: "choicelist" },
      ...choices.map(([verb, words]) => radio("verb", verb, words, false, () => { chosen.verb = verb; })),
      target,
    ),
    effect,
    element("div", { class: "ends" }, element("button", { onclick: () => box.close() }, "Cancel ", element("kbd", {}, "Esc")), done),
  );
  box.onkeydown = ({ key, target: from }) => {
    if (key === "Enter" && from.matches("input, select")) done.click();
  };
  box.querySelector("input[name=verb]").focus();
}
