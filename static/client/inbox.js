/** The inbox of one subscriber: what is held, the connection that keeps it true, and the changes that a person makes. */

import { Changes } from "./changes.js";
import { Connection } from "./connection.js";
import { openEvents } from "./events.js";
import { queryOf } from "./filter.js";
import { Http } from "./http.js";
import { Lists } from "./lists.js";
import { openPolling } from "./polling.js";
import { openSocket } from "./socket.js";
import { Store } from "./store.js";
import { Subscribers } from "./subscribers.js";

const POLL_MS = 5_000;
const FULL_POLL_MS = 15_000; // where no ETag makes a poll cheap
const HIDDEN_POLL_MS = 30_000;
const OPENERS = { socket: openSocket, events: openEvents, polling: openPolling };
const TIMERS = {
  setTimeout: (/** @type {() => void} */ run, /** @type {number} */ ms) => setTimeout(run, ms),
  clearTimeout: (/** @type {any} */ handle) => clearTimeout(handle),
  now: () => Date.now(),
};

/** @typedef {import("./index.js").Filter} Filter */
/** @typedef {string | readonly string[]} Ids */

export class Inbox {
  #subscribers = new Subscribers();
  #heard = { received: new Subscribers(), preferences: new Subscribers(), error: new Subscribers() };
  /** @type {(() => void)[]} */
  #unlisten = [];
  #options;
  #http;
  #store;
  /** @type {Lists} */
  #lists;
  #changes;
  /** @type {Connection} */
  #connection;
  /** @type {import("./index.js").InboxSnapshot} */
  #snapshot;

