// One request at a time: a new one is debounced, and cancels the one before it.

/** Calls work(signal) after the delay; only the outcome of the latest call is reported. */
export class Asker {
  #running = null;
  #timer = 0;

  constructor({ work, onStart, onAnswer, onError }) {
    Object.assign(this, { work, onStart, onAnswer, onError });
  }

  ask(delay = 0) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#start(), delay);
  }

  /** Cancel the running and the waiting request; neither is reported. */
  stop() {
    clearTimeout(this.#timer);
    this.#running?.abort();
    this.#running = null;
  }

  async #start() {
    this.stop();
    const mine = new AbortController();
    this.#running = mine;
    this.onStart();
    let report;
    try {
      const outcome = await this.work(mine.signal);
      report = () => this.onAnswer(outcome);
    } catch (error) {
      report = () => this.onError(error);
    }
    if (this.#running !== mine) return; // a newer request is running
    this.#running = null;
    report();
  }
}
