/**
 * What a client holds of one feed: notifications by id, positions, counts, windows of lists, and the changes that are
 * not confirmed yet. No network, no timers. A snapshot stays the same object while nothing in it changes.
 */

import { same, withFields } from "./effects.js";
import { FLAGS, matcher } from "./filter.js";

const HELD = 1_000; // notifications of one list that new ones may push further; beyond it the oldest leave the window
const NOTHING = Object.freeze({ unseen: 0, unread: 0, severity: Object.freeze({ high: 0, medium: 0, low: 0, none: 0 }) });

/** @typedef {import("./index.js").Notification} Notification */
/** @typedef {import("./index.js").Filter} Filter */
/** @typedef {import("./index.js").Counts} Counts */
/** @typedef {import("./index.js").Change} Change */
/** @typedef {import("./index.js").ListSnapshot} ListSnapshot */
/** @typedef {import("./effects.js").Effect} Effect */
/** @typedef {{item: Notification, at: number}} Held with the counter of the position whose state it is */
/** @typedef {{data: Notification[], hasMore: boolean, position?: string}} Page */
/** @typedef {{ids?: string[], matches?: (item: Notification) => boolean, upTo: number, counted: number, watch: Watch, effect: Effect, clears: ("unread" | "unseen")[], settles?: number}} Pending */
/**
 * What happened while a page was on its way: what the page may not know yet.
 * @typedef {{at: number, isVoid: boolean, entries: {at: number | null, change: Change}[]}} Watch
 */

/** @param {string | null | undefined} position @returns {number} its counter, which has no gaps; -1 without one */
export const counterOf = (position) => (position ? Number(position.split("-")[1]) : -1);

/** The part of a list that is held: all matching notifications from the newest down to the sequence `floor`. */
export class Window {
  floor = Infinity; // Infinity: nothing was read yet; 0: there are no older ones
  max = HELD;
  isStale = true; // it has to be read (again)
  isLoading = false;
  /** @type {Error | null} */
  error = null;
  /** @type {Notification[]} as confirmed */
  items = [];
  /** @type {ListSnapshot} */
  snapshot = Object.freeze({ items: Object.freeze([]), hasMore: false, isLoaded: false, isLoading: true, error: null });

  /** @param {Filter} filter @param {number} limit of one page */
  constructor(filter, limit) {
    this.filter = filter;
    this.limit = limit;
    this.matches = matcher(filter);
  }

  get hasMore() {
    return this.floor > 0 && this.floor < Infinity;
  }

  /** @param {Notification} item */
  covers(item) {
    return item.sequence >= this.floor && this.matches(item);
  }
}

export class Store {
  /** @type {string | null} */
  position = null;
  counts = /** @type {Counts} */ (NOTHING);
  /** @type {Set<Window>} */
  windows = new Set();
  /** @type {Map<string, Held>} */
  #held = new Map();
  /** @type {Set<Pending>} */
  #pending = new Set();
  /** @type {Set<Watch>} */
  #watches = new Set();
  #top = 0; // the largest sequence that was ever seen
  #confirmed = /** @type {Counts} */ (NOTHING);
  /** @type {Notification[]} received, and not told yet */
  #news = [];
  #counted = 0; // how often the service has told the counts
  #onChange;
  #onReceived;
  #onPreferences;

  /** @param {{onChange?: () => void, onReceived?: (item: Notification) => void, onPreferences?: (value: any) => void}} [listener] */
  constructor({ onChange = () => {}, onReceived = () => {}, onPreferences = () => {} } = {}) {
    this.#onChange = onChange;
    this.#onReceived = onReceived;
    this.#onPreferences = onPreferences;
  }

  /**
   * Take the result of `connect`. Without recovery every window is to be read again, except the one that asked for `list`.
   * @param {any} result @param {Window} [window]
   */
  connected({ recovered, changes = [], position, counts, list }, window) {
    const at = counterOf(position);
    if (recovered) for (const change of changes) this.#take(change, at);
    else this.#reset();
    this.position = position;
    this.setCounts(counts);
    this.#settle(recovered ? at : Infinity);
    if (!recovered && list && window) {
      const watch = { at, isVoid: false, entries: [] };
      this.reached(window, this.merge(window, { ...list, position }, watch, Infinity));
      window.isStale = false;
    }
    this.render();
  }

