import assert from "node:assert/strict";
import { before, test } from "node:test";
import { feed, novu, orderWorkflow, triggerOrder } from "./api.mjs";
import { apiKey, identifier, refused } from "./common.mjs";

const WORKFLOW = "order-placed";
const once = { retries: { strategy: "none" } }; // the SDK repeats a 409
let workflow;

before(async () => {
  workflow = (await novu.workflows.create(orderWorkflow(WORKFLOW, { tags: ["orders"] }))).result;
});

test("a subscriber is made, read, changed and deleted", async () => {
  const profile = { firstName: "Ada", lastName: "Lovelace", email: "ada@example.com", locale: "en_GB", data: { plan: "pro" } };
  const made = (await novu.subscribers.create({ subscriberId: "ada", ...profile })).result;
  const read = (await novu.subscribers.retrieve("ada")).result;
  assert.deepEqual(read, made);
  for (const [name, value] of Object.entries(profile)) assert.deepEqual(read[name], value);
  const changed = (await novu.subscribers.patch({ firstName: "Augusta", data: { plan: "free" } }, "ada")).result;
  assert.deepEqual([changed.firstName, changed.lastName, changed.data], ["Augusta", "Lovelace", { plan: "free" }]);
  await refused(409, () => novu.subscribers.create({ subscriberId: "ada" }, true, undefined, once));
  const online = (await novu.subscribers.properties.updateOnlineFlag({ isOnline: true }, "ada")).result;
  assert.equal(online.isOnline, true);
  assert.equal((await novu.subscribers.retrieve("ada")).result.isOnline, true);
  assert.equal((await novu.subscribers.delete("ada")).result.acknowledged, true);
  await refused(404, () => novu.subscribers.retrieve("ada"));
});

test("a bulk is made and searched page by page", async () => {
  const subscribers = ["s0", "s1", "s2", "s0"].map((subscriberId) => ({ subscriberId, firstName: subscriberId }));
  const made = (await novu.subscribers.createBulk({ subscribers })).result;
  assert.deepEqual(new Set(made.created.map((one) => one.subscriberId)), new Set(["s0", "s1", "s2"]));
  assert.deepEqual([made.updated.map((one) => one.subscriberId), made.failed], [["s0"], []]);
  const first = (await novu.subscribers.search({ limit: 2 })).result;
  const rest = (await novu.subscribers.search({ limit: 2, after: first.next })).result;
  const all = [...first.data, ...rest.data].map((one) => one.subscriberId);
  assert.deepEqual(new Set(all), new Set(["s0", "s1", "s2"]));
  assert.equal(first.totalCount, 3);
  assert.deepEqual((await novu.subscribers.search({ name: "S1" })).result.data.map((one) => one.subscriberId), ["s1"]);
});

test("credentials are kept", async () => {
  await novu.subscribers.create({ subscriberId: "carl" });
  const given = (token) => ({ providerId: "fcm", credentials: { deviceTokens: [token] }, integrationIdentifier: "fcm-one" });
  await novu.subscribers.credentials.update(given("a"), "carl");
  await novu.subscribers.credentials.append(given("b"), "carl");
  const [channel] = (await novu.subscribers.retrieve("carl")).result.channels;
  assert.deepEqual([channel.providerId, channel.credentials.deviceTokens], ["fcm", ["a", "b"]]);
  await novu.subscribers.credentials.delete("carl", "fcm");
  assert.deepEqual((await novu.subscribers.retrieve("carl")).result.channels, []);
});

