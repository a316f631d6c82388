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

  add(job) {
    this.jobs.push(job);
    this.send();
  }

  async send() {
    if (this.isSending || this.trouble) return;
    this.isSending = true;
    while (this.jobs.length && !this.trouble) {
      const [job] = this.jobs;
      job.hasLeft = true;
      try {
        const answer = await this.post(job);
        this.jobs.shift();
        this.hear.settled?.(job, answer);
      } catch (trouble) {
        job.hasLeft = false;
        this.trouble = trouble.message;
      }
      this.hear.changed?.();
    }
    this.isSending = false;
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

  // The first one, which could not be saved, is given up; those behind it follow.
  discard() {
    const job = this.jobs.shift();
    this.retry();
    return job;
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
