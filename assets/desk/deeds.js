// What the visitor does to a label: decide, take it back, and what is asked before. Each deed goes to the outbox, and is
// on screen before it has arrived.

Object.assign(Desk.prototype, {
  // The suggestion of a classification, the network's own value of a regression.
  better() {
    const { suggested, value, predicted } = this.shown ?? {};
    if (this.setup?.classes) return suggested ?? null;
    return predicted && value.prediction.every(Number.isFinite) ? { class: null, text: predicted.text, values: value.prediction } : null;
  },

  take() {
    const better = this.better();
    if (better) this.decide("relabel", better);
    else this.say("Nothing is suggested for this sample.");
  },

  decide(decision, label = null) {
    if (!this.shown || !this.isAllowed) return;
    this.send([this.row], decision, label, this.note);
    this.note = "";
    this.advance();
  },

  send(rows, decision, label, note) {
    const target = label?.values?.length === 1 ? label.values[0] : label?.values;
    const newLabel = label ? (this.setup.classes ? label.class : target) : null;
    const isGiven = rows.length === 1 && this.setup.classes && newLabel !== null && newLabel === this.shown?.given.class;
    const verdict = isGiven
      ? { decision: "keep", new_label: null, text: "" }
      : { decision, new_label: newLabel, text: label?.text ?? "" };
    const job = {
      path: "decide",
      rows,
      back: this.row,
      body: { rows, decision, new_label: newLabel, note, who: this.who },
      before: new Map(rows.map((row) => [row, this.queue.mine(row, this.who)])),
      verdictOn: () => ({ ...verdict, note, who: job.body.who }),
    };
    this.history.push(job);
    this.queue.expect(job);
    this.outbox.add(job);
  },

  // From a neighbor back to the sample in turn, else to the next undecided one.
  advance() {
    const current = this.queue.rows[this.place];
    const next = this.queue.nextUndecided(current === this.row ? this.place + 1 : this.place);
    if (next !== null) this.goTo(next);
    else this.hold(undefined);
  },

  undo() {
    if (!this.isAllowed) return;
    const undone = this.history.pop();
    if (undone && this.outbox.withdraw(undone)) {
      this.queue.forget(undone, this.outbox.jobs);
    } else {
      const job = {
        path: "undo",
        rows: undone?.rows ?? [],
        undone,
        body: { who: this.who },
        verdictOn: (row) => undone?.before.get(row) ?? null,
      };
      this.queue.expect(job);
      this.outbox.add(job);
    }
    if (undone) this.lookAt(undone.back ?? undone.rows[0]);
  },

  // The app takes back the latest decision under this name, which may have been made elsewhere: then its word counts.
  settled(job, answer) {
    const isAsExpected = job.path !== "undo" || (job.undone && isSame(job.rows, answer.rows));
    if (isAsExpected) return this.queue.settle(job);
    this.queue.forget(job, this.outbox.jobs);
    if (answer.rows.length) this.lookAt(answer.rows[0]);
    else this.say("There is nothing left to take back.");
    return undefined;
  },

  // What could not be saved is given up, and with a decision its undo that waits behind it, which would take back the
  // decision before. An undo that was given up can be asked for again.
  giveUp() {
    const [job] = this.outbox.jobs;
    const given = this.outbox.discard((one) => one === job || one.undone === job);
    if (job.undone) this.history.push(job.undone);
    else this.history = this.history.filter((one) => one !== job);
    given.forEach((one) => this.queue.forget(one, this.outbox.jobs));
    this.draw();
  },

  askLabel(typed) {
    if (!this.shown || !this.isAllowed) return;
    const outputs = this.shown.value?.target.length ?? 1;
    openLabelBox(this.part.box, {
      classes: this.setup.classes, outputs, typed, choose: (label) => this.decide("relabel", label),
    });
  },

  // To the decision that stands here, if the visitor has made one; else it waits for the next one.
  askNote() {
    if (!this.shown || !this.isAllowed) return;
    const { row } = this;
    const made = this.queue.mine(row, this.who);
    openNoteBox(this.part.box, {
      note: made ? made.note : this.note,
      aim: made ? `Goes with your decision about sample ${row}.` : "Goes with your next decision.",
      choose: (note) => {
        if (made) this.send([row], made.decision, labelOf(made), note);
        else this.note = note;
        this.draw();
      },
    });
  },

  askBulk() {
    if (!this.isAllowed) return;
    const { classes } = this.setup;
    const suggested = classes?.find((one) => one.class === this.data.pair[1]) ?? null;
    openBulk(this.part.box, {
      undecided: this.queue.undecided(),
      everything: [...this.queue.rows],
      classes,
      suggested,
      decide: (rows, decision, label) => {
        this.send(rows, decision, label, this.note);
        this.note = "";
        this.advance();
      },
    });
  },
});

function isSame(rows, others) {
  const known = new Set(rows);
  return rows.length === others.length && others.every((row) => known.has(row));
}

function labelOf({ decision, new_label: label, text }) {
  if (decision !== "relabel") return null;
  return { class: label, values: Array.isArray(label) ? label : [label], text };
}
