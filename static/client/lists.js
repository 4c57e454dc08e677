/** The lists and counts that somebody shows: reads them, pages through them, and reads again what became stale. */

import { backoff } from "./connection.js";
import { keyOf, queryOf } from "./filter.js";
import { Window } from "./store.js";
import { Subscribers } from "./subscribers.js";

const PAGE = 20;
const MAX_PAGE = 100;
const MAX_FILTERS = 24; // of one request, beside the six of the badge
const RECOUNT_MS = 1_000; // within which counts per filter follow an event, spread over clients

const BADGE = { read: false, snoozed: false };
const SEVERITIES = /** @type {const} */ (["high", "medium", "low", "none"]);
const COUNTED = [{ seen: false }, BADGE, ...SEVERITIES.map((severity) => ({ ...BADGE, severity }))];

/** @typedef {import("./index.js").Filter} Filter */
/** @typedef {import("./index.js").Notification} Notification */
/** @typedef {import("./store.js").Page} Page */
/**
 * @typedef {object} ListsContext
 * @property {import("./store.js").Store} store
 * @property {import("./connection.js").Timers} timers
 * @property {() => number} random
 * @property {(verb: "list" | "count", args: object, path: string) => Promise<any>} read
 * @property {() => boolean} isLive
 * @property {(error: Error) => void} onError
 */

/** @implements {ListHandle} */
class NotificationList {
  subscribers = new Subscribers();
  /** @type {Promise<unknown>} */
  queue = Promise.resolve(); // its pages are read one after another
  /** @type {Promise<void> | null} */
  loadingMore = null;
  isBusy = false;
  isRefused = false; // the service does not know this filter
  /** @type {any} the timer of the next try */
  waiting = undefined;
  failures = 0;
  #lists;

  /** @param {Lists} lists @param {Window} window */
  constructor(lists, window) {
    this.#lists = lists;
    this.window = window;
    this.told = window.snapshot;
  }

  getSnapshot = () => this.window.snapshot;
  subscribe = (/** @type {() => void} */ run) => this.#lists.subscribe(this, run);
  more = () => this.#lists.more(this);
  refresh = () => this.#lists.refresh(this);
}
/** @typedef {import("./index.js").NotificationList} ListHandle */

/** @implements {CountHandle} */
class FilterCount {
  subscribers = new Subscribers();
  isRefused = false;
  /** @type {number | undefined} */
  count = undefined;
  #lists;

  /** @param {Lists} lists @param {Filter} filter */
  constructor(lists, filter) {
    this.#lists = lists;
    this.filter = filter;
  }

  getSnapshot = () => this.count;
  subscribe = (/** @type {() => void} */ run) => this.#lists.subscribeCount(this, run);
}
/** @typedef {import("./index.js").FilterCount} CountHandle */

export class Lists {
  /** @type {Map<string, NotificationList>} */
  #lists = new Map();
  /** @type {Map<string, FilterCount>} */
  #counts = new Map();
  /** @type {any} */
  #recounting;
  #context;
  #store;

  /** @param {ListsContext} context */
  constructor(context) {
    this.#context = context;
    this.#store = context.store;
  }

  /** @param {Filter & {limit?: number}} filter @returns {NotificationList} the same for the same filter */
  list(filter) {
    const key = keyOf(filter);
    const { limit = PAGE, ...rest } = filter;
    const list = this.#lists.get(key) ?? new NotificationList(this, new Window(rest, Math.min(limit, MAX_PAGE)));
    this.#lists.set(key, list);
    return list;
  }

  /** @param {Filter} filter @returns {FilterCount} the same for the same filter */
  count(filter) {
    const key = keyOf(filter);
    const count = this.#counts.get(key) ?? new FilterCount(this, filter);
    this.#counts.set(key, count);
    return count;
  }

  /** @param {NotificationList} list @param {() => void} run */
  subscribe(list, run) {
    this.#store.windows.add(list.window);
    list.isRefused = false;
    this.#store.render();
    const end = list.subscribers.add(run);
    this.care();
    return () => {
      end();
      this.#release(list);
    };
  }

  /** Events no longer reach a list that nobody shows. @param {NotificationList} list */
  #release({ subscribers, window }) {
    if (!subscribers.size && this.#store.windows.delete(window)) window.isStale = true;
  }

