// The current SDK (@novu/api), pointed at the service, and a workflow that uses what a step can hold.
import { Novu } from "@novu/api";
import { apiKey, url } from "./common.mjs";

// its own patience is an hour: what looks like an outage is to fail the test, not to hang it
const backoff = { initialInterval: 100, maxInterval: 500, exponent: 1.5, maxElapsedTime: 5_000 };

export const novu = new Novu({
  secretKey: apiKey,
  serverURL: url,
  timeoutMs: 10_000,
  retryConfig: { strategy: "backoff", backoff, retryConnectionErrors: false },
});

export function orderWorkflow(workflowId, fields = {}) {
  const controlValues = {
    subject: "Order {{payload.order}}",
    body: "Dear {{subscriber.firstName}}, {{payload.items | pluralize: 'item'}} on the way",
    avatar: "https://example.com/{{payload.order}}.png",
    primaryAction: { label: "Track {{payload.order}}", redirect: { url: "/orders/{{payload.order}}", target: "_blank" } },
    secondaryAction: { label: "Dismiss" },
    redirect: { url: "https://example.com/{{payload.order}}", target: "_self" },
    data: { order: "{{payload.order}}", fixed: 1 },
  };
  return { name: workflowId, workflowId, active: true, steps: [{ name: "In-app", type: "in_app", controlValues }], ...fields };
}

export async function triggerOrder(workflowId, to, order, fields = {}) {
  const payload = { order, items: ["tea", "cake"] };
  return (await novu.trigger({ workflowId, to, payload, ...fields })).result;
}

/** A subscriber's notifications (v2), newest first. */
export async function read(subscriberId, query = {}) {
  return (await novu.subscribers.notifications.list({ subscriberId, ...query })).result.data;
}

/** A subscriber's v1 feed. */
export async function feed(subscriberId, query = {}) {
  return (await novu.subscribers.notifications.feed({ subscriberId, ...query })).result;
}

export async function unseen(subscriberId) {
  return (await novu.subscribers.notifications.unseenCount({ subscriberId })).result.count;
}
