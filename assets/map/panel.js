// The panel beside the map: the selected sample, its neighbors and its numbers, drawn the moment they arrive.

const SHOWN_AT_FIRST = 12;

function drawPanel(panel, sample, pictures, { trail, guide, go, pick = null }) {
  panel.replaceChildren(
    drawHead(sample, trail, go),
    element("div", { class: "who" }, pictures.canvas(sample.row, 120), drawFacts(sample)),
    ...(pick ? [pick] : []),
    element("h2", {}, "Most similar, as the network sees it"),
    drawNeighbors(sample, pictures, go),
    element("h2", {}, "Its numbers"),
    element("div", { class: "numbers" }, ...sample.numbers.map((one) => drawNumber(one, guide))),
  );
}

function drawHead(sample, trail, go) {
  const before = trail.slice(-5, -1);
  return element(
    "nav",
    { class: "trail", "aria-label": "Samples visited before" },
    ...before.map((row) =>
      element("button", { onclick: () => go(row, { back: true }), title: `Back to sample ${row}` }, `${row}`),
    ),
    element("strong", { "aria-current": "true" }, `Sample ${sample.row}`),
  );
}

function drawFacts(sample) {
  const facts = sample.facts.map(({ title, text, help, column }) => [
    element("dt", { title: help }, title),
    element("dd", { class: column === "prediction" && !sample.agrees ? "differs" : null }, text),
  ]);
  return element("dl", { class: "facts" }, ...facts.flat());
}

function drawNeighbors(sample, pictures, go) {
  if (!sample.neighbors.length) {
    return element(
      "p",
      { class: "hint" },
      "None: the network's gradient for this sample is zero or not finite, so it resembles no other.",
    );
  }
  const tiles = (from, to) => sample.neighbors.slice(from, to).map((one) => drawNeighbor(one, pictures, go));
  const grid = element("div", { class: "neighbors" }, ...tiles(0, SHOWN_AT_FIRST));
  const more = element("button", { class: "more" }, `Show ${sample.neighbors.length - SHOWN_AT_FIRST} more`);
  more.addEventListener("click", () => {
    grid.append(...tiles(SHOWN_AT_FIRST));
    more.remove();
  });
  const isMixed = sample.neighbors.some((one) => one.has_other_label);
  return element(
    "div",
    {},
    element(
      "p",
      { class: "hint" },
      "Under each picture its similarity k\u1d9c: at 1 the network moves both answers alike, at 0 independently.",
      isMixed ? element("span", {}, " ", element("i", {}, "Shaded"), ": another label.") : null,
    ),
    grid,
    sample.neighbors.length > SHOWN_AT_FIRST ? more : null,
  );
}

function drawNeighbor(one, pictures, go) {
  const named = one.label || one.prediction;
  const told = one.agrees ? named : `${one.label} → ${one.prediction}`;
  const words = one.agrees ? "" : `, the network says ${one.prediction}`;
  const label = `Sample ${one.row}, ${named}${words}, similarity ${one.similarity.toFixed(3)}`;
  return element(
    "button",
    {
      class: one.has_other_label ? "neighbor other" : "neighbor",
      title: label,
      "aria-label": label,
      "data-row": one.row,
      onclick: () => go(one.row),
    },
    pictures.canvas(one.row, 44),
    element("b", {}, one.similarity.toFixed(3).replace("-", "\u2212")),
    element("span", {}, told),
  );
}

function drawNumber({ column, title, text, help, percentile, place }, guide) {
  return element(
    "details",
    { class: "number" },
    element(
      "summary",
      {},
      element("span", {}, title),
      element("b", {}, text),
      place
        ? element(
          "span",
          { class: "place", role: "img", "aria-label": place, title: place },
          element("i", { style: `width:${percentile}%` }),
        )
        : null,
    ),
    element(
      "p",
      {},
      place ? `${help} This sample: ${place}. ` : `${help} `,
      element("a", { href: `${guide}#${column}` }, "More in the guide"),
    ),
  );
}
