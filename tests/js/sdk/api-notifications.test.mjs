import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { feed, novu, orderWorkflow, read, triggerOrder, unseen } from "./api.mjs";
import { refused } from "./common.mjs";

const WORKFLOW = "order-placed";
const notifications = novu.subscribers.notifications;
let subscriberId;
let ids;
let number = 0;

beforeEach(async () => {
  if (number === 0) await novu.workflows.create(orderWorkflow(WORKFLOW, { tags: ["orders"], severity: "high" }));
  subscriberId = `reader-${++number}`;
  await novu.subscribers.create({ subscriberId, firstName: "Ada" });
  for (const order of ["A0", "A1", "A2", "A3"]) await triggerOrder(WORKFLOW, subscriberId, order);
  ids = (await read(subscriberId)).map((item) => item.id).reverse();
});

async function count(...filters) {
  return (await notifications.count(subscriberId, JSON.stringify(filters))).result.map((item) => item.count);
}

test("pages go to the end", async () => {
  const first = (await notifications.list({ subscriberId, limit: 3 })).result;
  assert.deepEqual([first.data.map((item) => item.id), first.hasMore], [[ids[3], ids[2], ids[1]], true]);
  const rest = (await notifications.list({ subscriberId, limit: 3, after: ids[1] })).result;
  assert.deepEqual([rest.data.map((item) => item.id), rest.hasMore], [[ids[0]], false]);
  const [newest] = first.data;
  assert.equal(newest.subject, "Order A3");
  assert.deepEqual(newest.data, { order: "A3", fixed: 1 });
  assert.equal(newest.severity, "high");
  assert.equal(newest.to.subscriberId, subscriberId);
  assert.deepEqual([newest.workflow.identifier, newest.workflow.critical], [WORKFLOW, false]);
  assert.deepEqual([newest.primaryAction.label, newest.primaryAction.isCompleted], ["Track A3", false]);
});

test("filters", async () => {
  assert.deepEqual((await read(subscriberId, { data: '{"order":"A2"}' })).map((item) => item.id), [ids[2]]);
  assert.equal((await read(subscriberId, { severity: ["low", "none"] })).length, 0);
  assert.equal((await read(subscriberId, { severity: ["high"], tags: ["orders"], read: false, seen: false })).length, 4);
  assert.equal((await read(subscriberId, { archived: true })).length, 0);
  assert.equal((await read(subscriberId, { snoozed: true })).length, 0);
  assert.deepEqual(await count({}, { data: { order: "A1" } }, { tags: ["orders"] }, { read: true }), [4, 1, 4, 0]);
  const page = await feed(subscriberId, { payload: Buffer.from('{"order":"A2"}').toString("base64") });
  assert.deepEqual(page.data.map((item) => item.id), [ids[2]]);
  assert.equal((await feed(subscriberId, { read: true })).data.length, 0);
});

test("each change of one, read back", async () => {
  const one = { subscriberId, notificationId: ids[0] };
  const stored = async () => (await read(subscriberId)).find((item) => item.id === ids[0]);
  assert.equal((await notifications.markAsRead(one)).result.isRead, true);
  assert.equal((await stored()).isRead, true);
  assert.equal((await notifications.markAsUnread(one)).result.isRead, false);
  const archived = (await notifications.archive(one)).result;
  assert.deepEqual([archived.isArchived, archived.isRead, Boolean(archived.archivedAt)], [true, true, true]);
  assert.deepEqual((await read(subscriberId, { archived: true })).map((item) => item.id), [ids[0]]);
  assert.equal((await notifications.unarchive(one)).result.isArchived, false);
  const snoozeUntil = new Date(Date.now() + 3_600_000);
  const snoozed = (await notifications.snooze({ ...one, snoozeSubscriberNotificationDto: { snoozeUntil } })).result;
  assert.deepEqual([snoozed.isSnoozed, new Date(snoozed.snoozedUntil).getTime()], [true, snoozeUntil.getTime()]);
  assert.deepEqual((await read(subscriberId, { snoozed: true })).map((item) => item.id), [ids[0]]);
  assert.equal((await notifications.unsnooze(one)).result.isSnoozed, false);
  const button = { ...one, actionType: "primary" };
  assert.equal((await notifications.completeAction(button)).result.primaryAction.isCompleted, true);
  assert.equal((await notifications.revertAction(button)).result.primaryAction.isCompleted, false);
  await notifications.delete(one);
  assert.deepEqual((await read(subscriberId)).map((item) => item.id), ids.slice(1).reverse());
  await refused(404, () => notifications.archive(one));
});

