/** What must not type-check. It is compiled and never run: a directive below that nothing needs is an error. */

import type { Client, Schema } from "./client";

export async function misuse(api: Client, notification: Schema["NotificationReply"]): Promise<void> {
  const trigger = "/v1/events/trigger";
  // @ts-expect-error a trigger says which workflow
  await api.call("post", trigger, { body: { to: "ada" } });
  // @ts-expect-error and to whom
  await api.call("post", trigger, { body: { name: "comment" } });
  // @ts-expect-error a recipient is no number
  await api.call("post", trigger, { body: { name: "comment", to: 7 } });
  // @ts-expect-error nor an object of anything
  await api.call("post", trigger, { body: { name: "comment", to: { id: "ada" } } });
  // @ts-expect-error nor a list of lists
  await api.call("post", trigger, { body: { name: "comment", to: [["ada"]] } });
  // @ts-expect-error a payload is an object
  await api.call("post", trigger, { body: { name: "comment", to: "ada", payload: "text" } });
  // @ts-expect-error a trigger has a body
  await api.call("post", trigger, {});
  // @ts-expect-error a bulk trigger has events, not names
  await api.call("post", "/v1/events/trigger/bulk", { body: { events: ["comment"] } });
  // @ts-expect-error there is no such path
  await api.call("get", "/v1/event", {});
  // @ts-expect-error nor such a method
  await api.call("put", trigger, { body: { name: "comment", to: "ada" } });
  // @ts-expect-error a path's parameter is required
  await api.call("get", "/v2/subscribers/{subscriberId}", {});
  // @ts-expect-error a limit is a number
  await api.call("get", "/v2/subscribers", { query: { limit: "ten" } });
  // @ts-expect-error no such parameter
  await api.call("get", "/v2/subscribers", { query: { size: 10 } });
  // @ts-expect-error a severity is one of four words
  await api.call("get", "/v1/inbox/notifications", { query: { severity: ["urgent"] } });
  // @ts-expect-error steps are of three types
  await api.call("post", "/v2/workflows", { body: { name: "x", workflowId: "x", steps: [{ type: "sms", name: "x" }] } });
  const steps: Schema["WorkflowCreate"]["steps"] = [
    // @ts-expect-error a delay has no body
    { type: "delay", name: "x", controlValues: { body: "x" } },
  ];
  // @ts-expect-error a mark is one of four words
  await api.call("post", "/v1/subscribers/{subscriberId}/messages/mark-all", { path: { subscriberId: "ada" }, body: { markAs: "done" } });
  // @ts-expect-error a provider is one of a list
  const channel: Schema["Channel"] = { providerId: "pigeon", credentials: {} };
  // @ts-expect-error a subject may be missing
  const subject: string = notification.subject;
  // @ts-expect-error a flag is no text
  const isRead: string = notification.isRead;
  // @ts-expect-error no such field
  const title = notification.title;
  // @ts-expect-error what an open object holds is not known
  const post: string = notification.data?.post;
  const reply = await api.call("post", trigger, { body: { name: "comment", to: "ada" } });
  // @ts-expect-error a status is one of a list
  const isGood: boolean = reply.data.status === "ok";
  // @ts-expect-error an answer is in `data`
  const transaction = reply.transactionId;
  void [steps, channel, subject, isRead, title, post, isGood, transaction];
}
