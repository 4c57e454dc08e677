import assert from "node:assert/strict";
import { before, test } from "node:test";
import { refused } from "./common.mjs";
import { createWorkflow, data, feed, novu, unseen } from "./node.mjs";

let workflow;

before(async () => {
  workflow = await createWorkflow("order-placed");
});

function send(subscriberId, ...orders) {
  return orders.reduce(
    (sent, order) => sent.then(() => novu.events.trigger("order-placed", { to: { subscriberId }, payload: { order } })),
    Promise.resolve(),
  );
}

test("a subscriber is identified, read, updated, listed and deleted", async () => {
  const made = await data(novu.subscribers.identify("ada", { firstName: "Ada", email: "ada@example.com", data: { plan: "pro" } }), 201);
  const read = await data(novu.subscribers.get("ada"));
  assert.deepEqual([read._id, read.firstName, read.data], [made._id, "Ada", { plan: "pro" }]);
  const changed = await data(novu.subscribers.update("ada", { lastName: "Lovelace" }));
  assert.deepEqual([changed._id, changed.firstName, changed.lastName], [made._id, "Ada", "Lovelace"]);
  await data(novu.subscribers.bulkCreate([{ subscriberId: "b1" }, { subscriberId: "b2", firstName: "B" }]), 201);
  const page = (await novu.subscribers.list(0, 2)).data;
  assert.deepEqual([page.data.length, page.hasMore, page.page, page.pageSize], [2, true, 0, 2]);
  const rest = (await novu.subscribers.list(1, 2)).data;
  const all = [...page.data, ...rest.data].map((one) => one.subscriberId);
  assert.deepEqual(new Set(all), new Set(["ada", "b1", "b2"]));
  assert.equal((await data(novu.subscribers.delete("ada"))).acknowledged, true);
  await refused(404, () => novu.subscribers.get("ada"));
});

test("credentials and online status", async () => {
  await novu.subscribers.identify("carl", {});
  await data(novu.subscribers.setCredentials("carl", "fcm", { deviceTokens: ["a"] }));
  const tokens = async () => (await data(novu.subscribers.get("carl"))).channels.map((one) => one.credentials.deviceTokens);
  assert.deepEqual(await tokens(), [["a"]]);
  await data(novu.subscribers.unsetCredentials("carl", "fcm"));
  assert.deepEqual(await tokens(), [[]]);
  assert.equal((await novu.subscribers.deleteCredentials("carl", "fcm")).status, 204);
  assert.deepEqual(await tokens(), []);
  for (const isOnline of [true, false]) {
    assert.equal((await data(novu.subscribers.updateOnlineStatus("carl", isOnline))).isOnline, isOnline);
    assert.equal((await data(novu.subscribers.get("carl"))).isOnline, isOnline);
  }
});

test("preferences by level and by workflow mute what is delivered", async () => {
  await novu.subscribers.identify("paul", {});
  const [listed] = await data(novu.subscribers.getPreference("paul"));
  assert.deepEqual([listed.template._id, listed.preference.enabled], [workflow._id, true]);
  const muted = await data(novu.subscribers.updatePreference("paul", workflow._id, { channel: { type: "in_app", enabled: false } }));
  assert.equal(muted.preference.channels.in_app, false);
  await send("paul", "1");
  assert.equal(await unseen("paul"), 0);
  await novu.subscribers.updatePreference("paul", workflow._id, { channel: { type: "in_app", enabled: true } });
  await send("paul", "2");
  assert.equal(await unseen("paul"), 1);
  const [level] = await data(novu.subscribers.getPreferenceByLevel("paul", "template"));
  assert.deepEqual([level.template._id, level.preference.channels.in_app], [workflow._id, true]);
  await data(novu.subscribers.updateGlobalPreference("paul", { preferences: [{ type: "in_app", enabled: false }] }));
  const [global_] = await data(novu.subscribers.getGlobalPreference("paul"));
  assert.equal(global_.preference.channels.in_app, false);
  await send("paul", "3");
  assert.equal(await unseen("paul"), 1);
});

