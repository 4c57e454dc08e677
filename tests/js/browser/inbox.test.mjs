import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { Ear, got, open, refusal, trigger, workflow } from "./novu.mjs";

const HOUR = 3_600_000;
let subscriberId;
let novu;
let ear;
let number = 0;
const opened = [];

before(async () => {
  await workflow("orders", { tags: ["orders", "shop"], severity: "high" });
  await workflow("news", { tags: ["news"] });
  await workflow("alerts", { tags: ["orders", "urgent"], severity: "low" });
});

beforeEach(async () => {
  subscriberId = `page-${++number}`;
  novu = open(subscriberId);
  opened.push(novu);
  ear = new Ear(novu);
});

after(() => Promise.all(opened.map((one) => one.socket.disconnect())));

async function arrived(name, order) {
  await trigger(name, subscriberId, order);
  const message = await ear.next("notification_received");
  await ear.counts();
  return message;
}

/** Three messages: an order, some news, an alert; oldest first. */
async function three() {
  await ear.connected();
  return [await arrived("orders", "A"), await arrived("news", "B"), await arrived("alerts", "C")];
}

const ids = (list) => list.map((one) => one.id);
const list = async (args = {}) => (await got(novu.notifications.list(args))).notifications;
const count = async (...filters) => (await got(novu.notifications.count({ filters }))).counts.map((one) => one.count);
const told = async () => (await ear.counts())[1];

test("a message comes alive, as it is listed", async () => {
  assert.deepEqual(await ear.connected(), [0, 0]);
  await trigger("orders", subscriberId, "A1");
  const live = await ear.next("notification_received");
  assert.deepEqual(await ear.counts(), [1, 1]);
  assert.deepEqual(
    [live.subject, live.body, live.tags, live.severity, live.data],
    ["Order A1", "Order A1 left", ["orders", "shop"], "high", { order: "A1" }],
  );
  assert.deepEqual([live.isRead, live.isSeen, live.isArchived, live.isSnoozed], [false, false, false, false]);
  assert.deepEqual([live.primaryAction.label, live.primaryAction.isCompleted], ["Track", false]);
  assert.deepEqual(live.primaryAction.redirect, { url: "/orders/A1", target: "_self" });
  const [listed] = await list();
  for (const field of ["id", "transactionId", "subject", "body", "createdAt", "tags", "severity", "isRead", "data"]) {
    assert.deepEqual(listed[field], live[field], field);
  }
  assert.equal(listed.to.subscriberId, subscriberId);
  assert.equal(listed.workflow.identifier, "orders");
  assert.deepEqual(JSON.parse(JSON.stringify(live.to)), listed.to); // absent fields are undefined in the live one
  assert.deepEqual(live.workflow, listed.workflow);
});

test("counts by severity", async () => {
  await ear.connected();
  await trigger("orders", subscriberId, "1");
  await trigger("alerts", subscriberId, "2");
  await ear.next("unread_count_changed");
  const counts = await ear.next("unread_count_changed");
  assert.deepEqual(counts, { total: 2, severity: { high: 1, medium: 0, low: 1, none: 0 } });
});

test("each change of one message, and what its pages are told", async () => {
  const [first] = await three();
  const change = async (verb, args = {}) => {
    const after = await got(novu.notifications[verb]({ notificationId: first.id, ...args }));
    const [, , stored] = await list();
    if (verb !== "unsnooze") assert.deepEqual(stored.isRead, after.isRead);
    return after;
  };
  assert.equal((await change("read")).isRead, true);
  assert.equal(await told(), 2);
  const unread = await change("unread");
  assert.deepEqual([unread.isRead, unread.isSeen, await told()], [false, true, 3]);
  const [, , instance] = await list();
  await got(novu.notifications.seen({ notification: instance }));
  await ear.counts();
  const archived = await change("archive");
  assert.deepEqual([archived.isArchived, archived.isRead, await told()], [true, true, 2]);
  assert.deepEqual(ids(await list({ archived: true })), [first.id]);
  const back = await change("unarchive");
  assert.deepEqual([back.isArchived, back.isRead, await told()], [false, true, 2]);
  const snoozeUntil = new Date(Date.now() + HOUR).toISOString();
  const snoozed = await change("snooze", { snoozeUntil });
  assert.deepEqual([snoozed.isSnoozed, snoozed.snoozedUntil, await told()], [true, snoozeUntil, 2]);
  assert.deepEqual(ids(await list({ snoozed: true })), [first.id]);
  assert.equal((await change("unsnooze")).isSnoozed, false);
  await ear.counts();
  const done = await change("completePrimary");
  assert.deepEqual([done.primaryAction.isCompleted, done.secondaryAction.isCompleted], [true, false]);
  await ear.counts();
  assert.equal((await change("revertPrimary")).primaryAction.isCompleted, false);
  await ear.counts();
  assert.equal((await change("completeSecondary")).secondaryAction.isCompleted, true);
  await ear.counts();
  assert.equal((await change("revertSecondary")).secondaryAction.isCompleted, false);
  await ear.counts();
  await got(novu.notifications.delete({ notificationId: first.id }));
  assert.equal(await told(), 2);
  assert.equal((await list()).length, 2);
});

test("a snooze leaves the badge", async () => {
  const [first] = await three();
  await got(novu.notifications.snooze({ notificationId: first.id, snoozeUntil: new Date(Date.now() + HOUR).toISOString() }));
  assert.equal(await told(), 2);
  await got(novu.notifications.unsnooze({ notificationId: first.id }));
  assert.equal(await told(), 3);
});

