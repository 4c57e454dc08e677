/** One subscriber's inbox in the words of the widget: the list that is shown, the counts, and what failed last. */

import { Inbox } from "../client/index.js";

const SEEN_BATCH = 20; // after a change of more, pages on the compatible sockets read again

/** @typedef {import("../client/index.js").Notification} Notification */
/** @typedef {import("../client/index.js").Filter} Filter */
/** @typedef {import("../client/index.js").Status} Status */
/** @typedef {import("../client/index.js").SessionParameters & {baseUrl: string, token?: any, pageSize?: number}} Config */
/**
 * @typedef {object} State what there is to show
 * @property {Status} status
 * @property {readonly Notification[]} items
 * @property {import("../client/index.js").Counts} counts
 * @property {boolean} loaded
 * @property {boolean} busy
 * @property {boolean} hasMore
 * @property {"load" | "change" | null} error what failed last
 */
/**
 * @typedef {object} Failure what the developer of the page is told
 * @property {"attribute" | "session" | "connection" | "load" | "render" | "change" | "seen"} operation what failed
 * @property {number} [status] of the service's answer, if it gave one
 * @property {string} message in the service's or the browser's words
 * @property {boolean} isFinal whether there will be no further try
 */

/** @type {State} without a session */
export const IDLE = {
  status: "idle",
  error: null,
  items: [],
  counts: { unread: 0, unseen: 0, severity: { high: 0, medium: 0, low: 0, none: 0 } },
  loaded: false,
  busy: false,
  hasMore: false,
};
/** @type {Filter} */
export const INBOX = { archived: false, snoozed: false };

export class InboxSession {
  /** Ids whose last change failed. @type {Set<string>} */
  failed = new Set();
  /** @type {import("../client/index.js").NotificationList} */
  #list;
  /** @type {() => void} */
  #endList = () => {};
  #listener;
  #pageSize;
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
  constructor({ baseUrl, token, pageSize = 20, ...session }, listener) {
    this.#pageSize = pageSize;
    this.#listener = listener;
    this.inbox = new Inbox({ url: baseUrl, ...(token ? { token } : { session }) });
    this.#list = this.#listOf(INBOX);
  }

  start() {
    this.#ends = [
      this.inbox.subscribe(() => this.#follow()),
      this.inbox.on("received", (item) => this.#listener.onReceived(item)),
      this.inbox.on("error", ({ operation, error }) => operation === "load" && this.#report("load", error)),
    ];
    this.#followList();
    this.inbox.start();
  }

  stop() {
    this.#ends.splice(0).forEach((end) => end());
    this.#endList();
    this.inbox.stop();
  }

  /** @returns {State} */
  get state() {
    const { status, counts, error: reason } = this.inbox.getSnapshot();
    const { items, isLoaded: loaded, isLoading, hasMore, error } = this.#list.getSnapshot();
    const isMissing = Boolean(error ?? (!loaded && reason));
    const failed = isMissing ? "load" : this.#hasFailed ? "change" : null;
    const busy = isLoading && !isMissing;
    const started = status === "idle" ? "connecting" : status;
    return { status: started, error: failed, busy, loaded, hasMore, items, counts };
  }

  /** Show the list of another filter. @param {Filter} filter */
  show(filter) {
    const list = this.#listOf(filter);
    if (list === this.#list) return;
    this.#list = list;
    if (this.#ends.length) this.#followList();
    this.#listener.onChange();
  }

  /** Read the list again, from the newest down to the oldest one shown. */
  sync() {
    if (!this.#isOver) this.#list.refresh().catch(() => {}); // the list has the error
  }

  loadMore() {
    if (!this.#isOver) this.#list.more().catch(() => {}); // likewise
  }

  /**
   * Carry out a change, and report its failure.
   * @param {(inbox: Inbox) => Promise<unknown>} run @param {string[]} [ids] of the notifications it is about
   * @returns {Promise<boolean>} whether it was saved
   */
  async change(run, ids = []) {
    if (this.#isOver) return false;
    this.failed.clear();
    try {
      await run(this.inbox);
      this.#hasFailed = false;
    } catch (error) {
      this.#hasFailed = true;
      ids.forEach((id) => this.failed.add(id));
      this.#report("change", error);
    }
    this.#listener.onChange();
    return !this.#hasFailed;
  }

  /** Report as seen what was shown, each once; what fails again after `opened` or a new connection. @param {string[]} shown */
  reportSeen(shown) {
    if (this.#isOver) return;
    const isKnown = (/** @type {string} */ id) => this.#reporting.has(id) || this.#unreported.has(id);
    const isNew = (/** @type {Notification} */ { id, isSeen }) => !isSeen && shown.includes(id) && !isKnown(id);
    const ids = this.#list.getSnapshot().items.filter(isNew).map(({ id }) => id);
    for (let from = 0; from < ids.length; from += SEEN_BATCH) this.#reportBatch(ids.slice(from, from + SEEN_BATCH));
  }

  /** Note that the panel was opened: an old failure is forgotten, what was not reported as seen may be reported again. */
  opened() {
    this.#hasFailed = false;
    this.failed.clear();
    this.#unreported.clear();
  }

  get #isOver() {
    return isRefused(this.inbox.getSnapshot().status);
  }

  /** @param {Filter} filter */
  #listOf(filter) {
    return this.inbox.list({ ...filter, limit: this.#pageSize });
  }

  #followList() {
    const end = this.#endList;
    this.#endList = this.#list.subscribe(() => this.#listener.onChange());
    end();
  }

  #follow() {
    const { status, error } = this.inbox.getSnapshot();
    const isFinal = isRefused(status);
    if (error && error !== this.#toldError && (isFinal || !this.#hasConnected)) {
      this.#toldError = error; // it stays while counts change
      this.#report(status === "unauthorized" ? "session" : "connection", error, isFinal);
    }
    this.#hasConnected ||= status === "live" || error !== null;
    if (status === "live" && !this.#isLive) this.#unreported.clear();
    this.#isLive = status === "live";
    this.#listener.onChange();
  }

  /** @param {string[]} ids */
  async #reportBatch(ids) {
    ids.forEach((id) => this.#reporting.add(id));
    try {
      await this.inbox.seen(ids);
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

/** Return whether no further try is of use. @param {Status} status */
export function isRefused(status) {
  return status === "unauthorized" || status === "failed";
}
