// What stands around the sample in hand: progress, the news of others, what could not be saved, and the filters.

const UNDER_HEADER = 60; // pixels of the app's own header, which lies over the page

Object.assign(Desk.prototype, {
  draw() {
    this.drawCard();
    this.drawState();
  },

  // All that changes when a decision is made, saved, taken back, or heard of.
  drawState() {
    if (!this.isOpen) return;
    this.drawProgress();
    this.drawAlerts();
    this.drawStrip();
    this.drawVerbs();
    this.drawAll();
  },

  drawCard() {
    const { sample, near, spoken, bench } = this.part;
    const { shown: card, queue } = this;
    bench.classList.remove("waiting");
    if (!card) return this.drawEnd();
    const held = sample.getRootNode().activeElement;
    const hadFocus = sample.contains(held) || near.contains(held);
    const query = `study=${encodeURIComponent(this.data.study)}&sample=${card.row}`;
    drawSample(sample, card, this.pictures, {
      verdicts: queue.verdicts(card.row),
      who: this.who,
      guide: `guide?${query}`,
      closer: `sample?${query}`,
      isNarrow: this.width <= NARROW,
      isAside: queue.rows[this.place] !== card.row,
      back: () => this.goTo(this.place),
    });
    drawNear(near, card, this.pictures, this.setup.classes ? "label" : "target", (row) => this.lookAt(row));
    sample.dataset.row = card.row;
    // The neighbor or button that was pressed is gone; whoever came by keyboard stays here.
    if (hadFocus) sample.focus({ preventScroll: true });
    if (this.width <= NARROW) this.bringIntoSight(card.row);
    const better = this.better();
    const instead = better ? `, suggested ${better.text}` : "";
    spoken.textContent = `Sample ${card.row}, given ${card.given.text}${instead}. ${card.reasons[0] ?? ""}`;
    return undefined;
  },

  // On a telephone the next sample may be drawn where the visitor is not looking. The first one waits to be found.
  bringIntoSight(row) {
    const { top } = this.part.sample.getBoundingClientRect();
    const isLooking = top > UNDER_HEADER && top < window.innerHeight / 4;
    if (this.inSight !== undefined && this.inSight !== row && !isLooking) this.part.sample.scrollIntoView();
    this.inSight = row;
  },

  // The one before stays in sight, faded, until the next has come; no key decides about it any more.
  drawWaiting() {
    const { sample, bench } = this.part;
    delete sample.dataset.row;
    bench.classList.add("waiting");
    this.drawState();
  },

  drawMissing(row, trouble) {
    const { sample, near, bench } = this.part;
    bench.classList.remove("waiting");
    const again = element("button", { onclick: () => this.hold(row) }, "Try again");
    sample.replaceChildren(
      element("div", { class: "end", role: "alert" }, element("h2", {}, `Sample ${row}`), element("p", {}, trouble.message), again),
    );
    near.replaceChildren();
    this.drawState();
  },

  drawEnd() {
    const { sample, near, spoken } = this.part;
    const { rows, reviewed, tally } = this.queue;
    const isEmpty = !rows.length;
    const hasFilter = this.data.conditions.length || this.shape.reasons.length;
    const words = isEmpty
      ? hasFilter ? "No sample passes the filter." : `No ${this.setup.classes ? "label" : "target"} is doubted here.`
      : `All ${number(reviewed)} are reviewed.`;
    const further = hasFilter ? "Look at all that pass, doubted or not" : "Go on with all ranked samples";
    const counts = CODES.map((code, place) => (code && tally[place] ? `${number(tally[place])} ${SAID[code]}` : null));
    sample.replaceChildren(
      element(
        "div",
        { class: "end" },
        element("h2", {}, words),
        isEmpty ? null : element("p", {}, `${counts.filter(Boolean).join(", ")}.`),
        isEmpty ? null : element("button", { onclick: () => this.goTo(0) }, "Look through them again ", element("kbd", {}, "Home")),
        hasFilter ? element("button", { onclick: () => this.clear() }, "Take all conditions back") : null,
        this.scope === "doubted" ? element("button", { onclick: () => this.choose({ scope: "all" }) }, further) : null,
      ),
    );
    near.replaceChildren();
    delete sample.dataset.row;
    spoken.textContent = words;
  },

  clear() {
    this.shape.reasons = [];
    if (this.data.conditions.length) this.tellPython("unfilter", "");
    this.choose({ reasons: [] });
  },

  drawProgress() {
    const { rows, reviewed, tally } = this.queue;
    const relabeled = tally[CODES.indexOf("relabel")];
    const conflicts = tally[CODES.indexOf("conflict")];
    this.part.progress.textContent =
      `${number(reviewed)} of ${number(rows.length)} reviewed, ${number(relabeled)} relabeled` +
      (conflicts ? `, ${number(conflicts)} disputed` : "");
    this.part.track.firstElementChild.style.width = `${rows.length ? (100 * reviewed) / rows.length : 0}%`;
    this.part.gain.replaceChildren(...gainInWords(this.progress, this.setup.classes ? "labels" : "targets"));
    const waiting = this.outbox.jobs.length;
    this.part.sending.hidden = !waiting;
    this.part.sending.textContent = waiting ? `${number(waiting)} not saved yet` : "";
  },

  drawAlerts() {
    const { alerts } = this.part;
    const { trouble, jobs } = this.outbox;
    const refusal = this.setup.decisions_allowed === true ? "" : this.setup.decisions_allowed;
    const told = `${trouble}|${jobs[0]?.rows[0]}|${jobs.length}|${refusal}|${this.isDeaf}`;
    if (told === this.alerted) return; // said once, not with every key
    this.alerted = told;
    const lines = [];
    if (refusal) lines.push(element("p", {}, `Decisions cannot be kept: ${refusal}`));
    if (trouble) lines.push(this.drawTrouble(trouble, jobs));
    else if (this.isDeaf) lines.push(element("p", {}, "The app does not answer: what others decide is not shown for now."));
    alerts.replaceChildren(...lines);
  },

  drawTrouble(trouble, jobs) {
    const [job] = jobs;
    const { length } = job.rows;
    const about = job.path === "undo" ? "Your undo" : length > 1 ? `Your decision about ${number(length)} samples` : `Sample ${job.rows[0]}`;
    const behind = jobs.length - 1;
    return element(
      "p",
      { class: "trouble" },
      element("b", {}, `${about} could not be saved. `),
      trouble,
      behind ? ` ${number(behind)} more ${behind === 1 ? "waits" : "wait"} behind it. ` : " ",
      element("button", { class: "retry", onclick: () => this.outbox.retry() }, "Try again"),
      length ? element("button", { onclick: () => this.lookAt(job.rows[0]) }, "Show it") : null,
      element("button", { onclick: () => this.giveUp() }, "Give it up"),
    );
  },

  drawStrip() {
    const count = Math.max(5, Math.floor(this.width / TURN_WIDTH));
    drawStrip(this.part.strip, this.queue, this.place ?? 0, count, this.pictures, (place) => this.goTo(place));
  },

  drawVerbs() {
    const { verbs } = this.part;
    const { shown: card } = this;
    verbs.hidden = this.data.presented;
    this.part.bench.classList.toggle("presented", this.data.presented);
    if (verbs.hidden) return;
    const focused = verbs.getRootNode().activeElement;
    const held = verbs.contains(focused) ? focused.getAttribute("aria-keyshortcuts") : null;
    drawVerbs(verbs, {
      card,
      digits: card ? digitsOf(this.setup.classes, card) : [],
      better: this.better(),
      isAllowed: this.isAllowed,
      note: this.note,
      can: { undo: this.history.length > 0 || this.isUndoable },
      does: this.does,
    });
    // Whoever walks by Tab stays on the button that was pressed.
    if (held) verbs.querySelector(`[aria-keyshortcuts="${held}"]`)?.focus({ preventScroll: true });
  },

  drawFilters() {
    const { scopes, reasons, pairs, sheet, choices } = this.part;
    const { setup, shape, data, scope: chosen } = this;
    const held = choices.getRootNode().activeElement?.dataset.key;
    drawToggles(scopes, setup.scopes, (key) => key === chosen, (scope) => this.choose({ scope }));
    drawToggles(reasons, setup.reasons, (key) => shape.reasons.includes(key), (key) =>
      this.choose({ reasons: shape.reasons.includes(key) ? shape.reasons.filter((one) => one !== key) : [...shape.reasons, key] }));
    pairs.hidden = !setup.confusion?.pairs.length;
    if (pairs.open) drawPairs(sheet, setup.confusion, setup.classes, data.pair, (pair) => this.choosePair(pair));
    if (held) choices.querySelector(`[data-key="${held}"]`)?.focus();
  },

  drawAll() {
    const { all } = this.part;
    const { queue } = this;
    const count = queue.rows.length - queue.reviewed || queue.rows.length;
    all.textContent = count === 1 ? "Decide for this one…" : `Decide for all ${number(count)}…`;
    all.disabled = !this.isAllowed || !count;
  },

  choosePair(pair) {
    this.part.pairs.open = false;
    this.tellPython("pair", pair);
  },

  drawConditions() {
    this.part.conditions.replaceChildren(
      ...this.data.conditions.map(({ column, words }) =>
        element("button", { title: "Take this condition back", onclick: () => this.tellPython("unfilter", column) }, `${words} ✕`),
      ),
    );
  },

  say(text) {
    this.part.news.textContent = text;
    clearTimeout(this.newsTimer);
    this.newsTimer = setTimeout(() => { this.part.news.textContent = ""; }, 12000);
  },
});

// How good the ranking has been so far, and what is left to find.
function gainInWords(progress, given) {
  if (!progress) return [];
  const { wrong_found: wrong, kept, precision, left } = progress;
  const words = [];
  if (precision !== null) {
    words.push(element("span", { title: "In the whole study: relabeled or dropped, of those that were not left unsure or disputed." },
      `${number(wrong)} of ${number(wrong + kept)} decided were wrong (${inPercent(precision)})`));
  }
  if (left) {
    words.push(element("span", { title: `An estimate: it compares how far you went with where planted wrong ${given} would stand, corrected for real ones coming later. An order of magnitude at first, better after some hundred samples.` },
      `roughly ${number(Math.round(left.wrong))} more wrong ${given} are expected among the rest`));
  }
  return words;
}
