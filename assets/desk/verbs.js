// The buttons that decide, each with its key.

const MOST_DIGITS = 10;

// What each digit stands for: the classes by number where there are few, or by name where all names are digits; else the
// likeliest ones, counted from 1.
function digitsOf(classes, card) {
  if (!classes) return [];
  const shares = new Map(card.candidates.map((one) => [one.class, one.share]));
  if (classes.length <= MOST_DIGITS) {
    const names = new Set(classes.map((one) => one.text).filter((text) => /^[0-9]$/.test(text)));
    const isNamedByDigit = names.size === classes.length;
    return classes.map((one) => ({
      key: isNamedByDigit ? one.text : `${one.class}`, share: shares.get(one.class) ?? 0, ...one,
    }));
  }
  return card.candidates.slice(0, 9).map((one, place) => ({ key: `${place + 1}`, ...one }));
}

function drawVerbs(group, { card, digits, better, isAllowed, note, can, does }) {
  const verb = (name, words, key, isOff = false) =>
    element(
      "button",
      { class: name, disabled: !isAllowed || isOff, "aria-keyshortcuts": key, onclick: does[name] },
      element("span", {}, words),
      element("kbd", {}, key),
    );
  const noted = element("p", { class: "noted" }, "Goes with your next decision: ", element("q", {}, note));
  group.replaceChildren(
    verb("keep", "Keep", "K", !card),
    verb("take", better ? `Take ${better.text}` : card ? "No suggestion" : "Take", "Enter", !better),
    verb("drop", "Drop", "D", !card),
    verb("unsure", "Unsure", "U", !card),
    verb("relabel", "Relabel", "R", !card),
    verb("note", note ? "Note ✓" : "Note", "N", !card),
    verb("undo", "Undo", "Z", !can.undo),
    element(
      "div",
      { class: digits.some((one) => one.text !== one.key) ? "digits named" : "digits", role: "group", "aria-label": "Relabel" },
      ...digits.map((one) => drawDigit(one, card, isAllowed, does.digit)),
    ),
    ...(note ? [noted] : []),
  );
}

function drawDigit(one, card, isAllowed, choose) {
  const isGiven = one.class === card.given.class;
  const share = one.share >= 0.005 ? inPercent(one.share) : "";
  return element(
    "button",
    {
      class: isGiven ? "digit given" : "digit",
      disabled: !isAllowed,
      "aria-keyshortcuts": one.key,
      title: `${one.text}${isGiven ? ", as given" : ""}${share ? `: ${share} of the neighbors' weight` : ""}`,
      onclick: () => choose(one),
    },
    element("kbd", {}, one.key),
    one.text === one.key ? null : element("span", {}, one.text),
    element("i", { style: `width:${one.share < 0.02 ? 0 : Math.round(100 * one.share)}%` }),
  );
}
