/** Two devices of one person at a real service, over the transport `INBOX_TRANSPORT`; run by pytest. */

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";

import { Inbox } from "../../../static/client/index.js";

const { INBOX_URL: url, INBOX_API_KEY: key, INBOX_APPLICATION_IDENTIFIER: applicationIdentifier, INBOX_TRANSPORT: transport } = process.env;
const SHOWN = { archived: false, snoozed: false };
const subscriberId = "alice";
const session = { applicationIdentifier, subscriberId, subscriberHash: createHmac("sha256", key).update(subscriberId).digest("hex") };
const LIMITED = { timeout: 120_000 };
const opened = [];

async function call(method, path, body, authorization = `ApiKey ${key}`) {
  const headers = { Authorization: authorization, "Content-Type": "application/json" };
  const reply = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(reply.ok, `${method} ${path}: ${reply.status} ${await reply.clone().text()}`);
  return reply.json();
}

const send = (n) => call("POST", "/v1/events/trigger", { name: "client", to: subscriberId, payload: { n } });

function open(options = {}) {
  const inbox = new Inbox({ url, session, pollMs: 100, transports: [transport], ...options });
  inbox.start();
  opened.push(inbox);
  const lists = { shown: inbox.list({ ...SHOWN, limit: 10 }), archived: inbox.list({ archived: true }), tagged: inbox.list({ tags: ["sale"] }) };
  Object.values(lists).forEach((list) => list.subscribe(() => {}));
  return { inbox, ...lists };
}

/** Resolve once the condition holds, which is asked after each change of the store. */
function until(store, condition) {
  return new Promise((resolve) => {
    const end = store.subscribe(() => check());
    const check = () => condition(store.getSnapshot()) && (end(), resolve());
    check();
  });
}

/** Resolve once the device shows what a fresh listing does. */
async function settled({ inbox, shown, archived }) {
  const { token } = (await call("POST", "/v1/inbox/session", { ...session, subscriber: { subscriberId } })).data;
  const read = (query) => call("GET", `/v1/inbox/notifications?${query}&limit=100`, undefined, `Bearer ${token}`);
  const [expected, put] = [await read("archived=false&snoozed=false"), await read("archived=true")];
  const unread = expected.data.filter(({ isRead }) => !isRead).length;
  const begins = ({ data }, least) => ({ items }) =>
    items.length >= Math.min(least, data.length) && isDeepStrictEqual(items, data.slice(0, items.length));
  await until(shown, begins(expected, 5));
  await until(archived, begins(put, 10));
  await until(inbox, ({ counts }) => counts.unread === unread);
}

before(async () => {
  const steps = [{ name: "In-app", type: "in_app", controlValues: { body: "Body {{payload.n}}", primaryAction: { label: "Yes" } } }];
  await call("POST", "/v2/workflows", { name: "client", workflowId: "client", steps, tags: ["sale"] });
  for (let n = 1; n <= 25; n += 1) await send(n);
});

after(() => opened.forEach((inbox) => inbox.stop()));

test("two devices show what the service has, through all changes", LIMITED, async () => {
  const [one, other] = [open(), open()];
  await until(one.inbox, (snapshot) => snapshot.status === "live" && snapshot.transport === transport);
  const { inbox, shown } = one;
  await until(shown, ({ items }) => items.length === 10);
  await shown.more();
  assert.equal(shown.getSnapshot().items.length, 20);
  await settled(one);
  const ids = shown.getSnapshot().items.map(({ id }) => id);
  await inbox.seen(ids.slice(0, 5));
  await inbox.read(ids[0]);
  await inbox.unread(ids[0]);
  await inbox.archive([ids[1], ids[2]]);
  await inbox.unarchive(ids[1]);
  await inbox.snooze(ids[3], new Date(Date.now() + 3_600_000));
  await inbox.snooze(ids[4], new Date(Date.now() + 3_600_000));
  await inbox.unsnooze(ids[4]);
  await inbox.act(ids[5]);
  await inbox.act(ids[6]);
  await inbox.revert(ids[6]);
  await inbox.delete(ids[7]);
  await Promise.all([settled(one), settled(other)]);
  const received = [];
  one.inbox.on("received", ({ body }) => received.push(body));
  await send(26);
  await until(shown, ({ items }) => items[0].body === "Body 26");
  assert.deepEqual(received, ["Body 26"]);
  await inbox.readAll({ tags: ["sale"] });
  await Promise.all([settled(one), settled(other)]);
  await inbox.archiveRead();
  await other.inbox.deleteAll({ tags: ["nothing"] });
  await Promise.all([settled(one), settled(other)]);
  await inbox.deleteAll();
  await Promise.all([settled(one), settled(other)]);
  await until(one.tagged, ({ items }) => items.length === 0);
});

test("a connection that breaks comes back, and nothing is missed", LIMITED, async () => {
  const relay = await openRelay();
  const device = open({ url: relay.url, random: () => 0.1 });
  await until(device.inbox, ({ status }) => status === "live");
  await relay.cut();
  await until(device.inbox, ({ status }) => status !== "live");
  await send(27);
  await send(28);
  await relay.mend();
  await until(device.inbox, ({ status }) => status === "live");
  await settled(device);
  assert.equal(device.shown.getSnapshot().items[0].body, "Body 28");
  device.inbox.stop();
  await relay.cut();
});

/** A way to the service that can be cut. */
async function openRelay() {
  const { hostname, port } = new URL(url);
  const sockets = new Set();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const socket of [near, far]) socket.on("error", () => {}).on("close", () => [near, far].forEach((one) => one.destroy()));
    sockets.add(near);
    near.pipe(far).pipe(near);
  });
  const listen = (at) => once(server.listen(at, "127.0.0.1"), "listening");
  await listen(0);
  const { port: own } = server.address();
  const cut = async () => {
    const closed = once(server, "close");
    server.close();
    sockets.forEach((socket) => socket.destroy());
    sockets.clear();
    await closed;
  };
  return { url: `http://127.0.0.1:${own}`, cut, mend: () => listen(own) };
}

test("a change that the service refuses is rolled back", LIMITED, async () => {
  await send(29);
  const { inbox, shown } = open();
  await until(shown, ({ items }) => items.length > 0);
  const [{ id }] = shown.getSnapshot().items;
  await assert.rejects(inbox.snooze(id, new Date(0)), { isFinal: true });
  assert.equal(shown.getSnapshot().items[0].id, id);
});

test("a wrong hash is unauthorized, and an expired token is renewed", LIMITED, async () => {
  const wrong = open({ session: { ...session, subscriberHash: "0".repeat(64) } });
  await until(wrong.inbox, ({ status }) => status === "unauthorized");
  const { token } = (await call("POST", "/v1/inbox/session", { ...session, subscriber: { subscriberId } })).data;
  let calls = 0;
  const renewed = open({ session: undefined, token: () => ((calls += 1) === 1 ? "eyJ.no.token" : token) });
  await until(renewed.inbox, ({ status }) => status === "live");
  assert.ok(calls >= 2);
});