  /**
   * Apply an event. Return false if it does not continue the position that is held: something was lost.
   * @param {{from: string, position: string, counts?: Counts, changes: Change[]}} event
   */
  apply({ from, position, counts, changes }) {
    if (from !== this.position) return false;
    const at = counterOf(position);
    for (const change of changes) this.#take(change, at);
    this.position = position;
    if (counts) this.setCounts(counts);
    this.#settle(at);
    this.render();
    return true;
  }

  /** Forget which position each state is of: from now on what is read is the newest. */
  detach() {
    for (const held of this.#held.values()) held.at = -1;
    for (const pending of [...this.#pending]) if (pending.settles !== undefined) this.commit(pending);
  }

  /** @param {Counts} counts of the service */
  setCounts(counts) {
    this.#confirmed = counts;
    this.#counted += 1;
  }

  /** Note what happens until `forget`, for a page that is about to be read. @returns {Watch} */
  watch() {
    const watch = { at: counterOf(this.position), isVoid: false, entries: [] };
    this.#watches.add(watch);
    return watch;
  }

  /** @param {Watch} watch */
  forget(watch) {
    this.#watches.delete(watch);
  }

  /**
   * Merge a page of a window. It tells all of the window below the sequence `from` down to its last notification, so
   * what is held there and is not in the page is gone. What happened while it was on its way stands over it.
   * @param {Window} window @param {Page} page @param {Watch} watch @param {number} from
   * @returns {number} the sequence down to which the page reaches, 0 at the end of the list
   */
  merge(window, page, watch, from) {
    const at = page.position ? counterOf(page.position) : watch.at;
    const read = readAt(page.data, at);
    for (const entry of watch.entries) applyChange(read, entry.change, entry.at);
    const bottom = page.hasMore && page.data.length ? Math.min(...page.data.map(({ sequence }) => sequence)) : 0;
    for (const [id, { item, at: known }] of this.#held) {
      const isTold = item.sequence < from && item.sequence >= bottom && window.matches(item);
      if (isTold && !read.has(id) && known <= at + 0.5) this.#held.delete(id);
    }
    const wasEmpty = this.#top === 0;
    for (const [id, { item, at: known }] of read) {
      const held = this.#held.get(id);
      if (held && held.at > known) continue;
      this.#put(item, known);
      if (!wasEmpty && item.sequence > this.#top && !item.isRead) this.#news.push(item);
    }
    for (const { item } of read.values()) this.#top = Math.max(this.#top, item.sequence);
    return bottom;
  }

  /** All of a window is held down to this sequence. @param {Window} window @param {number} bottom */
  reached(window, bottom) {
    window.floor = bottom;
    window.max = Math.max(HELD, [...this.#held.values()].filter(({ item }) => window.covers(item)).length);
  }

  /** Let a change show at once. @param {Omit<Pending, "upTo" | "counted" | "watch">} change @returns {Pending} */
  begin(change) {
    const views = new WeakMap(); // of the same notification it makes the same object: snapshots compare by identity
    const effect = (/** @type {Notification} */ item) => {
      if (!views.has(item)) views.set(item, change.effect(item));
      return views.get(item);
    };
    const pending = { ...change, effect, upTo: this.#top, counted: this.#counted, watch: this.watch() };
    this.#pending.add(pending);
    this.render();
    return pending;
  }

  /** The change is stored and its event comes with this position. @param {Pending} pending @param {string} position */
  settle(pending, position) {
    pending.settles = counterOf(position);
    this.#settle(counterOf(this.position));
    this.render();
  }

  /**
   * The change is stored and no event is sure to say so: make it the confirmed state.
   * @param {Pending} pending @param {Notification[]} [items] as the service answered
   */
  commit(pending, items = []) {
    const counts = this.#countsAfter([pending]);
    const { watch } = pending;
    this.#end(pending);
    if (watch.isVoid) return this.render(); // all was read again since
    const read = readAt(items, watch.at);
    for (const entry of watch.entries) applyChange(read, entry.change, entry.at);
    const answered = new Set(items.map(({ id }) => id));
    for (const id of answered) if (read.has(id)) this.#note({ updated: /** @type {Held} */ (read.get(id)).item }, null);
    for (const [id, { item, at }] of [...this.#held]) {
      if (answered.has(id) || !appliesTo(pending, item)) continue;
      const next = pending.effect(item);
      if (next && at > watch.at + 0.5) continue; // an event since then says more
      if (next !== item) this.#note(next ? { updated: next } : { removed: [id] }, null);
    }
    if (pending.counted === this.#counted) this.#confirmed = counts; // else the service has counted since
    this.render();
  }

  /** The change failed: show what was there before. @param {Pending} pending */
  rollBack(pending) {
    this.#end(pending);
    this.render();
  }

  /** @param {Pending} pending */
  #end(pending) {
    this.#pending.delete(pending);
    this.forget(pending.watch);
  }

  /** Make new snapshots of what has changed, and tell of it. */
  render() {
    const shown = this.#shown();
    for (const window of this.windows) this.#renderWindow(window, shown);
    this.#drop();
    const counts = this.#countsAfter(this.#pending);
    if (!same(counts, this.counts)) this.counts = Object.freeze(counts);
    this.#onChange();
    for (const item of this.#news.splice(0)) this.#onReceived(item);
  }

  /** @param {Window} window @param {Map<Notification, Notification | null>} shown */
  #renderWindow(window, shown) {
    const covered = [];
    const visible = [];
    for (const { item } of this.#held.values()) {
      const view = shown.has(item) ? shown.get(item) : item;
      const isCovered = window.covers(item);
      if (isCovered) covered.push(item);
      if (view === item ? isCovered : view && window.covers(view)) visible.push(/** @type {Notification} */ (view));
    }
    window.items = covered.sort(newestFirst);
    if (window.items.length > window.max) {
      window.items.length = window.max;
      window.floor = window.items[window.max - 1].sequence;
    }
    const items = visible.filter(({ sequence }) => sequence >= window.floor).sort(newestFirst);
    const old = window.snapshot;
    const isSame = items.length === old.items.length && items.every((item, n) => item === old.items[n]);
    const { hasMore, isLoading, error } = window;
    const isLoaded = window.floor < Infinity;
    const flags = { hasMore, isLoaded, isLoading: isLoading || (!isLoaded && !error), error };
    const isOld = Object.entries(flags).every(([name, value]) => old[/** @type {"error"} */ (name)] === value);
    if (!isSame || !isOld) window.snapshot = Object.freeze({ items: isSame ? old.items : Object.freeze(items), ...flags });
  }

  /** Keep what some window shows, and some more that an undo may bring back. */
  #drop() {
    if (this.#held.size <= 2 * HELD * (1 + this.windows.size)) return;
    const windows = [...this.windows];
    for (const [id, { item }] of this.#held) if (!windows.some((window) => window.covers(item))) this.#held.delete(id);
  }

  /** @param {number} at the position that is held: answered changes up to it are part of the state */
  #settle(at) {
    for (const pending of this.#pending) {
      if (pending.settles !== undefined && pending.settles <= at) this.#end(pending);
    }
  }

  #reset() {
    for (const held of this.#held.values()) held.at = -1;
    for (const window of this.windows) window.isStale = true;
    for (const watch of this.#watches) watch.isVoid = true;
    this.#top = 0; // in a restored store sequences begin lower
  }

  /** @param {Change} change @param {number} at */
  #take(change, at) {
    if ("refetch" in change) return this.#reset();
    if ("preferences" in change) return this.#onPreferences(change.preferences);
    this.#note(change, at);
    if ("bulk" in change) this.#doubt(change.bulk.set);
  }

  /** A bulk change may bring notifications into a window that are not held. @param {Record<string, unknown>} set */
  #doubt(set) {
    const gains = (/** @type {Window} */ { filter }) =>
      Object.entries(FLAGS).some(([name, flag]) => flag in set && filter[/** @type {"read"} */ (name)] === set[flag]);
    for (const window of this.windows) if (gains(window)) window.isStale = true; // also while its page is on its way
  }

  /** @param {Change} change @param {number | null} at null: of no known position, to be applied in any case */
  #note(change, at) {
    for (const watch of this.#watches) watch.entries.push({ at, change });
    const item = itemOf(change);
    if (!item) return applyChange(this.#held, change, at);
    const held = this.#held.get(item.id);
    if (held && at !== null && held.at > at) return;
    if ("created" in change && (!held || held.item.sequence < item.sequence)) this.#news.push(item);
    const isCovered = [...this.windows].some((window) => window.covers(item));
    if (held || isCovered) this.#put(Object.freeze(item), at ?? held?.at ?? -1);
    this.#top = Math.max(this.#top, item.sequence);
  }

  /** @param {Notification} item @param {number} at */
  #put(item, at) {
    const held = this.#held.get(item.id);
    this.#held.set(item.id, { item: held && same(held.item, item) ? held.item : item, at });
  }

  /** @returns {Map<Notification, Notification | null>} confirmed → shown, of those that pending changes are about */
  #shown(pendings = /** @type {Iterable<Pending>} */ (this.#pending)) {
    /** @type {Map<Notification, Notification | null>} */
    const shown = new Map();
    for (const pending of pendings) {
      for (const { item } of this.#held.values()) {
        const before = shown.has(item) ? shown.get(item) : item;
        const after = before && appliesTo(pending, before) ? pending.effect(before) : before;
        if (after !== item) shown.set(item, after ?? null);
      }
    }
    return shown;
  }

  /** Return the confirmed counts after these changes. @param {Iterable<Pending>} pendings @returns {Counts} */
  #countsAfter(pendings) {
    const { unseen, unread, severity } = this.#confirmed;
    const counts = { unseen, unread, severity: { ...severity } };
    for (const [before, after] of this.#shown(pendings)) {
      addTo(counts, before, -1);
      if (after) addTo(counts, after, 1);
    }
    for (const { clears } of pendings) {
      for (const name of clears) counts[name] = 0;
      if (clears.includes("unread")) counts.severity = { ...NOTHING.severity };
    }
    return counts;
  }
}

/**
 * Return notifications by id, as read at a position or after it: they contain its events.
 * @param {Notification[]} items @param {number} at @returns {Map<string, Held>}
 */
function readAt(items, at) {
  return new Map(items.map((item) => [item.id, { item: Object.freeze(item), at: at + 0.5 }]));
}

/** @param {Pending} pending @param {Notification} item */
function appliesTo({ ids, matches, upTo }, item) {
  return ids ? ids.includes(item.id) : item.sequence <= upTo && Boolean(matches?.(item));
}

/** @param {Notification} a @param {Notification} b */
function newestFirst(a, b) {
  return b.sequence - a.sequence;
}

/** @param {{unseen: number, unread: number, severity: Record<string, number>}} counts @param {Notification} item @param {number} sign */
function addTo(counts, item, sign) {
  if (!item.isSeen) counts.unseen = Math.max(0, counts.unseen + sign);
  if (item.isRead || item.isSnoozed) return;
  const severity = item.severity ?? "none";
  counts.unread = Math.max(0, counts.unread + sign);
  counts.severity[severity] = Math.max(0, (counts.severity[severity] ?? 0) + sign);
}

/**
 * Apply a change to notifications by id. A state of a later position stays.
 * @param {Map<string, Held>} held @param {Change} change @param {number | null} at
 */
function applyChange(held, change, at) {
  if ("removed" in change) {
    for (const id of change.removed) held.delete(id);
  } else if ("bulk" in change) {
    const { set, upTo = 0, sequences = [[0, upTo]] } = change.bulk;
    for (const [id, { item, at: known }] of held) {
      if (at !== null && known > at) continue;
      if (!sequences.some(([first, last]) => item.sequence >= first && item.sequence <= last)) continue;
      held.set(id, { item: withFields(item, set), at: at ?? known });
    }
  }
  const item = itemOf(change);
  if (!item) return;
  const known = held.get(item.id)?.at ?? -1;
  if (at === null || known <= at) held.set(item.id, { item: Object.freeze(item), at: at ?? known });
}

/** @param {Change} change @returns {Notification | null} that it brings whole */
function itemOf(change) {
  if ("created" in change) return change.created;
  return "updated" in change ? change.updated : null;
}
