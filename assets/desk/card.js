// The sample in hand: its picture, what was given and what is suggested, why, what people decided, and its neighbors.

const PICTURE = { narrow: 132, least: 180, most: 340 }; // pixels of its longer side
const AROUND_PICTURE = 76; // pixels for what stands above and below it
const NEAR_PICTURE = 60;
const TURN_PICTURE = 40;
const LONG_NAME = 9; // characters of a label that needs smaller type

function drawSample(section, card, pictures, { verdicts, who, guide, closer, isNarrow, isAside, back }) {
  const wasOpen = section.querySelector(".numbers")?.open;
  const numbers = element("details", { class: "numbers", open: wasOpen }, element("summary", {}, "Its numbers"));
  numbers.append(...card.numbers.map((one) => drawNumber(one, guide)));
  section.replaceChildren(
    element(
      "div",
      { class: "head" },
      element("h2", {}, `Sample ${card.row}`),
      element("span", { class: "hint" }, placeInWords(card, isAside)),
      isAside ? element("button", { onclick: back }, "Back to the queue ", element("kbd", {}, "Esc")) : null,
      element("a", { href: closer, target: "_blank", rel: "noopener" }, "Look closer"),
    ),
    element(
      "div",
      { class: "look" },
      pictures.layout ? pictures.canvas(card.row, pictureSide(section, isNarrow)) : null,
      element(
        "div",
        { class: "words" },
        drawAnswers(card),
        verdicts.length ? drawVerdicts(verdicts, who) : null,
        element("ul", { class: "why" }, ...card.reasons.map((reason) => element("li", {}, reason))),
        card.numbers.length ? numbers : null,
      ),
    ),
  );
}

function pictureSide({ clientHeight }, isNarrow) {
  if (isNarrow) return PICTURE.narrow;
  return Math.min(Math.max(clientHeight - AROUND_PICTURE, PICTURE.least), PICTURE.most);
}

function placeInWords({ rank, of }, isAside) {
  const place = rank ? `number ${rank.toLocaleString("en")} of ${of.toLocaleString("en")} by doubt` : "not ranked";
  return isAside ? `${place}; not the one in turn` : place;
}

function drawAnswers({ given, suggested, predicted }) {
  const isDoubted = suggested && suggested.text !== given.text;
  return element(
    "dl",
    { class: "answers" },
    drawAnswer("Given", given.text, "given", null),
    suggested ? drawAnswer("Suggested", suggested.text, isDoubted ? "better" : "", suggested.support) : null,
    predicted ? drawAnswer("Predicted", predicted.text, suggested ? "" : "better", predicted.confidence) : null,
  );
}

function drawAnswer(title, text, kind, share) {
  const isKnown = share !== null && share !== undefined;
  return element(
    "div",
    { class: `answer ${kind}${text.length > LONG_NAME ? " long" : ""}` },
    element("dt", {}, title),
    element("dd", { title: text }, text, isKnown ? element("small", {}, inPercent(share)) : null),
  );
}

function inPercent(share) {
  const percent = 100 * share;
  return percent > 99.5 && percent < 100 ? "> 99 %" : percent < 0.5 && percent > 0 ? "< 1 %" : `${Math.round(percent)} %`;
}

// Two who differ stand beside each other: nobody's decision silently wins.
function drawVerdicts(verdicts, who) {
  const isConflict = new Set(verdicts.map(verdictKey)).size > 1;
  return element(
    "div",
    { class: isConflict ? "verdicts conflict" : "verdicts" },
    isConflict ? element("b", {}, "Opinions differ: ") : null,
    ...verdicts.map((one) =>
      element(
        "span",
        { class: one.isPending ? "verdict pending" : "verdict" },
        element("b", {}, one.who === who ? "You" : one.who || "Somebody"),
        ` ${verdictInWords(one)}`,
        one.note ? element("q", {}, one.note) : null,
        one.isPending ? element("i", {}, " saving…") : null,
      ),
    ),
  );
}

