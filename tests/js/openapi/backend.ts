/** What a backend does: workflows, subscribers, topics, triggers, messages and the activity. */

import { present, same } from "./check";
import { type Client, Refusal, type Schema } from "./client";

export async function createWorkflow(api: Client): Promise<Schema["WorkflowReply"]> {
  const { data } = await api.call("post", "/v2/workflows", {
    body: {
      name: "Comment",
      workflowId: "comment",
      tags: ["comments"],
      severity: "high",
      steps: [
        {
          type: "in_app",
          name: "Message",
          controlValues: {
            subject: "{{payload.author}} commented",
            body: "{{payload.text}}",
            primaryAction: { label: "Open", redirect: { url: "/posts/1", target: "_self" } },
            secondaryAction: { label: "Mute" },
            data: { post: "{{payload.post}}" },
          },
        },
      ],
    },
  });
  const [step] = data.steps;
  same([data.workflowId, data.status, step?.type], ["comment", "ACTIVE", "in_app"]);
  const later = await api.call("post", "/v2/workflows", {
    body: {
      name: "Weekly",
      workflowId: "weekly",
      steps: [
        { type: "digest", name: "A week", controlValues: { type: "regular", amount: 1, unit: "weeks" } },
        { type: "delay", name: "An hour", controlValues: { amount: 1, unit: "hours" } },
        { type: "in_app", name: "Message", controlValues: { body: "{{steps.a-week.eventCount}} comments" } },
      ],
    },
  });
  same(later.data.preferences.default.channels.in_app?.enabled, true);
  const listed = await api.call("get", "/v2/workflows", { query: { limit: 5, tags: ["comments"] } });
  same(listed.data.workflows.map((one) => one.workflowId), ["comment"]);
  await api.call("patch", "/v2/workflows/{workflowId}", { path: { workflowId: "comment" }, body: { description: "x" } });
  return data;
}

export async function keepSubscribers(api: Client): Promise<void> {
  const created = await api.call("post", "/v2/subscribers", {
    body: { subscriberId: "ada", firstName: "Ada", email: "ada@example.com", data: { plan: "pro" } },
  });
  const identity: string = created.data.subscriberId;
  const since: string = created.data.createdAt;
  same(identity, "ada");
  same(since.at(-1), "Z");
  const changed = await api.call("patch", "/v2/subscribers/{subscriberId}", {
    path: { subscriberId: "ada" },
    body: { lastName: "Lovelace", phone: null },
  });
  same(changed.data.lastName?.toUpperCase(), "LOVELACE");
  const many = await api.call("post", "/v1/subscribers/bulk", {
    body: { subscribers: [{ subscriberId: "grace" }, { subscriberId: "linus", locale: "fi" }] },
  });
  same(many.data.created.map((one) => one.subscriberId), ["grace", "linus"]);
  const found = await api.call("get", "/v2/subscribers", { query: { limit: 2, orderDirection: "ASC" } });
  same(found.data.length, 2);
  same(typeof found.next, "string");
  await api.call("put", "/v1/subscribers/{subscriberId}/credentials", {
    path: { subscriberId: "ada" },
    body: { providerId: "fcm", credentials: { deviceTokens: ["token"] } },
  });
  const shown = await api.call("get", "/v2/subscribers/{subscriberId}", { path: { subscriberId: "ada" } });
  same(shown.data.channels[0]?.credentials.deviceTokens, ["token"]);
  const gone = await api.call("delete", "/v2/subscribers/{subscriberId}", { path: { subscriberId: "linus" } });
  same(gone.data.acknowledged, true);
}

export async function subscribeToTopic(api: Client): Promise<void> {
  await api.call("post", "/v2/topics", { body: { key: "posts:1", name: "Post" } });
  const made = await api.call("post", "/v2/topics/{topicKey}/subscriptions", {
    path: { topicKey: "posts:1" },
    body: { subscriptions: ["ada", { subscriberId: "grace" }], preferences: [{ workflowId: "comment", enabled: true }] },
  });
  same(made.meta.successful, 2);
  const [first] = made.data;
  same(first?.subscriber?.subscriberId, "ada");
  same(first?.preferences?.[0]?.workflow.identifier, "comment");
  const topics = await api.call("get", "/v2/topics", { query: { key: "posts" } });
  same(topics.data.map((topic) => topic.name), ["Post"]);
}

export async function trigger(api: Client): Promise<void> {
  const one = await api.call("post", "/v1/events/trigger", {
    body: {
      name: "comment",
      to: { subscriberId: "ada", lastName: "King" },
      payload: { author: "Grace", text: "First!", post: "1" },
      transactionId: "comment-1",
      actor: "grace",
    },
  });
  same([one.data.status, one.data.transactionId], ["processed", "comment-1"]);
  const many = await api.call("post", "/v1/events/trigger/bulk", {
    body: {
      events: [
        { name: "comment", to: "ada", payload: { author: "Grace", text: "Second" } },
        { name: "comment", to: ["ada", { subscriberId: "grace" }], payload: { author: "Linus", text: "Third" } },
      ],
    },
  });
  same(many.data.map((reply) => reply.acknowledged), [true, true]);
  await api.call("post", "/v1/events/trigger", {
    body: {
      name: "comment",
      to: [{ type: "Topic", topicKey: "posts:1", exclude: ["grace"] }],
      payload: { author: "Topic", text: "Fourth" },
    },
  });
  const all = await api.call("post", "/v1/events/trigger/broadcast", {
    body: { name: "comment", payload: { author: "Everybody", text: "Fifth" } },
  });
  same(all.data.acknowledged, true);
  const cancelled = await api.call("delete", "/v1/events/trigger/{transactionId}", { path: { transactionId: "none" } });
  same(cancelled.data, false);
}

export async function readMessages(api: Client): Promise<void> {
  const page = await api.call("get", "/v1/messages", { query: { subscriberId: "ada", transactionId: ["comment-1"] } });
  const message = present(page.data[0]);
  same([message.subject, message.cta.action.buttons[0]?.content], ["Grace commented", "Open"]);
  const path = { subscriberId: "ada" };
  const unseen = await api.call("get", "/v1/subscribers/{subscriberId}/notifications/unseen", { path });
  same(unseen.data.count, 5);
  const marked = await api.call("post", "/v1/subscribers/{subscriberId}/messages/mark-as", {
    path,
    body: { markAs: "read", messageId: message._id },
  });
  same(marked.data.map((one) => [one.read, one.seen]), [[true, true]]);
  const feed = await api.call("get", "/v1/subscribers/{subscriberId}/notifications/feed", { path, query: { read: true } });
  same(feed.data.map((one) => one.subscriber.firstName), ["Ada"]);
}

export async function readActivity(api: Client): Promise<void> {
  const listed = await api.call("get", "/v1/notifications", { query: { transactionId: ["comment-1"] } });
  const activity = present(listed.data[0]);
  same([activity.to.subscriberId, activity.jobs[0]?.status], ["ada", "completed"]);
  const details = await api.call("get", "/v1/execution-details", { query: { notificationId: activity._id } });
  same(details.data[0]?.status, "Success");
}

export async function beRefused(api: Client): Promise<void> {
  const refusal = await api
    .call("get", "/v2/subscribers/{subscriberId}", { path: { subscriberId: "nobody" } })
    .then(() => undefined, (error: unknown) => (error instanceof Refusal ? error.reply : undefined));
  same([refusal?.statusCode, refusal?.path], [404, "/v2/subscribers/nobody"]);
}
