/** What a client holds: events, pages, bulk changes, counts, and snapshots that keep their identity. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { keyOf, matcher, queryOf } from "../../../static/client/filter.js";
import { Store, Window } from "../../../static/client/store.js";

const COUNTS = { unseen: 0, unread: 0, severity: { high: 0, medium: 0, low: 0, none: 0 } };

function item(sequence, fields = {}) {
  const flags = { isRead: false, isSeen: false, isArchived: false, isSnoozed: false };
  return { id: `n${sequence}`, sequence, body: "", createdAt: "2026-11-30T12:00:00.000Z", ...flags, ...fields };
}

/** A store that is connected at position 1-10, with a window of that filter over these notifications. */
function held(items, { filter = {}, hasMore = false, limit = 20, listener = {} } = {}) {
  const store = new Store(listener);
  const window = new Window(filter, limit);
  store.windows.add(window);
  store.connected({ recovered: false, position: "1-10", counts: COUNTS, list: { data: items, hasMore } }, window);
  const ids = () => window.snapshot.items.map(({ id }) => id);
  const event = (counter, ...changes) => store.apply({ from: `1-${counter - 1}`, position: `1-${counter}`, counts: COUNTS, changes });
  return { store, window, ids, event };
}

test("orders by sequence and puts a moved notification on top", () => {
  const { ids, event } = held([item(3), item(2), item(1)]);
  event(11, { updated: item(2, { isRead: true }) });
  assert.deepEqual(ids(), ["n3", "n2", "n1"]);
  event(12, { created: { ...item(4), id: "n1" } });
  assert.deepEqual(ids(), ["n1", "n3", "n2"]);
});

test("an event that does not continue the position changes nothing", () => {
  const { store, ids, event } = held([item(1)]);
  assert.equal(event(12, { created: item(2) }), false);
  assert.deepEqual(ids(), ["n1"]);
  assert.equal(store.position, "1-10");
});

test("a notification below the window does not appear in it", () => {
  const { ids, event, window } = held([item(9), item(8)], { hasMore: true });
  event(11, { updated: item(3) });
  assert.deepEqual(ids(), ["n9", "n8"]);
  assert.equal(window.snapshot.hasMore, true);
});

test("a notification that no longer matches leaves, and comes back whole", () => {
  const { ids, event } = held([item(2), item(1)], { filter: { archived: false } });
  event(11, { updated: item(2, { isArchived: true }) });
  assert.deepEqual(ids(), ["n1"]);
  event(12, { updated: item(2) });
  assert.deepEqual(ids(), ["n2", "n1"]);
});

test("a bulk change sets flags and dates up to a sequence, or in ranges", () => {
  const { window, event } = held([item(5), item(4), item(3), item(2), item(1, { isRead: true, readAt: "old" })]);
  event(11, { bulk: { set: { isRead: true, readAt: "now", isSeen: true, firstSeenAt: "now" }, upTo: 3 } });
  const dates = () => window.snapshot.items.map(({ readAt, firstSeenAt }) => [readAt, firstSeenAt]);
  assert.deepEqual(dates(), [[undefined, undefined], [undefined, undefined], ["now", "now"], ["now", "now"], ["now", "now"]]);
  event(12, { bulk: { set: { isRead: false, readAt: null }, sequences: [[1, 1], [3, 5]] } });
  assert.deepEqual(window.snapshot.items.map(({ isRead }) => isRead), [false, false, false, true, false]);
  assert.deepEqual(dates()[2], [undefined, "now"]);
});

test("a bulk change whose dates are named sets no others", () => {
  const { window, event } = held([item(2, { firstSeenAt: "old" }), item(1)]);
  const seen = () => window.snapshot.items.map(({ isSeen, firstSeenAt = null }) => [isSeen, firstSeenAt]);
  event(11, { bulk: { set: { isSeen: true }, upTo: 2 } });
  assert.deepEqual(seen(), [[true, "old"], [true, null]]);
  event(12, { bulk: { set: { isSeen: true, firstSeenAt: "now" }, upTo: 2 } });
  assert.deepEqual(seen(), [[true, "old"], [true, "now"]]);
  event(13, { bulk: { set: { isRead: true, readAt: "then" }, upTo: 2 } });
  assert.deepEqual(window.snapshot.items.map(({ readAt }) => readAt), ["then", "then"]);
});

