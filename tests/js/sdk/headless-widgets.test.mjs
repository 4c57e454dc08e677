// The previous generation's browser client without a face (@novu/headless 2.6): the widgets API, live over Socket.IO.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { apiKey, identifier, url } from "./common.mjs";
import { createWorkflow, data, novu } from "./node.mjs";

const { HeadlessService } = createRequire(import.meta.url)("@novu/headless");
const EVENT_MS = 10_000;

const hash = (subscriberId) => createHmac("sha256", apiKey).update(subscriberId).digest("hex");
const opened = [];
let workflow, identifierOfWorkflow;

before(async () => {
  const buttons = [{ type: "primary", content: "Yes" }, { type: "secondary", content: "No" }];
  const cta = { type: "redirect", data: { url: "/x" }, action: { buttons } };
  workflow = await createWorkflow("headless", "Order {{order}}", { cta });
  identifierOfWorkflow = workflow.triggers[0].identifier;
});

after(() => opened.forEach((client) => client.socket?.disconnect()));

/** A client with its session. `received`, `unseen` and `unread` hold what its socket brought. */
async function open(subscriberId, fields = {}) {
  const client = new HeadlessService({
    backendUrl: url,
    socketUrl: url,
    applicationIdentifier: identifier,
    subscriberId,
    subscriberHash: hash(subscriberId),
    config: { retry: 0 },
    ...fields,
  });
  opened.push(client);
  const session = await new Promise((resolve, reject) =>
    client.initializeSession({ listener: () => {}, onSuccess: resolve, onError: reject }),
  );
  const page = { client, session, received: [], unseen: [], unread: [] };
  client.listenNotificationReceive({ listener: (message) => page.received.push(message) });
  client.listenUnseenCountChange({ listener: (count) => page.unseen.push(count) });
  client.listenUnreadCountChange({ listener: (count) => page.unread.push(count) });
  await until(() => page.unread.length && page.unseen.length, "the counts that a connect is greeted with");
  return page;
}

/** What a query of the client resolves to. */
const query = (call, options = {}) =>
  new Promise((resolve, reject) => call({ listener: () => {}, onSuccess: resolve, onError: reject, ...options }));