  /** @param {FilterCount} count @param {() => void} run */
  subscribeCount(count, run) {
    const end = count.subscribers.add(run);
    if (count.subscribers.size === 1) this.recountSoon(0); // nobody has followed it
    return end;
  }

  /** @param {NotificationList} list @returns {Promise<import("./index.js").ListSnapshot>} */
  async refresh(list) {
    await this.#load(list, () => this.#reload(list.window));
    return list.getSnapshot();
  }

  /** @param {NotificationList} list @returns {Promise<void>} */
  more(list) {
    const { window } = list;
    if (!window.hasMore) return Promise.resolve();
    const read = async () => {
      const last = window.items.at(-1);
      if (!last) return this.#reload(window);
      await this.#page(window, window.limit, last.sequence, last);
    };
    return (list.loadingMore ??= this.#load(list, read).finally(() => (list.loadingMore = null)));
  }

  /** What `connect` asks for, and the list that gets the answer. */
  hello() {
    const lists = this.#active.filter(({ isRefused }) => !isRefused);
    const list = lists.find(({ window }) => window.isStale) ?? lists[0];
    if (!list) return {};
    const limit = Math.min(MAX_PAGE, Math.max(list.window.limit, list.window.items.length));
    return { window: list.window, query: { ...list.window.filter, limit } };
  }

  /** The service does not know the filter of this list: only a new subscription tries it again. @param {Window} window @param {Error} error */
  refuse(window, error) {
    const list = this.#active.find((one) => one.window === window);
    if (list) this.#failed(list, error);
    this.#store.render();
  }

  /** Read all that is shown, as polling does. */
  async poll() {
    const lists = this.#active.filter(({ isRefused }) => !isRefused);
    const reads = lists.map((list) => this.#load(list, () => this.#reload(list.window), true));
    await Promise.all([...reads, this.#recount(true)]);
    this.#store.render();
  }

  /** Read what is stale, has not enough left to fill half a page, or was never read. */
  care() {
    if (!this.#context.isLive()) return;
    for (const list of this.#active) {
      const { window, isBusy, isRefused, waiting } = list;
      if (isBusy || isRefused || waiting !== undefined) continue;
      const isShort = window.hasMore && window.items.length < window.limit / 2;
      const read = window.isStale ? this.#load(list, () => this.#reload(window)) : isShort ? this.more(list) : undefined;
      read?.catch(() => {}); // the snapshot has the error
    }
  }

  /** Tell those whose snapshot is another one. */
  tell() {
    for (const list of this.#lists.values()) {
      if (list.told === list.window.snapshot) continue;
      list.told = list.window.snapshot;
      list.subscribers.tell();
    }
  }

  /** Count again for the filters somebody shows; calls that come meanwhile are one. @param {number} [ms] */
  recountSoon(ms = RECOUNT_MS * this.#context.random()) {
    if (this.#recounting || !this.#context.isLive() || !this.#counted.length) return;
    this.#recounting = this.#context.timers.setTimeout(() => {
      this.#recounting = undefined;
      this.#recount(false).catch((error) => this.#context.onError(error));
    }, ms);
  }

  stop() {
    this.#context.timers.clearTimeout(this.#recounting);
    this.#recounting = undefined;
    for (const list of this.#lists.values()) this.#calm(list);
  }

  /** @param {NotificationList} list */
  #calm(list) {
    this.#context.timers.clearTimeout(list.waiting);
    list.waiting = undefined;
  }

  get #active() {
    return [...this.#lists.values()].filter(({ window }) => this.#store.windows.has(window));
  }

  get #counted() {
    const shown = [...this.#counts.values()].filter(({ subscribers, isRefused }) => subscribers.size && !isRefused);
    return shown.slice(0, MAX_FILTERS);
  }

  /** @param {boolean} withBadge whether no event brings the counts of the badge @returns {Promise<void>} */
  async #recount(withBadge) {
    const counted = this.#counted;
    try {
      await this.#count(withBadge, counted);
    } catch (error) {
      if (!counted.length || !isRefusal(error)) throw error;
      for (const count of counted) count.isRefused = true; // one of them; the badge must not suffer
      this.#context.onError(/** @type {Error} */ (error));
      if (withBadge) await this.#count(true, []);
    }
  }

  /** @param {boolean} withBadge @param {FilterCount[]} counted */
  async #count(withBadge, counted) {
    const filters = [...(withBadge ? COUNTED : []), ...counted.map(({ filter }) => filter)];
    const path = `/notifications/count?filters=${encodeURIComponent(JSON.stringify(filters))}`;
    const answer = await this.#context.read("count", { filters }, path);
    const counts = answer.data.map((/** @type {{count: number}} */ { count }) => count);
    if (withBadge) {
      const [unseen, unread, ...rest] = counts.splice(0, COUNTED.length);
      const severity = /** @type {any} */ (Object.fromEntries(SEVERITIES.map((name, n) => [name, rest[n]])));
      this.#store.setCounts({ unseen, unread, severity });
    }
    counted.forEach((count, n) => {
      if (count.count === counts[n]) return;
      count.count = counts[n];
      count.subscribers.tell();
    });
  }

  /**
   * Read pages of a list, after those that are being read.
   * @param {NotificationList} list @param {() => Promise<void>} read @param {boolean} [isPoll] whether nobody sees it
   * @returns {Promise<void>}
   */
  #load(list, read, isPoll = false) {
    const { window } = list;
    const run = async () => {
      this.#store.windows.add(window);
      window.isLoading = !isPoll;
      this.#store.render();
      try {
        await read();
        window.error = null;
        list.failures = 0;
        list.isRefused = false;
      } catch (error) {
        window.isStale = !isPoll || window.floor === Infinity; // a poll is repeated by its link
        const failed = /** @type {import("./http.js").InboxError} */ (error);
        if (isRefusal(failed) || (!isPoll && failed.code !== "lost")) this.#failed(list, failed);
        if (!isPoll || !isRefusal(failed)) throw failed;
      } finally {
        window.isLoading = list.isBusy = false;
        this.#store.render();
        this.#release(list);
      }
    };
    list.isBusy = true;
    const job = list.queue.then(run);
    list.queue = job.catch(() => {});
    return job;
  }

  /** @param {NotificationList} list @param {Error} error */
  #failed(list, error) {
    list.window.error = error;
    list.isRefused = isRefusal(error);
    this.#calm(list);
    const again = () => {
      list.waiting = undefined;
      this.care();
    };
    const { timers, random } = this.#context;
    if (!list.isRefused) list.waiting = timers.setTimeout(again, backoff(list.failures++, random));
    this.#context.onError(error);
  }

