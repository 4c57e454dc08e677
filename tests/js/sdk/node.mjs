// The previous generation's SDK (@novu/node 2.6), pointed at the service.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { apiKey, url } from "./common.mjs";

const { Novu } = createRequire(import.meta.url)("@novu/node");

export const clientOf = (key) => new Novu(key, { backendUrl: url, retryConfig: { retryMax: 0 } });
export const novu = clientOf(apiKey);

/** What stands in the envelope of an answer; fails when its status is another. */
export async function data(call, status = 200) {
  const answer = await call;
  assert.equal(answer.status, status);
  return answer.data.data;
}

/** A v1 workflow of one in-app step, and its `_id`. */
export async function createWorkflow(name, content = "Order {{order}} of {{subscriber.firstName}}", fields = {}) {
  const [group] = await data(novu.notificationGroups.get());
  const cta = { type: "redirect", data: { url: "/orders/{{order}}" }, action: { buttons: [{ type: "primary", content: "Track" }] } };
  const step = { active: true, template: { type: "in_app", content, cta, ...fields } };
  const body = { name, notificationGroupId: group._id, active: true, draft: false, tags: ["orders"], steps: [step] };
  return data(novu.notificationTemplates.create(body), 201);
}

export async function feed(subscriberId, query = {}) {
  const answer = await novu.subscribers.getNotificationsFeed(subscriberId, query);
  return answer.data;
}

export async function unseen(subscriberId) {
  return (await data(novu.subscribers.getUnseenCount(subscriberId, false))).count;
}
