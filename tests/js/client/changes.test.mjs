/** Changes of a person: at once, settled by position, rolled back; over the socket and by REST. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { deferred, settle } from "./clock.mjs";
import { SHOWN, truth, world } from "./support.mjs";

const TRANSPORTS = [["socket"], ["events"], ["polling"]];

for (const transports of TRANSPORTS) {
  test(`every change, over ${transports}`, async () => {
    const { service, open, clock } = world(0);
    const primaryAction = { label: "Accept", isCompleted: false };
    for (let n = 0; n < 5; n += 1) service.add({ primaryAction });
    const { inbox, list, ids } = await open({ transports });
    const shown = (id) => list.getSnapshot().items.find((item) => item.id === id);
    const carriedOut = async (change, atOnce) => {
      atOnce();
      await change;
      await settle();
      atOnce();
      const { items, counts } = truth(service, SHOWN, 20);
      assert.deepEqual(list.getSnapshot().items, items);
      assert.deepEqual(inbox.getSnapshot().counts, counts);
    };
    const until = new Date(clock.now() + 3_600_000);
    await carriedOut(inbox.seen(["n1", "n2"]), () => assert.equal(shown("n2").isSeen, true));
    await carriedOut(inbox.read("n3"), () => assert.equal(inbox.getSnapshot().counts.unread, 4));
    await carriedOut(inbox.unread("n3"), () => assert.equal(inbox.getSnapshot().counts.unread, 5));
    await carriedOut(inbox.archive(["n3", "n4"]), () => assert.deepEqual(ids(), ["n5", "n2", "n1"]));
    await carriedOut(inbox.unarchive("n4"), () => assert.deepEqual(ids(), ["n5", "n4", "n2", "n1"]));
    await carriedOut(inbox.snooze("n5", until), () => assert.deepEqual(ids(), ["n4", "n2", "n1"]));
    await carriedOut(inbox.unsnooze("n5"), () => assert.deepEqual(ids(), ["n5", "n4", "n2", "n1"]));
    await carriedOut(inbox.delete("n5"), () => assert.deepEqual(ids(), ["n4", "n2", "n1"]));
    await carriedOut(inbox.readAll(), () => assert.equal(inbox.getSnapshot().counts.unread, 0));
    await carriedOut(inbox.archiveRead(), () => assert.deepEqual(ids(), []));
    service.add();
    await clock.advance(20_000);
    await carriedOut(inbox.seenAll(), () => assert.equal(inbox.getSnapshot().counts.unseen, 0));
    await carriedOut(inbox.deleteAll(), () => assert.deepEqual(ids(), []));
  });

  test(`a deletion waits for what confirms it, over ${transports}`, async () => {
    const { service, open } = world(2);
    const { inbox, ids } = await open({ transports });
    const held = () => truth(service, SHOWN, 20).items.map(({ id }) => id);
    for (const isConfirmed of [false, true]) {
      const { promise, resolve } = deferred();
      const changing = inbox.delete("n2", promise);
      await settle();
      assert.deepEqual([ids(), inbox.getSnapshot().counts.unread, held()], [["n1"], 1, ["n2", "n1"]]);
      resolve(isConfirmed);
      await changing;
      await settle();
      const left = isConfirmed ? ["n1"] : ["n2", "n1"];
      assert.deepEqual([ids(), inbox.getSnapshot().counts.unread, held()], [left, left.length, left]);
    }
  });

  test(`a deletion is taken back when what confirms it fails, over ${transports}`, async () => {
    const { service, open } = world(2);
    const { inbox, ids, errors } = await open({ transports });
    const { promise, reject } = deferred();
    const changing = inbox.delete("n2", promise);
    assert.deepEqual(ids(), ["n1"]);
    reject(new Error("nobody answered"));
    await assert.rejects(changing, { message: "nobody answered" });
    assert.deepEqual([ids(), inbox.getSnapshot().counts.unread], [["n2", "n1"], 2]);
    assert.deepEqual(errors, [["change", "nobody answered"]]);
    assert.equal(truth(service, SHOWN, 20).items.length, 2);
  });

  test(`a change that fails is rolled back, over ${transports}`, async () => {
    const { service, open } = world(2);
    const { inbox, ids, errors } = await open({ transports });
    service.refuse = { mark: { code: "unavailable", message: "Redis is away", retry: true } };
    service.ways.rest = 503;
    const archived = inbox.archive("n1");
    assert.deepEqual(ids(), ["n2"]);
    await assert.rejects(archived, transports[0] === "socket" ? { code: "unavailable" } : { status: 503 });
    assert.deepEqual(ids(), ["n2", "n1"]);
    assert.equal(errors.filter(([operation]) => operation === "change").length, 1);
  });
}

test("over the socket it is settled by the event of its position, whichever comes first", async () => {
  for (const isAnswerFirst of [true, false]) {
    const { service, open } = world(2);
    const { inbox, list } = await open();
    service.isHeld = true;
    const read = inbox.read("n2");
    assert.equal(list.getSnapshot().items[0].isRead, true);
    if (isAnswerFirst) service.deliver();
    await settle();
    assert.equal(list.getSnapshot().items[0].isRead, true);
    service.deliver();
    await read;
    service.change(["n2"], { isRead: false });
    assert.equal(list.getSnapshot().items[0].isRead, false);
  }
});

test("a change whose answer was lost with the socket is made again by REST", async () => {
  const { service, open } = world(2);
  const { inbox, list } = await open();
  service.isHeld = true;
  const read = inbox.read("n2");
  service.held = [];
  service.isHeld = false;
  service.cut();
  await read;
  assert.deepEqual(service.requests.slice(-2), ["mark", "PATCH /notifications/n2/read"]);
  assert.equal(list.getSnapshot().items[0].isRead, true);
});

test("a change that a deletion of the subscriber overtakes opens no new session", async () => {
  const { service, open } = world(2);
  const session = { applicationIdentifier: "app", subscriberId: "alice" };
  const { inbox, states } = await open({ token: undefined, session });
  service.isHeld = true;
  const read = inbox.read("n2");
  service.held = [];
  service.isHeld = false;
  service.tokens.clear();
  service.cut(4410, "subscriber_deleted");
  await assert.rejects(read, { isFinal: true });
  await assert.rejects(inbox.read("n1"), { isFinal: true });
  assert.equal(states.at(-1), "failed");
  assert.equal(service.sessions, 1);
});

test("a change of all whose answer was lost is not made again", async () => {
  const { service, open } = world(2);
  const { inbox } = await open();
  service.isHeld = true;
  const read = inbox.readAll();
  service.held = [];
  service.cut();
  await assert.rejects(read, { code: "lost" });
});

test("ids go in chunks over the socket, and one by one by REST, of which one may fail", async () => {
  const { service, open } = world(150);
  const { inbox } = await open();
  const all = Array.from({ length: 150 }, (_, n) => `n${n + 1}`);
  await inbox.archive(all);
  const marks = service.sockets[0].frames.filter(({ mark }) => mark);
  assert.deepEqual(marks.map(({ mark }) => mark.ids.length), [100, 50]);
  inbox.stop();
  const rest = await open({ transports: ["polling"] }, { filter: { archived: true } });
  service.remove(["n7"]);
  await assert.rejects(rest.inbox.unarchive(["n6", "n7", "n8"]), { status: 404 });
  assert.equal(service.items.get("n6").isArchived, false);
  assert.equal(service.items.get("n8").isArchived, false);
});

test("what cannot be reached, or is no date, rejects and is rolled back", async () => {
  const { service, open } = world(2);
  const { inbox, ids } = await open({ transports: ["events"] });
  service.ways.rest = "blocked";
  await assert.rejects(inbox.archive("n1"), { name: "InboxError", code: "unreachable", isFinal: false });
  await assert.rejects(inbox.snooze("n1", "tomorrow"), RangeError);
  assert.deepEqual(ids(), ["n2", "n1"]);
});

test("what is already gone counts as deleted", async () => {
  const { service, open } = world(2);
  const { inbox, ids } = await open({ transports: ["polling"] });
  service.remove(["n2"]);
  await inbox.delete("n2");
  assert.deepEqual(ids(), ["n1"]);
});

test("two devices stay in step", async () => {
  const { service, open } = world(3);
  const [one, other] = [await open(), await open({ transports: ["events"] })];
  await one.inbox.read("n3");
  await other.inbox.archive("n1");
  service.add();
  await settle();
  assert.deepEqual(one.list.getSnapshot().items, other.list.getSnapshot().items);
  assert.deepEqual(one.ids(), ["n4", "n3", "n2"]);
  assert.deepEqual(one.inbox.getSnapshot().counts, other.inbox.getSnapshot().counts);
});

test("preferences go by REST, and their change is told", async () => {
  const { service, open } = world(0);
  const { inbox } = await open();
  const told = [];
  inbox.on("preferences", (value) => told.push(value));
  service.publish({ preferences: [{ level: "global" }] });
  assert.deepEqual(told, [[{ level: "global" }]]);
});
