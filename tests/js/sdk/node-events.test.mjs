import assert from "node:assert/strict";
import { before, test } from "node:test";
import { apiKey, identifier, refused, url } from "./common.mjs";
import { clientOf, createWorkflow, data, feed, novu, unseen } from "./node.mjs";

let workflow;

before(async () => {
  workflow = await createWorkflow("order-placed");
});

test("trigger, bulk, broadcast and cancel", async () => {
  const reply = await data(novu.events.trigger("order-placed", { to: ["eve", { subscriberId: "bob", firstName: "Bob" }], payload: { order: "1" }, transactionId: "t-1" }), 201);
  assert.deepEqual([reply.acknowledged, reply.status, reply.transactionId], [true, "processed", "t-1"]);
  assert.equal((await feed("bob")).data[0].content, "Order 1 of Bob");
  const events = ["2", "3"].map((order) => ({ name: "order-placed", to: "eve", payload: { order } }));
  const replies = await data(novu.events.bulkTrigger(events), 201);
  assert.deepEqual(replies.map((one) => one.status), ["processed", "processed"]);
  assert.deepEqual((await feed("eve")).data.map((one) => one.payload.order), ["3", "2", "1"]);
  await data(novu.events.broadcast("order-placed", { payload: { order: "4" }, transactionId: "t-4" }), 201);
  assert.deepEqual([await unseen("eve"), await unseen("bob")], [4, 2]);
  assert.equal(await data(novu.events.cancel("t-4")), false);
  await refused(422, () => novu.events.trigger("no-such-workflow", { to: "eve", payload: {} }));
});

test("workflows of v1 are listed, read, updated, switched off and deleted", async () => {
  const made = await createWorkflow("second");
  assert.equal((await data(novu.notificationTemplates.getOne(made._id)))._id, made._id);
  const page = (await novu.notificationTemplates.getAll(0, 10)).data;
  assert.deepEqual(new Set(page.data.map((one) => one.name)), new Set(["order-placed", "second"]));
  const renamed = await data(novu.notificationTemplates.update(made._id, { name: "renamed", steps: made.steps, notificationGroupId: made._notificationGroupId }));
  assert.equal(renamed.name, "renamed");
  const off = await data(novu.notificationTemplates.updateStatus(made._id, false));
  assert.equal(off.active, false);
  assert.equal((await data(novu.events.trigger("second", { to: "eve", payload: {} }), 201)).status, "trigger_not_active");
  assert.equal(await data(novu.notificationTemplates.delete(made._id)), true);
  await refused(404, () => novu.notificationTemplates.getOne(made._id));
});

test("tenants reach triggers, overrides mute for one tenant", async () => {
  await data(novu.tenants.create("acme", { name: "Acme", data: { plan: "pro" } }), 201);
  const tenant = await data(novu.tenants.get("acme"));
  assert.deepEqual([tenant.name, tenant.data], ["Acme", { plan: "pro" }]);
  assert.equal((await data(novu.tenants.update("acme", { name: "Acme Ltd" }))).name, "Acme Ltd");
  assert.deepEqual((await novu.tenants.list({ page: 0, limit: 5 })).data.data.map((one) => one.identifier), ["acme"]);
  const send = () => novu.events.trigger("order-placed", { to: "ted", payload: { order: "1" }, tenant: "acme" });
  assert.equal((await data(send(), 201)).status, "processed");
  const override = await data(novu.workflowOverrides.create({ workflowId: workflow._id, tenantId: tenant._id, active: false }), 201);
  assert.equal((await data(send(), 201)).status, "trigger_not_active");
  assert.equal((await data(novu.workflowOverrides.getOneById(override._id))).active, false);
  const pair = [workflow._id, tenant._id];
  assert.equal((await data(novu.workflowOverrides.getOneByTenantIdandWorkflowId(...pair)))._id, override._id);
  assert.equal((await data(novu.workflowOverrides.updateOneByTenantIdandWorkflowId(...pair, { active: true }))).active, true);
  assert.equal((await data(novu.workflowOverrides.updateOneById(override._id, { active: true }))).active, true);
  assert.equal((await data(send(), 201)).status, "processed");
  assert.deepEqual((await novu.workflowOverrides.list(0, 10)).data.data.map((one) => one._id), [override._id]);
  assert.equal(await data(novu.workflowOverrides.delete(override._id)), true);
  assert.equal((await novu.tenants.delete("acme")).status, 204);
  await refused(404, () => novu.tenants.get("acme"));
});