  /** @param {import("./index.js").InboxOptions} options */
  constructor(options) {
    this.#options = options;
    const { timers = TIMERS, random = Math.random, transports = /** @type {const} */ (["socket", "events", "polling"]) } = options;
    this.#http = new Http({ ...options, timers });
    this.#store = new Store({
      onChange: () => this.#changed(),
      onReceived: (item) => this.#heard.received.tell(item),
      onPreferences: (value) => this.#heard.preferences.tell(value),
    });
    this.#lists = new Lists({
      store: this.#store,
      timers,
      random,
      read: (verb, args, path) => this.#link?.request?.(verb, args) ?? this.#http.call("GET", path),
      isLive: () => this.#link !== null,
      onError: (error) => this.#report("load", error),
    });
    const context = {
      http: this.#http,
      WebSocket: options.WebSocket ?? globalThis.WebSocket,
      timers,
      random,
      hello: () => this.#hello(),
      refresh: () => this.#poll(),
      pollMs: () => this.#pollMs(),
    };
    this.#connection = new Connection(transports.map((name) => OPENERS[name]), context, {
      onConnected: (result, window) => this.#connected(result, window),
      onEvent: (event) => this.#event(event),
      onPosition: (position) => (this.#store.position = position),
      onInvalid: (window, error) => this.#lists.refuse(window, error),
      onStatus: () => this.#changed(),
    });
    this.#changes = new Changes(this.#store, this.#http, {
      link: () => this.#link,
      onError: (error) => this.#report("change", error),
    });
    this.#snapshot = this.#summary();
  }

  /** Connect, and stay connected until `stop()`. */
  start() {
    if (!this.#unlisten.length) this.#listen();
    this.#connection.start();
  }

  /** Close the connection. What is held stays, and `start()` goes on from it. */
  stop() {
    this.#unlisten.splice(0).forEach((run) => run());
    this.#lists.stop();
    this.#connection.stop();
  }

  getSnapshot = () => this.#snapshot;
  subscribe = (/** @type {() => void} */ run) => this.#subscribers.add(run);

  /**
   * @param {"received" | "preferences" | "error"} name @param {(value: any) => void} run
   * @returns {() => void} ends the subscription
   */
  on(name, run) {
    return this.#heard[name].add(run);
  }

  /** @param {Filter & {limit?: number}} [filter] @returns {import("./index.js").NotificationList} */
  list(filter = { archived: false, snoozed: false }) {
    return this.#lists.list(filter);
  }

  /** @param {Filter} filter @returns {import("./index.js").FilterCount} */
  count(filter) {
    return this.#lists.count(filter);
  }

  read = (/** @type {Ids} */ ids) => this.#changes.mark(ids, "read");
  unread = (/** @type {Ids} */ ids) => this.#changes.mark(ids, "unread");
  seen = (/** @type {Ids} */ ids) => this.#changes.mark(ids, "seen");
  archive = (/** @type {Ids} */ ids) => this.#changes.mark(ids, "archived");
  unarchive = (/** @type {Ids} */ ids) => this.#changes.mark(ids, "unarchived");
  snooze = (/** @type {Ids} */ ids, /** @type {Date | string} */ until) => this.#changes.snooze(ids, until);
  unsnooze = (/** @type {Ids} */ ids) => this.#changes.unsnooze(ids);
  act = (/** @type {string} */ id, /** @type {"primary" | "secondary"} */ type) => this.#changes.act(id, type, "done");
  revert = (/** @type {string} */ id, /** @type {"primary" | "secondary"} */ type) => this.#changes.act(id, type, "pending");
  delete = (/** @type {Ids} */ ids, /** @type {PromiseLike<boolean>=} */ confirmed) => this.#changes.delete(ids, confirmed);
  readAll = (/** @type {Filter} */ where = {}) => this.#changes.markAll(where, "read");
  seenAll = (/** @type {Filter} */ where = {}) => this.#changes.markAll(where, "seen");
  archiveAll = (/** @type {Filter} */ where = {}) => this.#changes.markAll(where, "archived");
  archiveRead = (/** @type {Filter} */ where = {}) => this.#changes.markAll(where, "read_archived");
  deleteAll = (/** @type {Filter} */ where = {}) => this.#changes.deleteAll(where);

  /**
   * @param {import("./index.js").PreferenceFilter} [filter]
   * @returns {Promise<import("./index.js").Preference[]>} the global preference, then those of workflows
   */
  async preferences(filter = {}) {
    const query = String(queryOf(filter));
    return (await this.#http.call("GET", `/preferences${query && `?${query}`}`)).data;
  }

  /** @param {object} channels such as `{in_app: false}` @param {string} [workflow] without it the global preference changes */
  async setPreferences(channels, workflow) {
    const path = workflow === undefined ? "/preferences" : `/preferences/${encodeURIComponent(workflow)}`;
    return (await this.#http.call("PATCH", path, channels)).data;
  }

  get #link() {
    return this.#connection.status === "live" ? this.#connection.link : null;
  }

  #hello() {
    const { window, query } = this.#lists.hello();
    const { position } = this.#store;
    return { window, args: { ...(position && { position }), ...(query && { list: query }) } };
  }

  /** @param {any} result @param {import("./store.js").Window} [window] that asked for the list in it */
  #connected(result, window) {
    if (!result) return; // by polling: all was read
    this.#store.connected(result, window);
  }

  /** @param {any} event @returns {boolean} */
  #event(event) {
    const continues = this.#store.apply(event);
    if (continues) this.#lists.recountSoon();
    return continues;
  }

  #poll() {
    this.#store.detach();
    return this.#lists.poll();
  }

  #pollMs() {
    if (globalThis.document?.visibilityState === "hidden") return HIDDEN_POLL_MS;
    return this.#options.pollMs ?? (this.#http.hasEtags ? POLL_MS : FULL_POLL_MS);
  }

  #listen() {
    const { document } = globalThis;
    const follow = (/** @type {EventTarget | undefined} */ target, /** @type {string} */ name, /** @type {() => void} */ run) => {
      target?.addEventListener?.(name, run);
      this.#unlisten.push(() => target?.removeEventListener?.(name, run));
    };
    follow(globalThis, "online", () => this.#connection.wake(true));
    follow(globalThis, "offline", () => this.#connection.sleep());
    follow(globalThis, "pageshow", () => this.#connection.wake());
    follow(document, "visibilitychange", () => document.visibilityState === "visible" && this.#connection.wake());
  }

  /** @param {string} operation @param {Error} error */
  #report(operation, error) {
    this.#heard.error.tell({ operation, error });
  }

  /** Tell those whose snapshot is another one, and read what became stale. */
  #changed() {
    const { status } = this.#snapshot;
    const next = this.#summary();
    const isOld = Object.entries(next).every(([name, value]) => this.#snapshot[/** @type {"status"} */ (name)] === value);
    if (!isOld) this.#snapshot = next;
    this.#lists.tell();
    if (!isOld) this.#subscribers.tell();
    if (next.status === "live" && status !== "live") this.#lists.recountSoon(0);
    if ((next.status === "failed" || next.status === "unauthorized") && next.status !== status && next.error) {
      this.#report("connect", next.error);
    }
    this.#lists.care();
  }

  /** @returns {import("./index.js").InboxSnapshot} */
  #summary() {
    const { status, link, error } = this.#connection;
    const transport = status === "live" ? (link?.transport ?? null) : null;
    return Object.freeze({ status, transport, error, counts: this.#store.counts });
  }
}