async function until(condition, what) {
  const deadline = Date.now() + EVENT_MS;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function send(subscriberId, order) {
  await data(novu.events.trigger(identifierOfWorkflow, { to: subscriberId, payload: { order } }), 201);
}

const newest = (list) => list.at(-1);

test("a session, and none without the hash", async () => {
  const { session } = await open("h-session");
  assert.deepEqual(Object.keys(session).sort(), ["profile", "token"]);
  assert.match(session.profile._id, /^[0-9a-f]{24}$/);
  await assert.rejects(open("h-session", { subscriberHash: undefined }), /400/);
});

test("messages arrive live, with both counts", async () => {
  const page = await open("h-live");
  for (const order of ["1", "2"]) await send("h-live", order);
  await until(() => newest(page.unread) === 2 && page.received.length === 2, "both messages");
  assert.deepEqual(page.received.map((one) => one.content), ["Order 1", "Order 2"]);
  assert.equal(newest(page.unseen), 2);
});

test("feed, counts, organization and preferences", async () => {
  const { client } = await open("h-read");
  for (const order of ["1", "2", "3"]) await send("h-read", order);
  const feed = await query((options) => client.fetchNotifications({ page: 0, ...options }));
  assert.deepEqual(feed.data.map((one) => one.content), ["Order 3", "Order 2", "Order 1"]);
  assert.deepEqual([feed.page, feed.pageSize, feed.totalCount, feed.hasMore], [0, 10, 3, false]);
  const filtered = await query((options) =>
    client.fetchNotifications({ query: { limit: 2, seen: false, payload: { order: "2" } }, ...options }),
  );
  assert.deepEqual(filtered.data.map((one) => one.payload.order), ["2"]);
  assert.deepEqual(await query((options) => client.fetchUnseenCount(options)), { count: 3 });
  assert.deepEqual(await query((options) => client.fetchUnreadCount(options)), { count: 3 });
  const organization = await query((options) => client.fetchOrganization(options));
  assert.equal(typeof organization.name, "string");
  const preferences = await query((options) => client.fetchUserPreferences(options));
  assert.deepEqual(preferences.map((one) => [one.template.name, one.preference.channels]), [["headless", { in_app: true }]]);
  const everywhere = await query((options) => client.fetchUserGlobalPreferences(options));
  assert.deepEqual(everywhere.map((one) => one.preference.channels), [{ in_app: true }]);
});

test("preferences are changed, and heeded", async () => {
  const page = await open("h-choose");
  const templateId = workflow._id;
  await query((options) => page.client.fetchUserPreferences(options));
  const change = { templateId, channelType: "in_app", checked: false };
  const changed = await query((options) => page.client.updateUserPreferences({ ...change, ...options }));
  assert.deepEqual(changed.preference.channels, { in_app: false });
  await send("h-choose", "muted");
  const everywhere = { preferences: [{ channelType: "in_app", enabled: true }], enabled: true };
  const global = await query((options) => page.client.updateUserGlobalPreferences({ ...everywhere, ...options }));
  assert.deepEqual(global.preference.channels, { in_app: true });
  await send("h-choose", "heard");
  await until(() => page.received.length, "the message that is not muted");
  assert.deepEqual(page.received.map((one) => one.payload.order), ["heard"]);
});

test("seen, read and actions reach another tab", async () => {
  const page = await open("h-marks");
  const tab = await open("h-marks");
  for (const order of ["1", "2", "3"]) await send("h-marks", order);
  await until(() => tab.received.length === 3, "three messages");
  const [first, second] = tab.received.map((one) => one._id);
  await query((options) => page.client.markNotificationsAsSeen({ messageId: [first], ...options }));
  await until(() => newest(tab.unseen) === 2 && newest(tab.unread) === 3, "one is seen");
  await query((options) => page.client.markNotificationsAsRead({ messageId: first, ...options }));
  await until(() => newest(tab.unseen) === 2 && newest(tab.unread) === 2, "one is read");
  await query((options) => page.client.markNotificationsAs({ messageId: second, mark: { seen: true, read: true }, ...options }));
  await until(() => newest(tab.unseen) === 1 && newest(tab.unread) === 1, "two are read");
  const press = { messageId: second, actionButtonType: "primary", status: "done", payload: { by: "test" } };
  const acted = await query((options) => page.client.updateAction({ ...press, ...options }));
  assert.equal(acted.cta.action.status, "done");
  assert.deepEqual(acted.cta.action.result, { type: "primary", payload: { by: "test" } });
  const all = await query((options) => page.client.markAllMessagesAsSeen(options));
  assert.equal(all, 1);
  await until(() => newest(tab.unseen) === 0 && newest(tab.unread) === 1, "all are seen");
  assert.equal(await query((options) => page.client.markAllMessagesAsRead(options)), 1);
  await until(() => newest(tab.unread) === 0, "all are read");
});

test("what is removed is gone in another tab", async () => {
  const page = await open("h-remove");
  const tab = await open("h-remove");
  for (const order of ["1", "2", "3", "4"]) await send("h-remove", order);
  await until(() => tab.received.length === 4, "four messages");
  const ids = tab.received.map((one) => one._id);
  await query((options) => page.client.removeNotification({ messageId: ids[0], ...options }));
  await until(() => newest(tab.unread) === 3, "one is removed");
  await query((options) => page.client.removeNotifications({ messageIds: [ids[1], ids[2]], ...options }));
  await until(() => newest(tab.unread) === 1, "three are removed");
  await query((options) => page.client.removeAllNotifications(options));
  await until(() => newest(tab.unread) === 0, "all are removed");
  const feed = await query((options) => page.client.fetchNotifications(options));
  assert.deepEqual(feed.data, []);
});
