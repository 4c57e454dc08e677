/** Messages as the service pushes them, notifications as it lists them, and a service that the test plays. */

const id = (n) => String(n).padStart(24, "0");
const createdAt = (n) => new Date(Date.UTC(2026, 0, 1) + 1000 * Math.floor(n / 2)).toISOString(); // two share a time

export function message(n, changes = {}) {
  const cta = { type: "redirect", data: {}, action: { status: "pending", buttons: [], result: {} } };
  const state = { read: false, seen: false, archived: false, createdAt: createdAt(n), cta, ...changes };
  return { _id: id(n), id: id(n), sequence: n, transactionId: `t${n}`, content: `body ${n}`, subject: `subject ${n}`, ...state };
}

export function notification(n, changes = {}) {
  const state = { isRead: false, isSeen: false, isArchived: false, isSnoozed: false, createdAt: createdAt(n) };
  return { id: id(n), sequence: n, body: `body ${n}`, subject: `subject ${n}`, ...state, ...changes };
}

/** A small linear congruential generator: the same seed gives the same run. */
export function random(seed) {
  let state = seed;
  return (bound) => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return Math.floor((state / 4294967296) * bound);
  };
}

/** The service's side: changes one at a time, each pushed in order, and pages read at a moment and answered later. */
export class Service {
  /** @type {Map<number, {read: boolean}>} */
  rows = new Map();
  events = [];
  #next = 1;

  /** Makes one change chosen by `pick`. */
  change(pick) {
    const known = [...this.rows.keys()];
    const n = known[pick(known.length)];
    const kind = pick(100);
    if (kind < 40 || !known.length) this.#append();
    else if (kind < 70) this.#mark(n, !this.rows.get(n).read);
    else if (kind < 99) this.#remove(n);
    else this.#markAll(); // seldom: the load it asks for would heal what an earlier one got wrong
    this.events.push(["unread_count_changed", { counts: { total: this.unread } }]);
  }

  get unread() {
    return [...this.rows.values()].filter(({ read }) => !read).length;
  }

  /** The newest `count` as they are now, or those that follow `after`; null when that one is gone. */
  page(count, after) {
    if (after && !this.rows.has(Number(after))) return null;
    const rows = [...this.rows].filter(([n]) => !after || n < Number(after)).sort(([a], [b]) => b - a);
    const data = rows.slice(0, count).map(([n, { read }]) => notification(n, { isRead: read }));
    return { data, hasMore: rows.length > count, unread: this.unread };
  }

  #append() {
    const n = this.#next++;
    this.rows.set(n, { read: false });
    this.events.push(["notification_received", { message: message(n) }]);
  }

  #mark(n, read) {
    this.rows.set(n, { read });
    this.events.push(["notification_updated", { message: message(n, { read }) }]);
  }

  #remove(n) {
    this.rows.delete(n);
    this.events.push(["notification_updated", { removed: [id(n)] }]);
  }

  #markAll() {
    for (const n of this.rows.keys()) this.rows.set(n, { read: true });
    this.events.push(["notification_updated", { refetch: true }]);
  }
}

/**
 * A feed against a service at random: events arrive in order and late, a load is read at one moment and answered at a
 * later one. Once all has arrived the feed shows what the service holds, without a gap, and the count is right.
 */
export function play(Feed, seed, steps = 300) {
  const pick = random(seed);
  const [service, feed] = [new Service(), new Feed()];
  let load = null;
  let stale = true;
  const begin = (after) => (load = { watch: feed.watch(), after, page: undefined });
  const read = () => (load.page = service.page(load.after ? 10 : Math.max(10, feed.items.length), load.after));
  const answer = () => {
    const { page, watch, after } = load;
    if (!page) stale = true;
    else if (after) feed.append(page.data, page.hasMore, watch);
    else feed.replace(page.data, page.hasMore, watch);
    if (page && !after) feed.setUnread(page.unread, watch);
    feed.forget(watch);
    load = null;
  };
  for (let step = 0; step < steps || service.events.length || load || stale; step += 1) {
    if (step < steps && pick(3) === 0) service.change(pick);
    if (service.events.length && pick(2) === 0 && feed.apply(...service.events.shift()).refetch) stale = true;
    if (!load && stale) {
      stale = false;
      begin();
    } else if (!load && feed.hasMore && pick(30) === 0) begin(feed.items.at(-1)?.id);
    else if (load && load.page === undefined && pick(3) === 0) read();
    else if (load && load.page !== undefined && pick(12) === 0) answer();
  }
  return agrees(feed, service);
}

function agrees(feed, service) {
  const state = (items) => JSON.stringify(items.map(({ id, isRead }) => [id, isRead]));
  const truth = service.page(feed.items.length);
  const hidden = truth.hasMore && !feed.hasMore; // the reverse heals with the next page
  return state(feed.items) === state(truth.data) && feed.unread === service.unread && !hidden;
}
