/** One subscriber's inbox without its looks: keeps a feed true by events, loads and changes. */

import { InboxClient } from "./client.js";
import { Feed } from "./feed.js";
import { LiveSocket, SocketError, backoff } from "./socket.js";

const PAGE_SIZE = 10;
const SEEN_BATCH = 20; // after a change of more, every open page reads again
const END_MS = 5_000; // within which the service closes the socket of a session that has ended

/** @typedef {import("./feed.js").Notification} Notification */
/** @typedef {"idle" | "connecting" | "live" | "offline" | "refused"} Status */
/**
 * @typedef {object} State what there is to show
 * @property {Status} status
 * @property {Notification[]} items
 * @property {number} unread
 * @property {boolean} loaded
 * @property {boolean} busy
 * @property {boolean} hasMore
 * @property {"load" | "change" | null} error what failed last
 */
/**
 * @typedef {object} Failure what the developer of the page is told
 * @property {"session" | "socket" | "load" | "change" | "seen"} operation what failed
 * @property {number} [status] of the service's answer, if it gave one
 * @property {string} message in the service's or the browser's words
 * @property {boolean} isFinal whether there will be no further try
 */

export class InboxSession {
  /** @type {Status} */
  #status = "connecting";
  /** @type {State["error"]} */
  #error = null;
  #stopped = false;
  #stale = false;
  #isFirstTry = true;
  #failures = 0;
  /** @type {Promise<void> | null} the one load under way */
  #loading = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #reload;
  /** @type {Set<string>} */
  #reporting = new Set();
  #feed = new Feed();
  /** @type {InboxClient} */
  #client;
  /** @type {LiveSocket} */
  #socket;
  #listener;