test("preferences are chosen, shown and obeyed", async () => {
  const subscriberId = "paul";
  await novu.subscribers.create({ subscriberId });
  const schedule = { isEnabled: true, weeklySchedule: { monday: { isEnabled: true, hours: [{ start: "09:00 AM", end: "05:00 PM" }] } } };
  const muted = (await novu.subscribers.preferences.update({ channels: { inApp: false }, schedule }, subscriberId)).result;
  assert.equal(muted.global.channels.inApp, false);
  assert.deepEqual(muted.global.schedule, schedule);
  await triggerOrder(WORKFLOW, subscriberId, "A1");
  assert.deepEqual((await feed(subscriberId)).data, []);
  const preferences = [{ workflowId: workflow.workflowId, channels: { inApp: true } }];
  const [changed] = (await novu.subscribers.preferences.bulkUpdate({ preferences }, subscriberId)).result;
  assert.deepEqual([changed.level, changed.channels.inApp, changed.workflow.identifier], ["template", true, WORKFLOW]);
  await triggerOrder(WORKFLOW, subscriberId, "A2");
  assert.deepEqual((await feed(subscriberId)).data.map((item) => item.payload.order), ["A2"]);
  const shown = (await novu.subscribers.preferences.list({ subscriberId })).result;
  assert.deepEqual(shown.workflows.map((one) => [one.workflow.identifier, one.channels.inApp]), [[WORKFLOW, true]]);
  assert.equal(shown.workflows[0].overrides[0].source, "subscriber");
});

test("topics and their subscriptions", async () => {
  for (const subscriberId of ["t1", "t2"]) await novu.subscribers.create({ subscriberId });
  const made = (await novu.topics.create({ key: "team", name: "Team" })).result;
  assert.deepEqual((await novu.topics.get("team")).result, made);
  assert.equal((await novu.topics.update({ name: "The team" }, "team")).result.name, "The team");
  await refused(409, () => novu.topics.create({ key: "team" }, true, undefined, once));
  const joined = (await novu.topics.subscriptions.create({ subscriptions: ["t1", "t2", "missing"] }, "team")).result;
  assert.deepEqual(joined.meta, { totalCount: 3, successful: 2, failed: 1 });
  assert.deepEqual(joined.data.map((one) => one.subscriber.subscriberId), ["t1", "t2"]);
  assert.equal(joined.errors[0].code, "SUBSCRIBER_NOT_FOUND");
  const listed = (await novu.topics.subscriptions.list({ topicKey: "team" })).result;
  assert.deepEqual(new Set(listed.data.map((one) => one.subscriber.subscriberId)), new Set(["t1", "t2"]));
  const one = listed.data.find((found) => found.subscriber.subscriberId === "t1");
  const read = (await novu.topics.subscriptions.getSubscription("team", one.identifier)).result;
  assert.equal(read.id, one.id);
  const renamed = await novu.topics.subscriptions.update({
    topicKey: "team", identifier: one.identifier, updateTopicSubscriptionRequestDto: { name: "renamed" },
  });
  assert.equal(renamed.result.name, "renamed");
  assert.equal((await novu.topics.subscribers.retrieve("t1", "team")).result.externalSubscriberId, "t1");
  const own = (await novu.subscribers.topics.list({ subscriberId: "t1" })).result;
  assert.deepEqual(own.data.map((found) => found.topic.key), ["team"]);
  const left = (await novu.topics.subscriptions.delete({ subscriptions: ["t1"] }, "team")).result;
  assert.deepEqual([left.meta.successful, left.errors ?? []], [1, []]);
  await refused(404, () => novu.topics.subscribers.retrieve("t1", "team"));
  const topics = (await novu.topics.list({ key: "team" })).result;
  assert.deepEqual(topics.data.map((found) => found.key), ["team"]);
  assert.equal((await novu.topics.delete("team")).result.acknowledged, true);
  await refused(404, () => novu.topics.get("team"));
});