test("bulk changes, each with its filter", async () => {
  const filtered = (order) => ({ data: JSON.stringify({ order }) });
  await notifications.markAsSeen({ notificationIds: [ids[0]] }, subscriberId);
  assert.deepEqual(await count({ seen: true }), [1]);
  await notifications.markAllAsRead(filtered("A1"), subscriberId);
  assert.deepEqual((await read(subscriberId, { read: true })).map((item) => item.id), [ids[1]]);
  await notifications.archiveAllRead({}, subscriberId);
  await notifications.archiveAll(filtered("A2"), subscriberId);
  assert.deepEqual((await read(subscriberId, { archived: true })).map((item) => item.id), [ids[2], ids[1]]);
  await notifications.deleteAll(filtered("A3"), subscriberId);
  assert.deepEqual((await read(subscriberId)).map((item) => item.id), [ids[2], ids[1], ids[0]]);
});

test("v1 marks and buttons", async () => {
  const marked = (await novu.subscribers.messages.markAllAs({ messageId: [ids[3]], markAs: "read" }, subscriberId)).result;
  assert.deepEqual(marked.map((item) => [item.id, item.read, item.seen]), [[ids[3], true, true]]);
  assert.equal(await unseen(subscriberId), 3);
  const markActionAsSeenDto = { status: "done", payload: { via: "sdk" } };
  const pressed = await novu.subscribers.messages.updateAsSeen({
    subscriberId, messageId: ids[2], type: "primary", markMessageActionAsSeenDto: markActionAsSeenDto,
  });
  assert.equal(pressed.result.cta.action.status, "done");
  assert.equal((await read(subscriberId)).find((item) => item.id === ids[2]).primaryAction.isCompleted, true);
  assert.equal((await novu.subscribers.messages.markAll({ markAs: "read" }, subscriberId)).result, 3);
  assert.equal(await unseen(subscriberId), 0);
  assert.deepEqual(await count({ read: true }), [4]);
});

test("messages are listed and deleted environment-wide", async () => {
  const listed = (await novu.messages.retrieve({ subscriberId, limit: 10 })).result;
  assert.deepEqual(listed.data.map((item) => item.id), [...ids].reverse());
  await novu.messages.delete(ids[0]);
  await novu.messages.deleteByTransactionId(listed.data[0].transactionId);
  assert.deepEqual((await read(subscriberId)).map((item) => item.id), [ids[2], ids[1]]);
});

test("the activity tells what was delivered", async () => {
  const page = (await novu.notifications.list({ subscriberIds: [subscriberId] })).result;
  assert.equal(page.data.length, 4);
  const one = (await novu.notifications.retrieve(page.data[0].id)).result;
  assert.equal(one.transactionId, page.data[0].transactionId);
  assert.equal(one.subscriber.subscriberId, subscriberId);
  assert.equal(one.template.triggers?.[0]?.identifier ?? one.template.name, WORKFLOW);
  assert.deepEqual(one.jobs.map((job) => job.status), ["completed"]);
});

test("errors parse", async () => {
  await refused(404, () => notifications.list({ subscriberId: "nobody" }));
  const malformed = await refused(422, () => notifications.markAsRead({ subscriberId, notificationId: "nonsense" }));
  assert.ok("notificationId" in malformed.errors);
  await refused(400, () => read(subscriberId, { read: false, archived: true }));
});
