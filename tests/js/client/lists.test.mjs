/** Lists and counts of filters: pages, what becomes stale, errors. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { settle } from "./clock.mjs";
import { world } from "./support.mjs";

for (const transports of [["socket"], ["events"], ["polling"]]) {
  test(`pages go on where the last one ended, over ${transports}`, async () => {
    const { open, service } = world(50);
    const { list, ids } = await open({ transports });
    assert.deepEqual([ids().length, list.getSnapshot().hasMore], [20, true]);
    const loading = list.more();
    assert.equal(list.more(), loading);
    await settle();
    assert.deepEqual([ids().length, ids().at(-1)], [40, "n11"]);
    service.add();
    await list.more();
    await settle();
    assert.deepEqual([ids().at(-1), list.getSnapshot().hasMore], ["n1", false]);
    await list.more();
    assert.equal(new Set(ids()).size, ids().length);
  });
}

test("a poll reads again all that is shown, deeper than one page of the service", async () => {
  const { open, service, clock } = world(260);
  const { list, ids } = await open({ transports: ["polling"] }, { filter: { archived: false, limit: 100 } });
  await list.more();
  assert.equal(ids().length, 200);
  service.mark(["n70", "n200"], "archived");
  await clock.advance(20_000);
  assert.equal(ids().includes("n70") || ids().includes("n200"), false);
  assert.equal(list.getSnapshot().items.length, 200);
});

test("lists of several filters share what they hold", async () => {
  const { open, service } = world(3);
  const { inbox, ids } = await open();
  const unread = inbox.list({ read: false });
  const archived = inbox.list({ archived: true });
  assert.equal(inbox.list({ read: false, seen: undefined }), unread);
  unread.subscribe(() => {});
  archived.subscribe(() => {});
  await settle();
  const idsOf = (list) => list.getSnapshot().items.map(({ id }) => id);
  assert.deepEqual(idsOf(unread), ["n3", "n2", "n1"]);
  service.mark(["n2"], "archived");
  assert.deepEqual([ids(), idsOf(unread), idsOf(archived)], [["n3", "n1"], ["n3", "n1"], ["n2"]]);
});

test("a bulk change that brings unknown ones into a list makes it read again", async () => {
  const { open, service } = world(30);
  const { inbox } = await open();
  const archived = inbox.list({ archived: true });
  archived.subscribe(() => {});
  await settle();
  service.markAll({}, "archived");
  await settle();
  assert.equal(archived.getSnapshot().items.length, 30);
  assert.equal(archived.getSnapshot().hasMore, false);
});

test("a bulk change while the first page is on its way makes the list read again", async () => {
  const { open, service } = world(5);
  const { inbox } = await open({ transports: ["events"] });
  service.isHeld = true;
  const archived = inbox.list({ archived: true });
  archived.subscribe(() => {});
  await settle();
  service.markAll({}, "archived");
  await settle();
  service.deliver();
  await settle();
  assert.equal(archived.getSnapshot().items.length, 5);
});

test("a page that was read in another life of the store is read again", async () => {
  const { open, service, clock } = world(3);
  const copy = service.backup();
  for (let n = 0; n < 40; n += 1) service.mark(["n1"], "seen");
  const { list } = await open({ transports: ["events"] }, { filter: { limit: 2 } });
  service.isHeld = true;
  const more = list.more();
  await settle();
  const old = service.held.splice(0);
  service.isHeld = false;
  service.restore(copy);
  await clock.advance(1_000);
  old.forEach((run) => run());
  await more;
  await settle();
  service.change(["n1"], { body: "Another" });
  await list.more();
  await settle();
  assert.deepEqual(list.getSnapshot().items, service.list({ limit: 3 }).data);
});

test("a list that runs short reads on by itself", async () => {
  const { open, service } = world(50);
  const { ids } = await open();
  service.mark(Array.from({ length: 11 }, (_, n) => `n${50 - n}`), "archived");
  await settle();
  assert.equal(ids().length, 29);
});

test("nobody follows a list without subscribers; a new one reads it again", async () => {
  const { open, service } = world(3);
  const { inbox } = await open();
  const list = inbox.list({ seen: false });
  const end = list.subscribe(() => {});
  await settle();
  end();
  const { length } = service.requests;
  service.mark(["n2"], "seen");
  service.add();
  await settle();
  assert.equal(service.requests.length, length);
  let calls = 0;
  list.subscribe(() => (calls += 1));
  await settle();
  assert.deepEqual(list.getSnapshot().items.map(({ id }) => id), ["n4", "n3", "n1"]);
  assert.ok(calls > 0);
});

test("subscribers hear of a change once, and of nothing else", async () => {
  const { open, service } = world(3);
  const { list, inbox } = await open();
  const heard = [];
  list.subscribe(() => heard.push("list"));
  inbox.subscribe(() => heard.push("inbox"));
  service.mark(["n1"], "read");
  assert.deepEqual(heard.sort(), ["inbox", "list"]);
  service.mark(["n1"], "read");
  service.ping();
  assert.equal(heard.length, 2);
});

test("a page that cannot be read is an error of the list, and tried again", async () => {
  const { open, service, clock } = world(50);
  const { inbox, list, ids, errors } = await open({ transports: ["events"] });
  service.ways.rest = 503;
  await assert.rejects(list.more(), { status: 503 });
  assert.equal(list.getSnapshot().error.status, 503);
  assert.deepEqual(errors, [["load", "Status 503"]]);
  assert.equal(ids().length, 20);
  service.ways.rest = "open";
  await clock.advance(1_000);
  assert.equal(list.getSnapshot().error, null);
  service.ways.rest = 503;
  await assert.rejects(list.more(), { status: 503 });
  inbox.stop();
  assert.equal(clock.next, Infinity);
});

test("refresh reads without a connection", async () => {
  const { service } = world(2);
  const { Inbox } = await import("../../../static/client/index.js");
  const list = new Inbox({ ...service.options, token: "token-1" }).list();
  assert.deepEqual(list.getSnapshot(), { items: [], hasMore: false, isLoaded: false, isLoading: true, error: null });
  assert.equal((await list.refresh()).items.length, 2);
});

test("counts of filters follow events, together and not at once", async () => {
  const { open, service, clock } = world(2);
  const { inbox } = await open();
  const tagged = inbox.count({ tags: ["sale"], read: false });
  const all = inbox.count({});
  const told = [];
  tagged.subscribe(() => told.push(tagged.getSnapshot()));
  all.subscribe(() => {});
  assert.equal(tagged.getSnapshot(), undefined);
  await clock.advance(0);
  assert.deepEqual([tagged.getSnapshot(), all.getSnapshot()], [0, 2]);
  service.add({ tags: ["sale"] });
  service.add({ tags: ["sale"] });
  await clock.advance(999);
  assert.equal(tagged.getSnapshot(), 0);
  await clock.advance(1);
  assert.deepEqual(told, [0, 2]);
  assert.equal(service.requests.filter((verb) => verb === "count").length, 2);
});

test("a count that somebody shows again is counted again", async () => {
  const { open, service, clock } = world(1);
  const { inbox } = await open();
  const count = inbox.count({});
  count.subscribe(() => {})();
  await clock.advance(0);
  service.add();
  await clock.advance(1_000);
  count.subscribe(() => {});
  await clock.advance(0);
  assert.equal(count.getSnapshot(), 2);
});

for (const transports of [["socket"], ["events"], ["polling"]]) {
  test(`a filter that is refused fails alone, over ${transports}`, async () => {
    const { open, service, clock } = world(2, (service) => (service.isInvalid = ({ tags }) => tags?.includes("bad")));
    const { inbox, list, states, errors } = await open({ transports }, { filter: { tags: ["bad"] } });
    const [good, bad] = [inbox.list(), inbox.count({ tags: ["bad"] })];
    good.subscribe(() => {});
    bad.subscribe(() => {});
    const beat = async () => {
      await clock.advance(20_000);
      service.ping();
    };
    await beat();
    await beat();
    assert.deepEqual(states, ["connecting", `live ${transports}`]);
    assert.equal(good.getSnapshot().items.length, 2);
    assert.equal(list.getSnapshot().error.message, "Unknown filter");
    assert.equal(list.getSnapshot().isLoading, false);
    assert.equal(bad.getSnapshot(), undefined);
    assert.deepEqual(errors, [["load", "Unknown filter"], ["load", "Unknown filter"]]);
    service.isInvalid = () => false;
    await list.refresh();
    assert.equal(list.getSnapshot().error, null);
  });
}

test("counts of filters are polled with those of the badge", async () => {
  const { open, service, clock } = world(2);
  const { inbox } = await open({ transports: ["polling"] });
  const count = inbox.count({ archived: true });
  count.subscribe(() => {});
  service.mark(["n1"], "archived");
  await clock.advance(20_000);
  assert.equal(count.getSnapshot(), 1);
  assert.equal(inbox.getSnapshot().counts.unread, 1);
});

test("says what was received, over every transport", async () => {
  for (const transports of [["socket"], ["events"], ["polling"]]) {
    const { open, service, clock } = world(2);
    const { inbox } = await open({ transports });
    const received = [];
    inbox.on("received", ({ id }) => received.push(id));
    service.add();
    service.lift("n1");
    await clock.advance(20_000);
    assert.deepEqual(received.sort(), ["n1", "n3"]);
  }
});