const DONE = { keep: "kept it", drop: "dropped it", unsure: "could not tell" };

function verdictInWords({ decision, text }) {
  return DONE[decision] ?? `relabeled it to ${text}`;
}

function drawNear(section, card, pictures, given, go) {
  if (!card.neighbors.length) {
    section.replaceChildren(
      element("h3", {}, "No neighbors"),
      element("p", { class: "hint" }, "The network's gradient for it is zero or not finite, so it resembles no other."),
    );
    return;
  }
  const isMixed = card.neighbors.some((one) => one.has_other_label);
  section.replaceChildren(
    element("h3", {}, "Most similar, as the network sees it"),
    element(
      "p",
      { class: "hint" },
      `Its ${given}, then the similarity k\u1d9c.`,
      isMixed ? element("span", {}, " ", element("i", {}, "Shaded"), ": another label.") : null,
    ),
    element("div", { class: "tiles" }, ...card.neighbors.map((one) => drawNearOne(one, pictures, go))),
  );
}

function drawNearOne(one, pictures, go) {
  const named = one.label || one.prediction;
  const similarity = one.similarity.toFixed(3).replace("-", "\u2212");
  const words = `Sample ${one.row}, ${named}, similarity ${similarity}${one.has_other_label ? ", another label" : ""}`;
  return element(
    "button",
    {
      class: one.has_other_label ? "tile other" : "tile",
      title: words,
      "aria-label": words,
      "data-row": one.row,
      onclick: () => go(one.row),
    },
    smallPicture(one.row, NEAR_PICTURE, pictures),
    element("span", { class: "label" }, named),
    element("small", {}, similarity),
  );
}

const SIGNS = { keep: "✓", drop: "✕", unsure: "?", conflict: "≠" };
const SAID = { keep: "kept", relabel: "relabeled", drop: "dropped", unsure: "unsure", conflict: "disputed" };

// A window of the queue around the place in hand; as many as fit.
function drawStrip(strip, queue, place, count, pictures, go) {
  const first = Math.max(0, Math.min(place - Math.floor(count / 2), queue.rows.length - count));
  const shown = [...queue.rows.slice(first, first + count)];
  strip.replaceChildren(...shown.map((row, step) => drawTurn(row, first + step, first + step === place, queue, pictures, go)));
}

function drawTurn(row, place, isCurrent, queue, pictures, go) {
  const code = CODES[queue.codes[row]];
  const latest = queue.verdicts(row).at(-1);
  const isPending = queue.pending.has(row);
  const sign = code === "relabel" ? latest.text : SIGNS[code] ?? "";
  const said = code ? SAID[code] + (code === "relabel" ? ` to ${latest.text}` : "") : "undecided";
  return element(
    "button",
    {
      class: `turn ${code}${isPending ? " pending" : ""}`,
      "aria-current": isCurrent ? "true" : null,
      "aria-label": `${place + 1}: sample ${row}, ${said}${isPending ? ", not saved yet" : ""}`,
      title: `Sample ${row}, ${said}`,
      "data-row": row,
      onclick: () => go(place),
    },
    smallPicture(row, TURN_PICTURE, pictures) ?? `${row}`,
    element("span", {}, `${sign}${isPending ? "…" : ""}`),
  );
}

// A window on the sheet. Some forty of these change with every key: a canvas for each would take a frame longer.
function smallPicture(row, side, pictures) {
  if (!pictures.layout) return null;
  const { width, height, columns } = pictures.layout;
  const { sheet, left, top } = pictures.find(row);
  const factor = side / Math.max(width, height);
  const pane = element("i", { class: "picture" });
  Object.assign(pane.style, {
    width: `${width * factor}px`,
    height: `${height * factor}px`,
    backgroundImage: `url("${sheet.address}")`,
    backgroundSize: `${columns * width * factor}px auto`,
    backgroundPosition: `${-left * factor}px ${-top * factor}px`,
  });
  return pane;
}
