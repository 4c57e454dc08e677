/** How a client stays connected: transports, retries, tokens, and the states it shows. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { EventParser } from "../../../static/client/events.js";
import { deferred, settle } from "./clock.mjs";
import { page, world } from "./support.mjs";

test("connects over the socket with one frame, and gets list and counts in the answer", async () => {
  const { service, open } = world(3);
  const { ids, states, inbox } = await open();
  assert.deepEqual(states, ["connecting", "live socket"]);
  assert.deepEqual(ids(), ["n3", "n2", "n1"]);
  assert.equal(inbox.getSnapshot().counts.unread, 3);
  assert.deepEqual(service.requests, ["connect"]);
  const [{ url, protocols, frames }] = service.sockets;
  assert.deepEqual([url, protocols], ["wss://inbox.test/v1/socket", ["inbox.v1"]]);
  const list = { archived: false, snoozed: false, limit: 20 };
  assert.deepEqual(frames, [{ id: 1, connect: { token: "token-1", list } }]);
});

test("recovers from its position, and reads nothing again", async () => {
  const { service, open, clock } = world(3);
  const { ids, states } = await open();
  service.cut();
  service.add();
  service.remove(["n1"]);
  await clock.advance(1_000);
  assert.deepEqual(ids(), ["n4", "n3", "n2"]);
  assert.deepEqual(states, ["connecting", "live socket", "reconnecting", "live socket"]);
  assert.deepEqual(service.requests, ["connect", "connect"]);
  assert.equal(service.sockets[1].frames[0].connect.position, "1000-3");
});

test("drops what it held when the service cannot recover, and reads its lists again", async () => {
  const { service, open, clock } = world(3);
  const { ids, inbox } = await open();
  const other = inbox.list({ archived: true });
  other.subscribe(() => {});
  await settle();
  service.cut();
  service.life = 2_000;
  service.remove(["n2", "n3"]);
  service.forget();
  service.add({ isArchived: true });
  await clock.advance(1_000);
  assert.deepEqual(ids(), ["n1"]);
  assert.deepEqual(other.getSnapshot().items.map(({ id }) => id), ["n4"]);
});

test("an event that was missed makes it connect again with its position", async () => {
  const { service, open, clock } = world(1);
  const { ids, states } = await open();
  service.counter += 1; // an event that never came
  service.add();
  await settle();
  assert.equal(states.at(-1), "reconnecting");
  service.log[0].counter = 0;
  await clock.advance(1_000);
  assert.equal(states.at(-1), "live socket");
  assert.deepEqual(ids(), ["n2", "n1"]);
});

test("waits longer after each failure, with jitter, and goes on for ever", async () => {
  const { service, open, clock } = world(0, ({ ways }) => Object.assign(ways, { socket: "blocked", events: "blocked", rest: "blocked" }));
  const gaps = [];
  let share = 1;
  const { states } = await open({ random: () => share });
  for (let n = 0; n < 7; n += 1) {
    const before = clock.now();
    const { length } = service.sockets;
    while (service.sockets.length === length) await clock.advance(clock.next);
    gaps.push(clock.now() - before);
  }
  assert.deepEqual(gaps, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  assert.deepEqual(states, ["connecting", "offline"]);
  share = 0.25;
  await clock.advance(30_000);
  assert.equal(clock.next, 7_500);
});

test("falls back from the socket to the stream to polling, and comes back", async () => {
  const { service, open, clock } = world(1, ({ ways }) => Object.assign(ways, { socket: "blocked", events: 404 }));
  const { states, ids } = await open();
  assert.deepEqual(states, ["connecting", "live polling"]);
  service.add();
  await clock.advance(15_000 * 1.2);
  assert.deepEqual(ids(), ["n2", "n1"]);
  service.ways.events = "open";
  await clock.advance(60_000);
  assert.deepEqual(states.slice(2), ["live events"]);
  service.add();
  await settle();
  assert.deepEqual(ids(), ["n3", "n2", "n1"]);
  service.ways.socket = "open";
  for (let n = 0; n < 3; n += 1) {
    await clock.advance(20_000);
    service.ping();
  }
  await settle();
  assert.deepEqual(states.slice(3), ["live socket"]);
  service.add();
  await settle();
  assert.equal(service.streams.size, 0);
  assert.deepEqual(ids(), ["n4", "n3", "n2", "n1"]);
});

test("a socket that was won back ends as any other", async () => {
  const endings = [
    [1012, "retry_after=4000", ["reconnecting"]],
    [4410, "subscriber_deleted", ["failed"]],
    [4401, "token_expired", ["reconnecting", "live socket"]],
  ];
  for (const [code, reason, expected] of endings) {
    const { service, open, clock } = world(1, ({ ways }) => Object.assign(ways, { socket: "blocked" }));
    const session = { applicationIdentifier: "app", subscriberId: "ada" };
    const { states, inbox } = await open({ token: undefined, session });
    service.ways.socket = "open";
    for (let n = 0; n < 3; n += 1) {
      await clock.advance(20_000);
      service.ping();
    }
    await settle();
    assert.deepEqual(states.slice(1), ["live events", "live socket"]);
    service.cut(code, reason);
    await settle();
    assert.deepEqual(states.slice(3), expected, reason);
    if (code === 1012) {
      await clock.advance(3_999);
      assert.equal(states.at(-1), "reconnecting");
      await clock.advance(1);
      assert.equal(states.at(-1), "live socket");
    }
    inbox.stop();
  }
});

test("a stream that the service closes ends as a socket does", async () => {
  const session = { applicationIdentifier: "app", subscriberId: "ada" };
  const endings = [
    [4410, "subscriber_deleted", ["failed"], 1],
    [4401, "token_expired", ["reconnecting", "live events"], 2],
    [4403, "session_revoked", ["reconnecting", "live events"], 2],
    [4529, "too_many_frames", ["reconnecting"], 1],
  ];
  for (const [code, reason, expected, sessions] of endings) {
    const { service, open, close } = world(1, ({ ways }) => Object.assign(ways, { socket: "blocked" }));
    const { states, inbox } = await open({ token: undefined, session });
    service.cut(code, reason);
    await settle();
    assert.deepEqual(states, ["connecting", "live events", ...expected]);
    assert.equal(service.sessions, sessions);
    if (code !== 4401 && code !== 4403) assert.equal(inbox.getSnapshot().error.code, reason);
    close();
  }
});

test("the better transport is tried more and more rarely", async () => {
  const { service, open, clock } = world(0, ({ ways }) => Object.assign(ways, { socket: "blocked", events: 404 }));
  await open();
  const gaps = [];
  for (let n = 0; n < 7; n += 1) {
    const [before, { length }] = [clock.now(), service.sockets];
    while (service.sockets.length === length) await clock.advance(clock.next);
    gaps.push((clock.now() - before) / 60_000);
  }
  assert.deepEqual(gaps, [1, 2, 4, 8, 16, 30, 30]);
});

test("a transport that has worked gets a second try before the next one", async () => {
  const { service, open, clock } = world(1);
  const { states } = await open();
  service.ways.socket = "blocked";
  service.cut();
  await clock.advance(1_000);
  assert.equal(states.at(-1), "reconnecting");
  await clock.advance(2_000);
  assert.equal(states.at(-1), "live events");
});

test("without WebSocket it goes to the stream at once", async () => {
  const { service, open } = world(1);
  const { states } = await open({ WebSocket: null });
  assert.deepEqual(states, ["connecting", "live events"]);
  assert.equal(service.lastQuery.get("list"), '{"archived":false,"snoozed":false,"limit":20}');
});

test("honours the time that a stopping service gives", async () => {
  const { service, open, clock } = world(1);
  const { states } = await open();
  service.cut(1012, "retry_after=4200");
  await settle();
  assert.equal(clock.next, 4_200);
  await clock.advance(4_200);
  assert.equal(states.at(-1), "live socket");
});

test("honours the field retry of a stream", async () => {
  const { service, open, clock } = world(1);
  service.retryMs = 3_300;
  const { states } = await open({ transports: ["events", "polling"] });
  service.cut();
  await settle();
  assert.equal(clock.next, 3_300);
  await clock.advance(3_300);
  assert.equal(states.at(-1), "live events");
  assert.equal(service.lastQuery.get("position"), "1000-1");
});

test("honours Retry-After", async () => {
  const { service, open, clock } = world(1, (service) => Object.assign(service.ways, { events: 503 }));
  service.retryAfter = "7";
  const { states } = await open({ transports: ["events", "polling"] });
  assert.equal(clock.next, 7_000);
  service.ways.events = "open";
  await clock.advance(7_000);
  assert.deepEqual(states, ["connecting", "live events"]);
});

test("connects again when nothing was heard for 35 s, pings count", async () => {
  const { service, open, clock } = world(1);
  const { states } = await open();
  await clock.advance(25_000);
  service.ping();
  await clock.advance(34_000);
  assert.equal(states.at(-1), "live socket");
  await clock.advance(1_000);
  assert.equal(states.at(-1), "reconnecting");
  await clock.advance(1_000);
  assert.equal(states.at(-1), "live socket");
});

test("keeps the position of a ping", async () => {
  for (const transports of [["socket"], ["events"]]) {
    const { service, open } = world(1);
    const { ids, states } = await open({ transports });
    service.counter += 1; // something that no page shows
    service.ping();
    await settle();
    service.add();
    await settle();
    assert.deepEqual(ids(), ["n2", "n1"]);
    assert.equal(states.length, 2);
  }
});

test("gives up a socket that does not answer connect within 10 s", async () => {
  const { service, open, clock } = world(1);
  service.isHeld = true;
  const { states } = await open({ transports: ["socket"] });
  await clock.advance(9_999);
  assert.equal(service.sockets[0].isOpen, true);
  await clock.advance(1);
  assert.equal(service.sockets[0].isOpen, false);
  service.deliver();
  await clock.advance(1_000);
  assert.deepEqual(states, ["connecting", "live socket"]);
});

test("codes 4400 to 4499 end it, others do not", async () => {
  for (const [code, reason, state] of [
    [4410, "subscriber_deleted", "failed"],
    [4406, "refused", "failed"],
    [4408, "connect_timeout", "reconnecting"],
    [4508, "slow_consumer", "reconnecting"],
    [1013, "store_unavailable", "reconnecting"],
  ]) {
    const { service, open, close } = world(1);
    const { states, inbox, errors } = await open();
    service.cut(code, reason);
    await settle();
    assert.equal(states.at(-1), state, reason);
    assert.equal(inbox.getSnapshot().error.message, reason);
    assert.deepEqual(errors, state === "failed" ? [["connect", reason]] : []);
    close();
  }
});

test("an expired token: a new one by the callback, at once", async () => {
  const { service, open } = world(1);
  let calls = 0;
  const { states } = await open({ token: async () => `token-${(calls += 1)}` });
  service.tokens = new Set(["token-2"]);
  service.cut(4401, "token_expired");
  await settle();
  assert.deepEqual(states, ["connecting", "live socket", "reconnecting", "live socket"]);
  assert.equal(calls, 2);
});

for (const transport of ["socket", "events"]) {
  test(`a slow token takes nothing from the time of the ${transport}`, async () => {
    const { open, clock } = world(1);
    const { promise, resolve } = deferred();
    const { states } = await open({ transports: [transport, "polling"], token: () => promise });
    await clock.advance(14_999);
    resolve("token-1");
    await settle();
    assert.deepEqual(states, ["connecting", `live ${transport}`]);
  });

  test(`a token that never comes is asked for again, over ${transport}`, async () => {
    const { open, clock } = world(1);
    let calls = 0;
    const token = () => ((calls += 1) === 1 ? new Promise(() => {}) : "token-1");
    const { states } = await open({ transports: [transport], token });
    await clock.advance(15_000);
    await clock.advance(clock.next);
    assert.deepEqual(states, ["connecting", `live ${transport}`]);
    assert.equal(calls, 2);
  });
}

test("an expired token that is a string, and one that is refused again, end it", async () => {
  for (const token of ["token-1", () => "token-1"]) {
    const { service, open } = world(1);
    const { states, errors } = await open({ token });
    service.tokens.clear();
    service.cut(4401, "token_expired");
    await settle();
    assert.equal(states.at(-1), "unauthorized");
    assert.equal(errors.length, 1);
  }
});

test("a service that accepts and then refuses is not met at full speed", async () => {
  const { service, open } = world(1);
  let calls = 0;
  const { states } = await open({ token: () => ((calls += 1), "token-1") });
  service.cut(4401, "token_expired");
  await settle();
  service.cut(4401, "token_expired");
  await settle();
  assert.equal(states.at(-1), "unauthorized");
  assert.equal(calls, 2);
});

test("renews the token over the socket before it expires", async () => {
  const { service, open, clock } = world(1);
  service.expiresAt = clock.now() + 600_000;
  let calls = 0;
  await open({ token: () => `token-${(calls += 1)}` });
  const beat = async (ms) => {
    for (let left = ms; left > 0; left -= 20_000) {
      await clock.advance(Math.min(left, 20_000));
      service.ping();
    }
  };
  await beat(539_000);
  assert.equal(calls, 1);
  await beat(1_000);
  assert.deepEqual(service.sockets[0].frames.at(-1), { id: 2, renew: { token: "token-2" } });
  await beat(3_600_000);
  assert.equal(calls, 3);
  assert.equal(service.sockets.length, 1);
});

test("a clock that is wrong by hours does not renew all the time", async () => {
  const { service, open, clock } = world(1);
  service.expiresAt = clock.now() + 3_600_000;
  let calls = 0;
  const { setTimeout, clearTimeout } = clock;
  await open({ timers: { setTimeout, clearTimeout, now: () => clock.now() + 7_200_000 }, token: () => `token-${(calls += 1)}` });
  for (let n = 0; n < 60; n += 1) {
    await clock.advance(20_000);
    service.ping();
  }
  assert.equal(calls, 1);
});

test("a subscriber that throws harms nobody", async () => {
  const { service, open } = world(1);
  const thrown = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => thrown.push(error.message));
  try {
    for (const transports of [["socket"], ["events"]]) {
      const { inbox, list, states, ids } = await open({ transports });
      inbox.subscribe(() => {
        throw new Error("a defect");
      });
      list.subscribe(() => {
        throw new Error("a defect");
      });
      const { length } = ids();
      service.add();
      await settle();
      assert.deepEqual([ids().length, states.at(-1)], [length + 1, `live ${transports}`]);
    }
  } finally {
    process.removeAllListeners("uncaughtException");
    listeners.forEach((listener) => process.on("uncaughtException", listener));
  }
  assert.ok(thrown.length >= 4);
});

test("a stream is opened anew with the new token", async () => {
  const { service, open, clock } = world(1);
  service.expiresAt = clock.now() + 40_000;
  service.tokens.add("token-2");
  let calls = 0;
  const { states } = await open({ transports: ["events"], token: () => `token-${(calls += 1)}` });
  await clock.advance(20_000);
  assert.equal(calls, 2);
  assert.deepEqual(states, ["connecting", "live events", "reconnecting", "live events"]);
  assert.equal(service.streams.size, 1);
});

test("opens its session by itself", async () => {
  const { service, open } = world(1);
  const session = { applicationIdentifier: "app", subscriberId: "alice", subscriberHash: "9a1c" };
  const { states } = await open({ token: undefined, session });
  assert.deepEqual(states, ["connecting", "live socket"]);
  assert.deepEqual(service.requests, ["POST /session", "connect"]);
});

test("a session that is refused ends it; start tries again", async () => {
  const { service, open } = world(1);
  service.sessionStatus = 400;
  const session = { applicationIdentifier: "app", subscriberId: "alice" };
  const { states, inbox, errors } = await open({ token: undefined, session });
  assert.deepEqual(states, ["connecting", "unauthorized"]);
  assert.deepEqual(errors, [["connect", "No session"]]);
  service.sessionStatus = undefined;
  inbox.start();
  await settle();
  assert.equal(states.at(-1), "live socket");
});

test("a page that comes back online connects at once; one that is offline says so", async () => {
  const window = page();
  try {
    const { service, open, clock, close } = world(1);
    const { states, ids } = await open();
    window.say("offline");
    service.cut();
    await clock.advance(60_000);
    assert.equal(states.at(-1), "live socket"); // the event may be wrong
    window.say("offline");
    assert.equal(states.at(-1), "offline");
    const { length } = service.sockets;
    service.add();
    window.say("online");
    await settle();
    assert.equal(service.sockets.length, length + 1);
    assert.equal(states.at(-1), "live socket");
    assert.deepEqual(ids(), ["n2", "n1"]);
    close();
  } finally {
    window.leave();
  }
});

test("a page that becomes visible does not wait for the next try", async () => {
  const window = page();
  try {
    const { service, open, clock, close } = world(1, ({ ways }) => Object.assign(ways, { socket: "blocked", events: "blocked", rest: "blocked" }));
    const { states } = await open();
    await clock.advance(20_000);
    Object.assign(service.ways, { socket: "open" });
    window.show("hidden");
    window.show("visible");
    await settle();
    assert.equal(states.at(-1), "live socket");
    close();
  } finally {
    window.leave();
  }
});

test("polls rarely while it is hidden, and at once when it is shown", async () => {
  const window = page();
  try {
    const { service, open, clock, close } = world(1);
    await open({ transports: ["polling"], random: () => 0.5 });
    await clock.advance(5_000);
    assert.equal(clock.next, 10_000);
    window.show("hidden");
    await clock.advance(10_000);
    assert.equal(clock.next, 30_000);
    const { length } = service.requests;
    window.show("visible");
    await settle();
    assert.equal(service.requests.length, length + 2);
    assert.equal(clock.next, 15_000);
    close();
  } finally {
    window.leave();
  }
});

test("polls more often where an answer can be a 304, and then nothing changes", async () => {
  const { service, open, clock } = world(1);
  service.withEtags = true;
  const { list, inbox } = await open({ transports: ["polling"], random: () => 0.5 });
  const [before, summary] = [list.getSnapshot(), inbox.getSnapshot()];
  assert.equal(clock.next, 5_000);
  await clock.advance(5_000);
  assert.equal(service.requests.length, 4);
  assert.equal(list.getSnapshot(), before);
  assert.equal(inbox.getSnapshot(), summary);
});

test("asks with If-None-Match whatever the origin of the service, and takes a path as the url", async () => {
  for (const [page, url, base] of [
    ["https://shop.test/", "https://inbox.test", "https://inbox.test"],
    ["https://inbox.test/a/b", "/", "https://inbox.test"],
    ["https://inbox.test/", "/base/", "https://inbox.test/base"],
  ]) {
    Object.defineProperty(globalThis, "location", { value: new URL(page), configurable: true });
    try {
      const { service, open, clock, close } = world(1);
      service.withEtags = true;
      const asked = [];
      const fetch = (address, init) => (asked.push([address.split("/v1")[0], "If-None-Match" in init.headers]), service.fetch(address, init));
      await open({ url, fetch, transports: ["polling"] });
      await clock.advance(6_000);
      assert.deepEqual(asked, [[base, false], [base, false], [base, true], [base, true]]);
      close();
    } finally {
      delete globalThis.location;
    }
  }
});

test("without ETag a poll that finds nothing new changes no snapshot either", async () => {
  const { open, clock, service } = world(2);
  const { list, inbox } = await open({ transports: ["polling"] });
  const [before, summary] = [list.getSnapshot(), inbox.getSnapshot()];
  await clock.advance(60_000);
  assert.ok(service.requests.length > 4);
  assert.equal(list.getSnapshot(), before);
  assert.equal(inbox.getSnapshot(), summary);
});

test("a 401 while polling gets one new token", async () => {
  const { service, open, clock } = world(1);
  let calls = 0;
  const { states, ids } = await open({ transports: ["polling"], token: () => `token-${(calls += 1)}` });
  service.tokens = new Set(["token-2"]);
  service.add();
  await clock.advance(20_000);
  assert.deepEqual(ids(), ["n2", "n1"]);
  assert.deepEqual(states, ["connecting", "live polling"]);
  service.tokens.clear();
  await clock.advance(20_000);
  assert.equal(states.at(-1), "unauthorized");
});

test("stop ends everything, start goes on from there", async () => {
  const { service, open, clock } = world(1);
  const { states, ids, inbox } = await open();
  inbox.stop();
  assert.equal(clock.next, Infinity);
  service.add();
  assert.deepEqual(ids(), ["n1"]);
  inbox.start();
  inbox.start();
  await settle();
  assert.deepEqual(ids(), ["n2", "n1"]);
  assert.deepEqual(states, ["connecting", "live socket", "idle", "connecting", "live socket"]);
  assert.equal(service.openSockets.length, 1);
});

test("an event stream may be cut anywhere", () => {
  const text = 'retry: 250\r\n: a comment\r\nevent: change\r\nid: 7\r\ndata: {"a":\r\ndata: "b:c"}\r\n\r\ndata:x\n\nevent: empty\n\n';
  for (let size = 1; size < 12; size += 1) {
    const events = [];
    const parser = new EventParser((name, data) => events.push([name, data]));
    for (let from = 0; from < text.length; from += size) parser.push(text.slice(from, from + size));
    assert.deepEqual(events, [["change", '{"a":\n"b:c"}'], ["message", "x"]], `size ${size}`);
    assert.equal(parser.retryMs, 250);
  }
});
