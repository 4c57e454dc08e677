import assert from "node:assert/strict";
import { before, test } from "node:test";
import { feed, novu, orderWorkflow, read, triggerOrder, unseen } from "./api.mjs";
import { refused } from "./common.mjs";

const WORKFLOW = "order-placed";

before(async () => {
  await novu.workflows.create(orderWorkflow(WORKFLOW, { tags: ["orders"], severity: "high" }));
});

test("a trigger is rendered, stored, counted and answered", async () => {
  await novu.subscribers.create({ subscriberId: "ada", firstName: "Ada" });
  const sent = [];
  for (const order of ["A1", "A2"]) sent.push(await triggerOrder(WORKFLOW, "ada", order));
  for (const reply of sent) assert.deepEqual([reply.acknowledged, reply.status], [true, "processed"]);
  const page = await feed("ada");
  assert.deepEqual(page.data.map((item) => item.transactionId), sent.map((reply) => reply.transactionId).reverse());
  assert.deepEqual([page.totalCount, page.hasMore, page.page, page.pageSize], [2, false, 0, 10]);
  const [newest] = page.data;
  assert.equal(newest.subject, "Order A2");
  assert.equal(newest.content, "Dear Ada, 2 items on the way");
  assert.deepEqual(newest.payload, { order: "A2", items: ["tea", "cake"] });
  assert.equal(newest.cta.action.buttons[0].content, "Track A2");
  assert.deepEqual([newest.seen, newest.read], [false, false]);
  assert.equal(newest.channel, "in_app");
  assert.deepEqual(newest.tags, ["orders"]);
  assert.ok(new Date(newest.createdAt).getTime() > Date.now() - 60_000);
  assert.equal(await unseen("ada"), 2);
});

test("recipients come as ids, as objects, as topics and in lists", async () => {
  await novu.subscribers.create({ subscriberId: "m1" });
  await novu.topics.create({ key: "team", name: "Team" });
  await novu.subscribers.create({ subscriberId: "m2" });
  await novu.topics.subscriptions.create({ subscriptions: ["m1", "m2"] }, "team");
  const to = ["one", { subscriberId: "two", firstName: "Two" }, { type: "Topic", topicKey: "team" }];
  await triggerOrder(WORKFLOW, to, "B1", { actor: { subscriberId: "m2" } });
  const counts = await Promise.all(["one", "two", "m1", "m2"].map(unseen));
  assert.deepEqual(counts, [1, 1, 1, 0]);
  assert.equal((await novu.subscribers.retrieve("two")).result.firstName, "Two");
  assert.equal((await read("two"))[0].body, "Dear Two, 2 items on the way");
});

test("a transaction is delivered once", async () => {
  const transactionId = "t-once";
  await novu.subscribers.create({ subscriberId: "other" });
  for (const order of ["C1", "C1"]) await triggerOrder(WORKFLOW, "once", order, { transactionId });
  await triggerOrder(WORKFLOW, "other", "C1", { transactionId });
  assert.deepEqual([await unseen("once"), await unseen("other")], [1, 0]);
});

test("a call that is sent again under its key is delivered once", async () => {
  const event = { workflowId: WORKFLOW, to: "keyed", payload: { order: "K1", items: [] } };
  const replies = [await novu.trigger(event, "key-1"), await novu.trigger(event, "key-1")];
  assert.equal(replies[0].result.transactionId, replies[1].result.transactionId);
  assert.equal(await unseen("keyed"), 1);
});

test("overrides, tenant and context reach the message", async () => {
  const context = { tenant: { id: "acme", data: { plan: "pro" } } };
  await triggerOrder(WORKFLOW, "eve", "D1", { context, overrides: { severity: "low" } });
  const [message] = await read("eve", { contextKeys: ["tenant:acme"] });
  assert.deepEqual([message.severity, message.subject], ["low", "Order D1"]);
  assert.deepEqual((await novu.contexts.retrieve("acme", "tenant")).result.data, { plan: "pro" });
});

test("a bulk is independent and in order", async () => {
  const events = ["E1", "E2"].map((order) => ({ workflowId: WORKFLOW, to: "bulk", payload: { order, items: [] } }));
  events.splice(1, 0, { workflowId: "no-such-workflow", to: "bulk", payload: {} });
  const replies = (await novu.triggerBulk({ events })).result;
  assert.deepEqual(replies.map((reply) => reply.status === "processed"), [true, false, true]);
  assert.ok(replies[1].error.length > 0);
  assert.deepEqual((await read("bulk")).map((item) => item.subject), ["Order E2", "Order E1"]);
});

test("a broadcast reaches everybody; there is nothing to cancel afterwards", async () => {
  const before_ = await unseen("ada");
  const reply = await novu.triggerBroadcast({ name: WORKFLOW, payload: { order: "F1", items: [] } });
  assert.equal(reply.result.status, "processed");
  const [first] = await read("ada");
  assert.equal(first.subject, "Order F1");
  assert.equal(await unseen("ada"), before_ + 1);
  assert.equal((await novu.cancel(reply.result.transactionId)).result, false);
});

test("what cannot be carried out is refused with an error that the SDK reads", async () => {
  const error = await refused(422, () => triggerOrder("no-such-workflow", "ada", "X"));
  assert.match(error.message, /workflow_not_found/);
  const inactive = orderWorkflow("inactive", { active: false });
  await novu.workflows.create(inactive);
  assert.equal((await triggerOrder("inactive", "ada", "X")).status, "trigger_not_active");
});