test("messages and execution details", async () => {
  await novu.events.trigger("order-placed", { to: "mary", payload: { order: "1" }, transactionId: "m-1" });
  await novu.events.trigger("order-placed", { to: "mary", payload: { order: "2" }, transactionId: "m-2" });
  const listed = (await novu.messages.list({ subscriberId: "mary", channel: "in_app", limit: 10 })).data;
  assert.deepEqual(listed.data.map((one) => one.transactionId), ["m-2", "m-1"]);
  const notificationId = listed.data[0]._notificationId;
  const details = await data(novu.executionDetails.get({ notificationId, subscriberId: "mary" }));
  assert.ok(details.length > 0);
  assert.ok(details.every((one) => one._jobId && one.status === "Success"));
  await novu.messages.deleteById(listed.data[0]._id);
  assert.equal(await unseen("mary"), 1);
  await novu.messages.deleteByTransactionId("m-1");
  assert.equal(await unseen("mary"), 0);
});

test("all keys of an environment are replaced by one, unless the service has its key from its settings", async () => {
  await refused(400, () => novu.environments.regenerateApiKeys());
  const body = JSON.stringify({ name: "Regenerated" });
  const headers = { Authorization: `ApiKey ${apiKey}`, "Content-Type": "application/json" };
  const made = (await (await fetch(`${url}/v1/environments`, { method: "POST", headers, body })).json()).data;
  const [former] = made.apiKeys;
  const [key] = await data(clientOf(former.key).environments.regenerateApiKeys(), 201);
  assert.equal((await data(clientOf(key.key).environments.getCurrent())).name, "Regenerated");
  await refused(401, () => clientOf(former.key).environments.getCurrent());
});

test("environments, integrations, groups and the organization", async () => {
  const mine = await data(novu.environments.getCurrent());
  assert.equal(mine.identifier, identifier);
  assert.ok((await data(novu.environments.getAll())).some((one) => one._id === mine._id));
  assert.ok((await data(novu.environments.getApiKeys())).some((one) => one.key === apiKey));
  const [integration] = await data(novu.integrations.getAll());
  assert.deepEqual([integration.providerId, integration.channel], ["novu", "in_app"]);
  assert.deepEqual((await data(novu.integrations.getActive())).map((one) => one._id), [integration._id]);
  assert.equal(typeof (await data(novu.integrations.getInAppStatus())).active, "boolean");
  const changed = await data(novu.integrations.update(integration._id, { credentials: { hmac: false }, active: true, check: false }));
  assert.equal(changed.credentials.hmac, false);
  const group = await data(novu.notificationGroups.create("More"), 201);
  assert.equal((await data(novu.notificationGroups.getOne(group._id))).name, "More");
  assert.equal((await data(novu.notificationGroups.update(group._id, { name: "Most" }))).name, "Most");
  await novu.notificationGroups.delete(group._id);
  assert.ok((await data(novu.notificationGroups.get())).every((one) => one._id !== group._id));
  const organization = await data(novu.organizations.getCurrent());
  assert.equal((await data(novu.organizations.rename({ name: "Acme Inc" }))).name, "Acme Inc");
  assert.deepEqual((await data(novu.organizations.list())).map((one) => one._id), [organization._id]);
  const branding = { logo: "https://example.com/logo.png", color: "#ff0000", fontColor: "#000000", contentBackground: "#ffffff", fontFamily: "Arial" };
  assert.equal((await data(novu.organizations.updateBranding(branding))).color, "#ff0000");
  assert.deepEqual((await data(novu.organizations.getCurrent())).branding, branding);
  assert.deepEqual(await data(novu.organizations.getMembers()), []);
});

test("changes and layouts are well-formed and empty", async () => {
  assert.deepEqual((await novu.changes.get({ page: 0, limit: 10, promoted: false })).data.data, []);
  assert.equal(await data(novu.changes.getCount()), 0);
  assert.deepEqual((await novu.layouts.list({ page: 0, pageSize: 10 })).data.data, []);
});

test("what is not offered is a 404 of our own shape", async () => {
  for (const call of [() => novu.inboundParse.getMxStatus(), () => novu.changes.applyOne("1"), () => novu.layouts.setDefault("1")]) {
    const error = await refused(404, call);
    assert.match(error.response.data.message, /^Cannot /);
  }
});