test("a bulk change that may bring unknown notifications into a window makes it stale", () => {
  const { window, event } = held([item(1, { isRead: true })], { filter: { read: true } });
  event(11, { bulk: { set: { isSeen: true }, upTo: 3 } });
  assert.equal(window.isStale, false);
  event(12, { bulk: { set: { isRead: true }, upTo: 3 } });
  assert.equal(window.isStale, true);
});

test("a page does not bring back what went while it was read, nor hide what came", () => {
  const { store, window, ids, event } = held([item(3)], { hasMore: true });
  const watch = store.watch();
  event(11, { removed: ["n1"] });
  event(12, { created: item(4) });
  event(13, { updated: item(2, { isRead: true }) });
  const bottom = store.merge(window, { data: [item(2), item(1)], hasMore: false }, watch, 3);
  store.reached(window, bottom);
  store.render();
  assert.deepEqual(ids(), ["n4", "n3", "n2"]);
  assert.equal(window.snapshot.items[2].isRead, true);
});

test("an event that a page already contains leaves the page's state as it was", () => {
  const { store, window, event } = held([item(2)], { hasMore: true });
  const page = { data: [item(1, { isRead: true, isArchived: true })], hasMore: false, position: "1-12" };
  store.reached(window, store.merge(window, page, store.watch(), 2));
  event(11, { updated: item(1, { isRead: true }) });
  assert.equal(window.snapshot.items[1].isArchived, true);
  event(12, { bulk: { set: { isRead: false, readAt: null }, upTo: 1 } });
  assert.equal(window.snapshot.items[1].isRead, true);
  event(13, { updated: item(1) });
  assert.equal(window.snapshot.items[1].isArchived, false);
});

test("a page that was read before a change of one's own does not take it back", () => {
  const { store, window, ids } = held([item(1, { isRead: true })], { filter: { read: false } });
  const pending = store.begin({ ids: ["n1"], effect: (one) => ({ ...one, isRead: false }), clears: [] });
  const watch = store.watch();
  store.commit(pending, [item(1)]);
  store.merge(window, { data: [], hasMore: false }, watch, Infinity);
  store.render();
  assert.deepEqual(ids(), ["n1"]);
});

test("an answer does not bring back what an event has removed, nor undo what one has changed", () => {
  const { store, window, event } = held([item(3), item(2), item(1)]);
  const effect = (one) => ({ ...one, isArchived: true });
  const pendings = ["n1", "n2", "n3"].map((id) => store.begin({ ids: [id], effect, clears: [] }));
  event(11, { removed: ["n1"] });
  event(12, { updated: item(2, { isSeen: true }) });
  event(13, { updated: item(3, { isSeen: true }) });
  store.commit(pendings[0], [item(1, { isArchived: true })]);
  store.commit(pendings[1], [item(2, { isArchived: true })]);
  store.commit(pendings[2]); // an answer without a body
  assert.deepEqual(window.snapshot.items.map(({ id, isArchived }) => [id, isArchived]), [["n3", false], ["n2", false]]);
});

test("a page removes what it should have contained", () => {
  const { store, window, ids } = held([item(3), item(2), item(1)]);
  store.merge(window, { data: [item(3), item(1)], hasMore: false }, store.watch(), Infinity);
  store.render();
  assert.deepEqual(ids(), ["n3", "n1"]);
});

test("snapshots keep their identity while nothing in them changes", () => {
  const { store, window, event } = held([item(2), item(1)], { filter: { archived: false } });
  const { snapshot } = window;
  const { counts } = store;
  event(11, { updated: item(2) });
  event(12, { created: item(3, { isArchived: true }) });
  store.render();
  assert.equal(window.snapshot, snapshot);
  assert.equal(store.counts, counts);
  event(13, { updated: item(1, { isRead: true }) });
  assert.notEqual(window.snapshot, snapshot);
  assert.equal(window.snapshot.items[0], snapshot.items[0]);
  assert.ok(Object.isFrozen(window.snapshot) && Object.isFrozen(window.snapshot.items) && Object.isFrozen(window.snapshot.items[0]));
});

