/** What all transports share: a link reports to its listener until it is closed, and ends once. */

/** @typedef {import("./connection.js").LinkContext} LinkContext */
/** @typedef {import("./connection.js").LinkListener} LinkListener */

export class TransportLink {
  isClosed = false;
  /** @type {any} what the link waits for */
  timer;

  /** @param {LinkContext} context @param {LinkListener} listener */
  constructor(context, listener) {
    this.context = context;
    this.listener = listener;
  }

  /** @param {() => void} run @param {number} ms */
  wait(run, ms) {
    this.timer = this.context.timers.setTimeout(run, ms);
  }

  stopWaiting() {
    this.context.timers.clearTimeout(this.timer);
  }

  close() {
    this.isClosed = true;
    this.stopWaiting();
  }

  /** @param {import("./connection.js").Ending} ending */
  end(ending) {
    if (this.isClosed) return;
    this.close();
    this.listener.ended(ending);
  }
}
