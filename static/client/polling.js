/** Polling by REST: it reads again what is shown, and the service answers 304 while nothing changed (see `http.js`). */

/** @typedef {import("./connection.js").Link} Link */
/** @typedef {import("./connection.js").LinkContext} LinkContext */
/** @typedef {import("./connection.js").LinkListener} LinkListener */

/** @param {LinkContext} context @param {LinkListener} listener @returns {Link} */
export function openPolling(context, listener) {
  const link = new PollingLink(context, listener);
  void link.poll();
  return link;
}

/** @implements {Link} */
class PollingLink {
  transport = /** @type {const} */ ("polling");
  #isClosed = false;
  #isConnected = false;
  #isPolling = false;
  #isStale = false;
  /** @type {any} */
  #timer;
  #context;
  #listener;

  /** @param {LinkContext} context @param {LinkListener} listener */
  constructor(context, listener) {
    this.#context = context;
    this.#listener = listener;
  }

  /** Read now. A call during a reading makes one more follow. */
  async poll() {
    this.#isStale = true;
    if (this.#isPolling) return;
    this.#isPolling = true;
    this.#context.timers.clearTimeout(this.#timer);
    try {
      while (this.#isStale && !this.#isClosed) {
        this.#isStale = false;
        await this.#context.refresh();
        if (!this.#isConnected && !this.#isClosed) this.#listener.connected(null);
        this.#isConnected = true;
      }
      this.#wait();
    } catch (error) {
      this.#fail(/** @type {import("./http.js").InboxError} */ (error));
    } finally {
      this.#isPolling = false;
    }
  }

  close() {
    this.#isClosed = true;
    this.#context.timers.clearTimeout(this.#timer);
  }

  #wait() {
    if (this.#isClosed) return;
    const { timers, random, pollMs } = this.#context;
    this.#timer = timers.setTimeout(() => this.poll(), pollMs() * (0.8 + 0.4 * random()));
  }

  /** @param {import("./http.js").InboxError} error */
  #fail(error) {
    if (this.#isClosed) return;
    this.close();
    if (error.status === 401) return this.#listener.ended({ kind: "unauthorized", error });
    this.#listener.ended({ kind: error.isFinal ? "final" : "failed", error, afterMs: error.retryAfterMs });
  }
}