  /**
   * Read a window from the newest on: down to where it ended, so that new ones push out no row that is shown, but at most
   * a page more than it had.
   * @param {Window} window
   */
  async #reload(window) {
    const held = window.items.length;
    const target = Math.max(window.limit, held);
    const most = held ? target + window.limit : target;
    window.isStale = false;
    let loaded = 0;
    let bottom = Infinity;
    /** @type {Notification | undefined} */
    let last;
    do {
      const limit = Math.min(MAX_PAGE, Math.max(window.limit, target - loaded));
      const page = await this.#page(window, limit, bottom, last);
      if (!page) return; // void: it is stale again
      ({ bottom, last } = page);
      loaded += limit;
    } while (bottom > 0 && bottom > window.floor && loaded < most);
    this.#store.reached(window, bottom);
  }

  /**
   * Read one page and merge it.
   * @param {Window} window @param {number} limit @param {number} from below which sequence @param {Notification} [after]
   * @returns {Promise<{bottom: number, last?: Notification} | null>} null if what is held was dropped meanwhile
   */
  async #page(window, limit, from, after) {
    const watch = this.#store.watch();
    try {
      const args = { ...window.filter, limit, ...(after && { after: after.id }) };
      /** @type {Page} */
      const page = await this.#context.read("list", args, `/notifications?${queryOf(args)}`);
      if (watch.isVoid) return null;
      const bottom = this.#store.merge(window, page, watch, from);
      this.#store.reached(window, Math.min(bottom, window.floor)); // at once: the watch ends here
      return { bottom, last: page.data.at(-1) };
    } finally {
      this.#store.forget(watch);
    }
  }
}

/** @param {any} error @returns {boolean} whether it is the filter that was refused, which no other attempt helps */
function isRefusal({ status, code }) {
  return status === 400 || status === 422 || code === "invalid";
}
