/**
 * Random histories: whatever happens in the feed, to the network and in between, a client that has come to rest holds
 * what a fresh reading shows. INBOX_SEEDS sets how many histories; a failure prints its seed and its steps.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { numbers, settle } from "./clock.mjs";
import { SHOWN, truth, world } from "./support.mjs";

const SEEDS = Number(process.env.INBOX_SEEDS ?? 20);
const FIRST = Number(process.env.INBOX_SEED ?? 1);
const STEPS = 40;
const FILTERS = [SHOWN, { read: false }, { archived: true }, { tags: ["a"], archived: false, limit: 4 }];

async function history(seed) {
  const random = numbers(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const { service, open, clock, close } = world(12);
  service.withEtags = seed % 2 === 0;
  const first = [["socket", "events", "polling"], ["events", "polling"], ["polling"]];
  const clients = [];
  for (const transports of first) clients.push(await open({ transports, random }, { filter: pick(FILTERS) }));
  const lists = clients.map(({ inbox, list }) => [list, ...FILTERS.slice(0, 2).map((filter) => inbox.list(filter))]);
  lists.flat().forEach((list) => list.subscribe(() => {}));
  const some = () => [...service.items.keys()].filter(() => random() < 0.2);
  const one = () => pick([...service.items.keys(), "gone"]);
  let copy = service.backup();
  const acts = {
    add: () => service.add({ tags: random() < 0.5 ? ["a"] : [], severity: pick(["high", "none"]) }),
    mark: () => service.mark(some(), pick(["read", "unread", "seen", "archived", "unarchived"])),
    markAll: () => service.markAll(pick([{}, { tags: ["a"] }]), pick(["read", "seen", "archived", "read_archived"])),
    remove: () => service.remove(some().slice(0, 2)),
    lift: () => service.items.has(one()) && service.lift(pick([...service.items.keys()])),
    client: () => void pick(clients).inbox[pick(["read", "unread", "archive", "unarchive", "delete", "unsnooze"])](one()).catch(() => {}),
    all: () => void pick(clients).inbox[pick(["readAll", "archiveAll", "archiveRead"])]().catch(() => {}),
    more: () => void pick(pick(lists)).more().catch(() => {}),
    hold: () => (service.isHeld = true),
    deliver: () => service.deliver(),
    cut: () => service.cut(),
    forget: () => service.forget(),
    back: () => (copy = service.backup()),
    restore: () => service.restore(copy),
    snooze: () => void pick(clients).inbox.snooze(one(), new Date(clock.now() + 3_600_000)).catch(() => {}),
    block: () => (service.ways[pick(["socket", "events"])] = pick(["blocked", "open"])),
    wait: () => clock.advance(pick([0, 500, 5_000])),
  };
  const steps = [];
  try {
    for (let n = 0; n < STEPS; n += 1) {
      const name = pick(Object.keys(acts));
      steps.push(name);
      await acts[name]();
      if (random() < 0.3) await settle();
      if (n % 10 === 9) await check(service, clock, clients, lists);
    }
  } catch (error) {
    error.message = `seed ${seed}: ${steps.join(" ")}\n${error.message}`;
    throw error;
  } finally {
    close();
  }
}

async function check(service, clock, clients, lists) {
  Object.assign(service.ways, { socket: "open", events: "open" });
  service.deliver();
  await settle();
  for (let n = 0; n < 3; n += 1) {
    await clock.advance(20_000);
    service.ping();
  }
  await settle();
  clients.forEach(({ inbox }, n) => {
    assert.equal(inbox.getSnapshot().status, "live", `client ${n}`);
    assert.deepEqual(inbox.getSnapshot().counts, service.counts, `client ${n}`);
    for (const list of lists[n]) {
      const { items, hasMore, error } = list.getSnapshot();
      const expected = truth(service, list.window.filter, items.length);
      assert.deepEqual(items, expected.items, `client ${n}, ${JSON.stringify(list.window.filter)}`);
      assert.equal(hasMore, service.list({ ...list.window.filter, limit: items.length }).hasMore);
      assert.equal(error, null);
      assert.ok(!hasMore || items.length >= list.window.limit / 2);
    }
  });
}

test(`${SEEDS} random histories`, async () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) await history(seed);
});
