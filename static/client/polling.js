/** Polling by REST: it reads again what is shown, and the service answers 304 while nothing changed (see `http.js`). */

import { TransportLink } from "./link.js";

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
class PollingLink extends TransportLink {
  transport = /** @type {const} */ ("polling");
  #isConnected = false;
  #isPolling = false;
  #isStale = false;

  /** Read now. A call during a reading makes one more follow. */
  async poll() {
    this.#isStale = true;
    if (this.#isPolling) return;
    this.#isPolling = true;
    this.stopWaiting();
    try {
      while (this.#isStale && !this.isClosed) {
        this.#isStale = false;
        await this.context.refresh();
        if (!this.#isConnected && !this.isClosed) this.listener.connected(null);
        this.#isConnected = true;
      }
      this.#pollLater();
    } catch (error) {
      this.#fail(/** @type {import("./http.js").InboxError} */ (error));
    } finally {
      this.#isPolling = false;
    }
  }

  #pollLater() {
    if (this.isClosed) return;
    const { random, pollMs } = this.context;
    this.wait(() => this.poll(), pollMs() * (0.8 + 0.4 * random()));
  }

  /** @param {import("./http.js").InboxError} error */
  #fail(error) {
    const kind = error.status === 401 ? "unauthorized" : error.isFinal ? "final" : "failed";
    this.end({ kind, error, afterMs: error.retryAfterMs });
  }
}