test("the feed is paged, filtered, marked and acted on", async () => {
  await novu.subscribers.identify("fred", { firstName: "Fred" });
  await send("fred", "1", "2", "3");
  const page = await feed("fred", { page: 0, limit: 2 });
  assert.deepEqual([page.totalCount, page.data.length, page.hasMore], [2, 2, true]);
  const [newest, middle] = page.data;
  assert.deepEqual([newest.content, newest.cta.data.url], ["Order 3 of Fred", "/orders/3"]);
  assert.deepEqual((await feed("fred", { payload: { order: "2" } })).data.map((one) => one._id), [middle._id]);
  assert.equal(await unseen("fred"), 3);
  await data(novu.subscribers.markMessageSeen("fred", newest._id), 201);
  assert.deepEqual((await feed("fred", { seen: true })).data.map((one) => one._id), [newest._id]);
  const [read] = await data(novu.subscribers.markMessageRead("fred", middle._id), 201);
  assert.deepEqual([read._id, read.read], [middle._id, true]);
  await data(novu.subscribers.markMessageAs("fred", [newest._id, middle._id], { seen: true, read: false }), 201);
  assert.equal((await feed("fred", { read: true })).data.length, 0);
  const acted = await data(novu.subscribers.markMessageActionSeen("fred", newest._id, "primary", { status: "done", payload: { via: "node" } }), 201);
  assert.deepEqual([acted.cta.action.status, acted.cta.action.result.payload], ["done", { via: "node" }]);
  assert.equal((await feed("fred")).data[0].cta.action.status, "done");
  assert.equal(await data(novu.subscribers.markAllMessagesAs("fred", "read"), 201), 3);
  assert.equal(await unseen("fred"), 0);
});

test("a named feed narrows feed, count and marks", async () => {
  const named = await data(novu.feeds.create("alerts"), 201);
  await createWorkflow("alert", "Alert {{order}}", { feedId: named._id });
  assert.deepEqual((await data(novu.feeds.get())).map((one) => one.name), ["alerts"]);
  await novu.subscribers.identify("nina", {});
  await send("nina", "1");
  await novu.events.trigger("alert", { to: "nina", payload: { order: "2" } });
  assert.deepEqual((await feed("nina", { feedIdentifier: "alerts" })).data.map((one) => one.content), ["Alert 2"]);
  assert.equal(await data(novu.subscribers.markAllMessagesAs("nina", "seen", "alerts"), 201), 1);
  assert.equal(await unseen("nina"), 1);
});

test("topics", async () => {
  await novu.subscribers.bulkCreate([{ subscriberId: "t1" }, { subscriberId: "t2" }]);
  assert.equal((await data(novu.topics.create({ key: "team", name: "Team" }), 201)).key, "team");
  const added = await data(novu.topics.addSubscribers("team", { subscribers: ["t1", "t2", "missing"] }));
  assert.deepEqual([added.succeeded, added.failed], [["t1", "t2"], { notFound: ["missing"] }]);
  assert.equal((await data(novu.topics.getSubscriber("team", "t1"))).externalSubscriberId, "t1");
  await novu.events.trigger("order-placed", { to: [{ type: "Topic", topicKey: "team" }], payload: { order: "9" }, actor: { subscriberId: "t2" } });
  assert.deepEqual([await unseen("t1"), await unseen("t2")], [1, 0]);
  assert.equal((await novu.topics.removeSubscribers("team", { subscribers: ["t1", "t2"] })).status, 204);
  await refused(404, () => novu.topics.getSubscriber("team", "t1"));
  assert.equal((await data(novu.topics.rename("team", "New"))).name, "New");
  assert.equal((await data(novu.topics.get("team"))).name, "New");
  const listed = (await novu.topics.list({ page: 0, pageSize: 5, key: "team" })).data;
  assert.deepEqual([listed.data.map((one) => one.key), listed.totalCount], [["team"], 1]);
  assert.equal((await novu.topics.delete("team")).status, 204);
  await refused(404, () => novu.topics.get("team"));
});