test("workflows are made, read, changed and deleted", async () => {
  const listed = (await novu.workflows.list({ query: WORKFLOW })).result;
  assert.deepEqual(listed.workflows.map((one) => one.workflowId), [WORKFLOW]);
  const made = (await novu.workflows.create(orderWorkflow("second", { description: "d" }))).result;
  const read = (await novu.workflows.get("second")).result;
  assert.deepEqual(read, made);
  assert.equal(read.steps[0].controls.values.subject, "Order {{payload.order}}");
  const steps = [{ ...read.steps[0], controlValues: { body: "new" } }];
  const changed = (await novu.workflows.update({ name: "Renamed", steps, preferences: read.preferences, origin: read.origin }, "second")).result;
  assert.deepEqual([changed.name, changed.steps[0].controls.values.body], ["Renamed", "new"]);
  const patched = (await novu.workflows.patch({ active: false, tags: ["x"] }, "second")).result;
  assert.deepEqual([patched.active, patched.tags], [false, ["x"]]);
  await novu.workflows.delete("second");
  await refused(404, () => novu.workflows.get("second"));
});

test("a step is read and previewed", async () => {
  const { steps: [step] } = (await novu.workflows.get(WORKFLOW)).result;
  const read = (await novu.workflows.steps.retrieve(WORKFLOW, step.stepId)).result;
  assert.deepEqual([read.id, read.stepId, read.controlValues.subject], [step.id, step.stepId, "Order {{payload.order}}"]);
  const ask = (generatePreviewRequestDto) => novu.workflows.steps.generatePreview({ workflowId: WORKFLOW, stepId: step.stepId, generatePreviewRequestDto });
  const previewPayload = { payload: { order: "A1" }, subscriber: { firstName: "Ada" }, context: { app: "web" } };
  const { result } = (await ask({ previewPayload })).result;
  assert.equal(result.type, "in_app");
  assert.equal(result.preview.subject, "Order A1");
  const changed = (await ask({ controlValues: { body: "{{payload.new}}", disableOutputSanitization: false } })).result;
  assert.deepEqual(changed.result.preview, { body: "new" });
  assert.equal(changed.previewPayloadExample.payload.new, "new");
  await refused(422, () => ask({ controlValues: { body: "{{ payload.x" } }));
});

test("environments, integrations and contexts", async () => {
  const [environment] = (await novu.environments.list()).result;
  assert.equal(environment.identifier, identifier);
  assert.ok(environment.apiKeys.map((key) => key.key).includes(apiKey));
  const created = (await novu.environments.create({ name: "Staging", color: "#0070f3" })).result;
  assert.equal(created.apiKeys.length, 1);
  const listed = (await novu.environments.list()).result;
  assert.deepEqual(listed.map((one) => [one.name, one.apiKeys?.length]), [["Production", 1], ["Development", undefined], ["Staging", undefined]]);
  assert.deepEqual((await novu.environments.getTags(environment.id)).result.map((tag) => tag.name), ["orders"]);
  const [integration] = (await novu.integrations.list()).result;
  assert.deepEqual([integration.providerId, integration.channel, integration.environmentId], ["novu", "in_app", environment.id]);
  const changed = (await novu.integrations.update({ credentials: { hmac: false }, active: false }, integration.id)).result;
  assert.deepEqual([changed.credentials.hmac, changed.active], [false, false]);
  assert.deepEqual((await novu.integrations.listActive()).result, []);
  const body = { type: "tenant", id: "acme", data: { plan: "pro" } };
  assert.deepEqual((await novu.contexts.create(body)).result.data, body.data);
  await novu.contexts.update({ type: "tenant", id: "acme", updateContextRequestDto: { data: { plan: "free" } } });
  assert.deepEqual((await novu.contexts.retrieve("acme", "tenant")).result.data, { plan: "free" });
  assert.deepEqual((await novu.contexts.list({ limit: 5 })).result.data.map((one) => one.id), ["acme"]);
  await novu.contexts.delete("acme", "tenant");
  await refused(404, () => novu.contexts.retrieve("acme", "tenant"));
  const layouts = (await novu.layouts.list({})).result;
  assert.deepEqual([layouts.layouts, layouts.totalCount], [[], 0]);
});