  /**
   * @param {import("./client.js").Config} config
   * @param {object} listener
   * @param {() => void} listener.onChange
   * @param {(item: Notification) => void} listener.onReceived
   * @param {(failure: Failure) => void} listener.onFailure
   */
  constructor(config, listener) {
    this.#listener = listener;
    this.#client = new InboxClient(config, () => this.#socket.ended(END_MS));
    this.#socket = new LiveSocket({
      url: (renew) => this.#client.socketUrl(renew),
      onEvent: (event, data) => this.#receive(event, data),
      onState: (state, reason) => this.#follow(state, reason),
    });
  }

  start() {
    this.#socket.start();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#reload);
    this.#socket.stop();
  }

  wake() {
    this.#socket.wake();
  }

  /** @returns {State} */
  get state() {
    const { items, unread, loaded, hasMore } = this.#feed;
    const busy = this.#loading !== null;
    return { status: this.#status, error: this.#error, busy, items, unread, loaded, hasMore };
  }

  /** Loads the window again, from the newest down to the oldest one shown. One asked for meanwhile follows. */
  async sync() {
    this.#stale = true;
    while (this.#stale && !this.#ended) await (this.#loading ?? this.#load(() => this.#loadWindow()));
  }

  async loadMore() {
    if (!this.#loading && this.#feed.hasMore && !this.#ended) await this.#load(() => this.#loadPage());
  }

  /**
   * @param {string} id @param {"read" | "unread" | "complete" | "revert"} change
   * @param {"primary" | "secondary"} [actionType]
   */
  change(id, change, actionType) {
    return this.#send(async (watch) => this.#feed.merge(await this.#client.change(id, change, actionType), watch));
  }

  markAllRead() {
    return this.#send(() => this.#client.markAllRead());
  }

  /** Reports as seen what was shown, each once. @param {string[]} shown */
  reportSeen(shown) {
    if (this.#ended) return;
    const isNew = (/** @type {Notification} */ item) => !item.isSeen && !this.#reporting.has(item.id);
    const ids = this.#feed.items.filter((item) => shown.includes(item.id) && isNew(item)).map(({ id }) => id);
    for (let from = 0; from < ids.length; from += SEEN_BATCH) this.#reportBatch(ids.slice(from, from + SEEN_BATCH));
  }

  get #ended() {
    return this.#stopped || this.#status === "refused";
  }

  /** @param {string} event @param {any} data */
  #receive(event, data) {
    const { received, refetch } = this.#feed.apply(event, data);
    if (refetch) this.sync();
    this.#changed();
    if (received) this.#listener.onReceived(received);
  }

  /** @param {import("./socket.js").SocketState} state @param {Error} [reason] */
  #follow(state, reason) {
    if (this.#stopped) return;
    if (state === "waiting" && reason && this.#isFirstTry) this.#report(connecting(reason), reason);
    if (state === "live") this.#status = "live";
    if (state === "waiting") this.#status = "offline";
    if (state !== "connecting") this.#isFirstTry = false; // what fails later is an outage, no mistake of the page
    if (state === "refused" && reason) this.#refuse(reason);
    if (state === "live") this.sync(); // this flavour replays nothing: what was missed is loaded
    this.#changed();
  }

  /** @param {Error} reason */
  #refuse(reason) {
    if (this.#status === "refused") return;
    this.#status = "refused";
    this.#report(connecting(reason), reason, true);
  }

  /** @param {Failure["operation"]} operation @param {unknown} cause @param {boolean} [isFinal] */
  #report(operation, cause, isFinal = false) {
    const { status, message } = /** @type {{status?: number, message?: string}} */ (cause);
    const failure = { operation, status, message: message || String(cause), isFinal };
    if (isFinal || !this.#ended) this.#listener.onFailure(failure);
  }

  /** @param {() => Promise<void>} run */
  #load(run) {
    clearTimeout(this.#reload);
    const loading = run().then(() => this.#finishLoad(), (error) => this.#failLoad(error));
    this.#loading = loading.finally(() => {
      this.#loading = null;
      this.#changed();
    });
    this.#changed();
    return this.#loading;
  }

  #finishLoad() {
    this.#failures = 0;
    this.#error = null;
  }

  /** A load that failed is tried again: no event would tell of what it lacks. @param {unknown} error */
  #failLoad(error) {
    if (!this.#failures || /** @type {any} */ (error).terminal) this.#fail("load", error); // the first of several
    this.#error = "load";
    if (this.#status !== "live") return; // coming live loads it
    this.#reload = setTimeout(() => this.sync(), backoff(this.#failures++));
  }

  async #loadWindow() {
    this.#stale = false;
    const watch = this.#feed.watch();
    try {
      const wanted = Math.max(PAGE_SIZE, this.#feed.items.length);
      const [page, unread] = await Promise.all([this.#client.list(wanted), this.#client.countUnread()]);
      this.#feed.replace(page.data, page.hasMore, watch);
      this.#feed.setUnread(unread, watch);
    } finally {
      this.#feed.forget(watch);
    }
  }

  async #loadPage() {
    const watch = this.#feed.watch();
    try {
      const page = await this.#client.list(PAGE_SIZE, this.#feed.items.at(-1)?.id);
      this.#feed.append(page.data, page.hasMore, watch);
    } finally {
      this.#feed.forget(watch);
    }
  }

  /** @param {(watch: import("./feed.js").Watch) => Promise<unknown>} send */
  async #send(send) {
    if (this.#ended) return;
    const watch = this.#feed.watch();
    try {
      await send(watch);
      this.#error = null;
    } catch (error) {
      this.#fail("change", error);
      this.#error = "change";
    }
    this.#feed.forget(watch);
    if (this.#status === "live") this.#changed();
    else await this.sync(); // no event will bring what follows from it
  }

  /** @param {string[]} ids */
  async #reportBatch(ids) {
    ids.forEach((id) => this.#reporting.add(id));
    try {
      await this.#client.markSeen(ids);
      this.#feed.markSeen(ids);
    } catch (error) {
      this.#fail("seen", error); // they stay unseen and are reported when next shown
    }
    ids.forEach((id) => this.#reporting.delete(id));
  }

  /** @param {Failure["operation"]} operation @param {unknown} cause */
  #fail(operation, cause) {
    if (!(/** @type {any} */ (cause).terminal)) return this.#report(operation, cause);
    this.#socket.stop();
    this.#refuse(/** @type {Error} */ (cause));
  }

  #changed() {
    if (!this.#stopped) this.#listener.onChange();
  }
}

/** @param {Error} reason why there is no connection @returns {"session" | "socket"} what there is none of */
function connecting(reason) {
  return reason instanceof SocketError ? "socket" : "session";
}
