// Decisions on their way to the disk: sent one after another, in the order in which they were made. The first that
// cannot be saved stops those behind it until the visitor has said what shall become of it.

const PATIENCE_MS = 30000;
const SURVIVES_THE_PAGE = 60000; // characters that a browser still sends for a page that is being closed

class Outbox {
  constructor() {
    this.jobs = [];
    this.trouble = "";
    this.hear = {}; // what the desk on screen wants to know: settled(job, answer), changed()
    window.addEventListener("beforeunload", (event) => {
      if (this.jobs.length) event.preventDefault();
    });
  }

  // Named, so that one which arrived unanswered and is sent again is not done twice.
  add(job) {
    const name = crypto.getRandomValues(new Uint32Array(4)).join("-");
    job.body = { ...job.body, once: name };
    this.jobs.push(job);
    this.send();
  }

  async send() {
    if (this.isSending || this.trouble) return;
    this.isSending = true;
    try {
      while (this.jobs.length && !this.trouble) await this.sendFirst();
    } finally {
      this.isSending = false;
    }
  }

  async sendFirst() {
    const [job] = this.jobs;
    job.hasLeft = true;
    const answer = await this.post(job).catch((trouble) => {
      job.hasLeft = false;
      this.trouble = trouble.message;
    });
    if (answer) {
      this.jobs.shift();
      this.hear.settled?.(job, answer);
    }
    this.hear.changed?.();
  }

  async post({ path, body }) {
    const text = JSON.stringify(body);
    let answer;
    try {
      answer = await fetch(`${this.base}/desk/${path}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: text,
        keepalive: text.length < SURVIVES_THE_PAGE,
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
    } catch {
      throw new Error("The app did not answer. Is it still running?");
    }
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(told.error ?? `The app answered ${answer.status}.`);
    return told;
  }

  retry() {
    this.trouble = "";
    this.send();
  }

  // The first one could not be saved: some are given up, those behind them follow. Which were given up.
  discard(isGivenUp) {
    const given = this.jobs.filter(isGivenUp);
    this.jobs = this.jobs.filter((job) => !isGivenUp(job));
    this.retry();
    return given;
  }

  // The newest decision, if it has not left yet: to take it back nothing need be sent. Whether that was so.
  withdraw(job) {
    if (this.jobs.at(-1) !== job || job.hasLeft) return false;
    this.jobs.pop();
    if (!this.jobs.length) this.trouble = "";
    return true;
  }
}

// One for each study and page load, also when the visitor looks at another page of the app in between.
function outboxOf(study) {
  window.explorerOutboxes ??= new Map();
  if (!window.explorerOutboxes.has(study)) window.explorerOutboxes.set(study, new Outbox());
  return window.explorerOutboxes.get(study);
}