test("a pending change shows one and the same object, and its counts", () => {
  const { store, window } = held([item(2, { severity: "high" }), item(1)]);
  store.setCounts({ unseen: 2, unread: 2, severity: { high: 1, medium: 0, low: 0, none: 1 } });
  const pending = store.begin({ ids: ["n2"], effect: (one) => ({ ...one, isRead: true, isSeen: true }), clears: [] });
  const { snapshot } = window;
  assert.equal(snapshot.items[0].isRead, true);
  assert.deepEqual(store.counts, { unseen: 1, unread: 1, severity: { high: 0, medium: 0, low: 0, none: 1 } });
  store.render();
  assert.equal(window.snapshot, snapshot);
  store.rollBack(pending);
  assert.equal(window.snapshot.items[0].isRead, false);
  assert.equal(store.counts.unread, 2);
});

test("a change settles with the event of its position, not before", () => {
  const { store, window, event } = held([item(1)]);
  const pending = store.begin({ ids: ["n1"], effect: () => null, clears: [] });
  store.settle(pending, "1-12");
  event(11);
  assert.deepEqual(window.snapshot.items, []);
  event(12, { updated: item(1, { isSeen: true }) }); // the service knows better
  assert.equal(window.snapshot.items[0].isSeen, true);
});

test("a change of all leaves alone what comes later", () => {
  const { store, window, event } = held([item(1)]);
  store.begin({ matches: () => true, effect: (one) => ({ ...one, isRead: true }), clears: ["unread"] });
  event(11, { created: item(2) });
  assert.deepEqual(window.snapshot.items.map(({ isRead }) => isRead), [false, true]);
});

test("says what is new, once", () => {
  const received = [];
  const { event, store, window } = held([item(1)], { listener: { onReceived: ({ id }) => received.push(id) } });
  event(11, { created: item(2) });
  event(12, { updated: item(2, { isRead: true }) });
  store.merge(window, { data: [item(3), item(2), item(1)], hasMore: false }, store.watch(), Infinity);
  store.render();
  assert.deepEqual(received, ["n2", "n3"]);
});

test("refetch makes every window stale", () => {
  const { window, event } = held([item(1)]);
  event(11, { refetch: true });
  assert.equal(window.isStale, true);
});

test("a long list keeps its newest thousand", () => {
  const { window, event } = held([item(1)]);
  const changes = Array.from({ length: 1_100 }, (_, n) => ({ created: item(n + 2) }));
  event(11, ...changes);
  assert.equal(window.snapshot.items.length, 1_000);
  assert.equal(window.snapshot.hasMore, true);
  assert.equal(window.snapshot.items.at(-1).sequence, 102);
});

test("filters match as the service's do", () => {
  const one = item(1, { tags: ["a", "c"], severity: "high", data: { order: { id: 7 }, paid: true } });
  const yes = [
    {},
    { read: false, snoozed: false },
    { tags: ["b", "a"] },
    { tags: [["a", "b"], ["c"]] },
    { tags: { or: ["c"] } },
    { tags: { and: [{ or: ["a"] }, { or: ["c", "d"] }] } },
    { tags: [] },
    { severity: ["low", "high"] },
    { data: { order: { id: 7 } } },
    { data: { gone: null, paid: true } },
    { createdGte: Date.parse(one.createdAt), createdLte: Date.parse(one.createdAt) },
  ];
  const no = [
    { read: true },
    { tags: ["b"] },
    { tags: [["a"], ["b"]] },
    { tags: { and: [{ or: ["a"] }, { or: ["d"] }] } },
    { severity: "none" },
    { data: { order: { id: "7" } } },
    { data: { paid: 1 } },
    { createdGte: Date.parse(one.createdAt) + 1 },
  ];
  for (const filter of yes) assert.equal(matcher(filter)(one), true, JSON.stringify(filter));
  for (const filter of no) assert.equal(matcher(filter)(one), false, JSON.stringify(filter));
  assert.equal(matcher({ severity: "none" })(item(2)), true);
});

test("filters are written as the service reads them, in one order", () => {
  const text = (filter) => decodeURIComponent(queryOf(filter).toString());
  assert.equal(text({ tags: ["a", "b"], read: false, limit: 5 }), "limit=5&read=false&tags[]=a&tags[]=b");
  assert.equal(text({ tags: [["a", "b"], ["c"]] }), "tags[0][]=a&tags[0][]=b&tags[1][]=c");
  assert.equal(text({ severity: "high", data: { b: 1, a: null } }), 'data={"a":null,"b":1}&severity[]=high');
  assert.equal(keyOf({ read: true, seen: undefined, data: { b: 1, a: 2 } }), keyOf({ data: { a: 2, b: 1 }, read: true }));
});