test("bulk changes, narrowed and whole", async () => {
  const [order, news, alert] = await three();
  await got(novu.notifications.seenAll({ notificationIds: [order.id] }));
  assert.deepEqual(await ear.counts(), [2, 3]);
  await got(novu.notifications.readAll({ tags: ["news"] }));
  assert.deepEqual(await ear.counts(), [1, 2]);
  assert.deepEqual(ids(await list({ read: true })), [news.id]);
  await got(novu.notifications.readAll({ data: { order: "A" } }));
  assert.equal(await told(), 1);
  await got(novu.notifications.archiveAllRead());
  await ear.counts();
  assert.deepEqual(ids(await list({ archived: true })), [news.id, order.id]);
  await got(novu.notifications.archiveAll());
  assert.equal(await told(), 0);
  assert.equal((await list({ archived: false })).length, 0);
  await got(novu.notifications.deleteAll({ tags: ["urgent"] }));
  await ear.counts();
  assert.deepEqual(ids(await list()), [news.id, order.id]);
  await got(novu.notifications.deleteAll());
  await ear.counts();
  assert.deepEqual(await list(), []);
  assert.ok(alert.id);
});

test("filters: tags as OR and as AND of OR, data, severity, states, time", async () => {
  const [order, news, alert] = await three();
  assert.deepEqual(ids(await list({ tags: ["news", "urgent"] })), [alert.id, news.id]);
  assert.deepEqual(ids(await list({ tags: { or: ["shop"] } })), [order.id]);
  assert.deepEqual(ids(await list({ tags: { and: [{ or: ["orders", "news"] }, { or: ["urgent", "news"] }] } })), [alert.id, news.id]);
  assert.deepEqual(ids(await list({ data: { order: "B" } })), [news.id]);
  assert.deepEqual(ids(await list({ severity: "high" })), [order.id]);
  assert.deepEqual(ids(await list({ severity: ["low", "none"] })), [alert.id, news.id]);
  await got(novu.notifications.read({ notificationId: order.id }));
  await ear.counts();
  assert.deepEqual(ids(await list({ seen: false })), [alert.id, news.id]);
  assert.deepEqual(ids(await list({ read: true })), [order.id]);
  const between = new Date(news.createdAt).getTime();
  assert.deepEqual(ids(await list({ createdGte: between })), [alert.id, news.id]);
  assert.deepEqual(ids(await list({ createdLte: between })), [news.id, order.id]);
  assert.deepEqual(ids(await list({ createdGte: between, createdLte: between })), [news.id]);
  assert.deepEqual(
    await count({}, { read: false }, { tags: ["orders"] }, { tags: ["orders"], read: false }, { data: { order: "C" } }, { severity: "high" }),
    [3, 2, 2, 1, 1, 1],
  );
});

test("paging to the end", async () => {
  await ear.connected();
  for (let order = 0; order < 25; order += 1) await trigger("orders", subscriberId, String(order));
  const seen = [];
  let after;
  for (;;) {
    const page = await got(novu.notifications.list({ limit: 10, after }));
    seen.push(...page.notifications.map((one) => one.data.order));
    if (!page.hasMore) break;
    after = page.notifications.at(-1).id;
  }
  assert.deepEqual(seen, Array.from({ length: 25 }, (_, place) => String(24 - place)));
});

test("preferences: of all, of one workflow, several at once, a schedule", async () => {
  const preferences = await got(novu.preferences.list());
  assert.equal(preferences[0].level, "global");
  assert.deepEqual(preferences.slice(1).map((one) => one.workflow.identifier).sort(), ["alerts", "news", "orders"]);
  const [news] = (await got(novu.preferences.list({ tags: ["news"] }))).slice(1);
  const muted = await got(news.update({ channels: { in_app: false } }));
  assert.equal(muted.channels.in_app, false);
  await ear.connected();
  await trigger("news", subscriberId, "muted");
  await trigger("orders", subscriberId, "heard");
  assert.equal((await ear.next("notification_received")).data.order, "heard");
  assert.equal((await list()).length, 1);
  const several = await got(
    novu.preferences.bulkUpdate([
      { workflowId: "news", channels: { in_app: true } },
      { workflowId: "orders", channels: { in_app: false } },
    ]),
  );
  assert.deepEqual(several.map((one) => [one.workflow.identifier, one.channels.in_app]), [["news", true], ["orders", false]]);
  const weeklySchedule = { monday: { isEnabled: true, hours: [{ start: "09:00 AM", end: "05:00 PM" }] } };
  await got(novu.preferences.schedule.update({ isEnabled: true, weeklySchedule }));
  const schedule = await got(novu.preferences.schedule.get());
  assert.deepEqual([schedule.isEnabled, schedule.weeklySchedule.monday], [true, weeklySchedule.monday]);
  assert.equal((await got(preferences[0].update({ channels: { in_app: true } }))).level, "global");
});

test("another's message, and one that is none, are refused", async () => {
  const [first] = await three();
  const other = open(`${subscriberId}-other`);
  opened.push(other);
  const error = await refusal(other.notifications.read({ notificationId: first.id }));
  assert.match(String(error), /not found|404/i);
  assert.equal((await list({ read: true })).length, 0);
  assert.ok(await refusal(novu.notifications.read({ notificationId: "nonsense" })));
});

test("topic subscriptions", async () => {
  const made = await got(novu.subscriptions.create({ topicKey: "releases", workflows: ["news"] }));
  assert.ok(made.identifier);
  const all = await got(novu.subscriptions.list({ topicKey: "releases" }));
  assert.deepEqual(all.map((one) => one.identifier), [made.identifier]);
  await ear.connected();
  await trigger("news", { type: "Topic", topicKey: "releases" }, "1.0");
  assert.equal((await ear.next("notification_received")).data.order, "1.0");
  await got(novu.subscriptions.delete({ topicKey: "releases", identifier: made.identifier }));
  assert.deepEqual(await got(novu.subscriptions.list({ topicKey: "releases" })), []);
});
