/** One subscriber's inbox in the words of the bell: a list, the badge, and what failed last. */

import { Inbox } from "../client/index.js";

const PAGE_SIZE = 10;
const SEEN_BATCH = 20; // after a change of more, pages on the compatible sockets read again

/** @typedef {import("../client/index.js").Notification} Notification */
/** @typedef {{applicationIdentifier: string, subscriberId: string, subscriberHash?: string, baseUrl: string}} Config */
/** @typedef {"idle" | "connecting" | "live" | "offline" | "refused"} Status */
/**
 * @typedef {object} State what there is to show
 * @property {Status} status
 * @property {readonly Notification[]} items
 * @property {number} unread
 * @property {boolean} loaded
 * @property {boolean} busy
 * @property {boolean} hasMore
 * @property {"load" | "change" | null} error what failed last
 */
/**
 * @typedef {object} Failure what the developer of the page is told
 * @property {"session" | "connection" | "load" | "change" | "seen"} operation what failed
 * @property {number} [status] of the service's answer, if it gave one
 * @property {string} message in the service's or the browser's words
 * @property {boolean} isFinal whether there will be no further try
 */

/** @type {Record<import("../client/index.js").Status, Status>} */
const STATUSES = {
  idle: "connecting",
  connecting: "connecting",
  live: "live",
  reconnecting: "offline",
  offline: "offline",
  unauthorized: "refused",
  failed: "refused",
};

export class InboxSession {
  #inbox;
  #list;
  #listener;
  #hasConnected = false; // what fails later is an outage, no mistake of the page
  #hasFailed = false; // the change before
  #isLive = false;
  /** @type {Error | null} */
  #toldError = null; // of the connection
  /** @type {Set<string>} */
  #reporting = new Set();
  /** @type {Set<string>} what could not be reported as seen: each redraw would try it again */
  #unreported = new Set();
  /** @type {(() => void)[]} */
  #ends = [];

  /**
   * @param {Config} config
   * @param {object} listener
   * @param {() => void} listener.onChange
   * @param {(item: Notification) => void} listener.onReceived
   * @param {(failure: Failure) => void} listener.onFailure
   */
  constructor({ baseUrl, ...session }, listener) {
    this.#listener = listener;
    this.#inbox = new Inbox({ url: baseUrl, session });
    this.#list = this.#inbox.list({ archived: false, snoozed: false, limit: PAGE_SIZE });
  }

  start() {
    this.#ends = [
      this.#inbox.subscribe(() => this.#follow()),
      this.#list.subscribe(() => this.#listener.onChange()),
      this.#inbox.on("received", (item) => this.#listener.onReceived(item)),
      this.#inbox.on("error", ({ operation, error }) => operation === "load" && this.#report("load", error)),
    ];
    this.#inbox.start();
  }

  stop() {
    this.#ends.splice(0).forEach((end) => end());
    this.#inbox.stop();
  }

  /** @returns {State} */
  get state() {
    const { status, counts, error: reason } = this.#inbox.getSnapshot();
    const { items, isLoaded: loaded, isLoading, hasMore, error } = this.#list.getSnapshot();
    const isMissing = Boolean(error ?? (!loaded && reason));
    const failed = isMissing ? "load" : this.#hasFailed ? "change" : null;
    const busy = isLoading && !isMissing;
    return { status: STATUSES[status], error: failed, busy, items, unread: counts.unread, loaded, hasMore };
  }

  /** Read the list again, from the newest down to the oldest one shown. */
  sync() {
    if (!this.#isOver) this.#list.refresh().catch(() => {}); // the list has the error
  }

  loadMore() {
    if (!this.#isOver) this.#list.more().catch(() => {}); // likewise
  }

  /**
   * @param {string} id @param {"read" | "unread" | "act" | "revert"} change
   * @param {"primary" | "secondary"} [actionType] which button, for `act` and `revert`
   */
  change(id, change, actionType) {
    return this.#change(() => this.#inbox[change](id, actionType));
  }

  markAllRead() {
    return this.#change(() => this.#inbox.readAll());
  }

  /** Report as seen what was shown, each once; what fails again after `opened` or a new connection. @param {string[]} shown */
  reportSeen(shown) {
    if (this.#isOver) return;
    const isKnown = (/** @type {string} */ id) => this.#reporting.has(id) || this.#unreported.has(id);
    const isNew = (/** @type {Notification} */ { id, isSeen }) => !isSeen && shown.includes(id) && !isKnown(id);
    const ids = this.#list.getSnapshot().items.filter(isNew).map(({ id }) => id);
    for (let from = 0; from < ids.length; from += SEEN_BATCH) this.#reportBatch(ids.slice(from, from + SEEN_BATCH));
  }

  /** Note that the panel was opened: what could not be reported as seen may be reported again. */
  opened() {
    this.#unreported.clear();
  }

  get #isOver() {
    return this.state.status === "refused";
  }

  #follow() {
    const { status, error } = this.#inbox.getSnapshot();
    const isFinal = STATUSES[status] === "refused";
    if (error && error !== this.#toldError && (isFinal || !this.#hasConnected)) {
      this.#toldError = error; // it stays while counts change
      this.#report(status === "unauthorized" ? "session" : "connection", error, isFinal);
    }
    this.#hasConnected ||= status === "live" || error !== null;
    if (status === "live" && !this.#isLive) this.#unreported.clear();
    this.#isLive = status === "live";
    this.#listener.onChange();
  }

  /** @param {() => Promise<void>} run */
  async #change(run) {
    if (this.#isOver) return;
    try {
      await run();
      this.#hasFailed = false;
    } catch (error) {
      this.#hasFailed = true;
      this.#report("change", error);
    }
    this.#listener.onChange();
  }

  /** @param {string[]} ids */
  async #reportBatch(ids) {
    ids.forEach((id) => this.#reporting.add(id));
    try {
      await this.#inbox.seen(ids);
    } catch (error) {
      ids.forEach((id) => this.#unreported.add(id));
      this.#report("seen", error);
    }
    ids.forEach((id) => this.#reporting.delete(id));
  }

  /** @param {Failure["operation"]} operation @param {unknown} cause @param {boolean} [isFinal] */
  #report(operation, cause, isFinal = false) {
    const { status, message } = /** @type {{status?: number, message?: string}} */ (cause);
    if (isFinal || !this.#isOver) this.#listener.onFailure({ operation, status, message: message || String(cause), isFinal });
  }
}
