/** What a page does: its session, its notifications, its preferences. */

import { present, same } from "./check";
import { Client, type Schema } from "./client";

/** A line of a list, as a page would show it: every field in its own type. */
function line(notification: Schema["NotificationReply"]): string {
  const title: string = notification.subject ?? notification.workflow.name;
  const button: string = notification.primaryAction?.label ?? "";
  const link: string = notification.primaryAction?.redirect?.url ?? "";
  return [title, notification.body, notification.isRead ? "read" : "unread", notification.severity, button, link].join(" | ");
}

export async function openSession(url: string, applicationIdentifier: string, subscriberHash: string): Promise<Client> {
  const anybody = new Client(url, "");
  const { data } = await anybody.call("post", "/v1/inbox/session", {
    body: { applicationIdentifier, subscriber: { subscriberId: "ada", firstName: "Ada" }, subscriberHash },
  });
  const badge: number = data.unreadCount.total;
  same(badge, data.unreadCount.severity.high);
  return new Client(url, `Bearer ${data.token}`);
}

export async function readNotifications(page: Client): Promise<void> {
  const first = await page.call("get", "/v1/inbox/notifications", {
    query: { limit: 2, archived: false, tags: ["comments"], severity: ["high", "low"] },
  });
  same([first.data.length, first.hasMore], [2, true]);
  const last = present(first.data.at(-1));
  const rest = await page.call("get", "/v1/inbox/notifications", { query: { after: last.id, limit: 100 } });
  same(rest.data.map(line), [
    "Linus commented | Third | unread | high | Open | /posts/1",
    "Grace commented | Second | unread | high | Open | /posts/1",
    "Grace commented | First! | read | high | Open | /posts/1",
  ]);
  same(rest.data[0]?.to.subscriberId, "ada");
  const counts = await page.call("get", "/v1/inbox/notifications/count", {
    query: { filters: JSON.stringify([{ read: false, snoozed: false }, { archived: true }]) },
  });
  same(counts.data.map((one) => one.count), [4, 0]);
}

export async function changeNotifications(page: Client): Promise<void> {
  const { data } = await page.call("get", "/v1/inbox/notifications", { query: { read: false } });
  const notification = present(data[0]);
  const path = { notificationId: notification.id };
  const read = await page.call("patch", "/v1/inbox/notifications/{notificationId}/read", { path });
  same(read.data.isRead, true);
  const done = await page.call("patch", "/v1/inbox/notifications/{notificationId}/complete", {
    path,
    body: { actionType: "primary" },
  });
  same(done.data.primaryAction?.isCompleted, true);
  const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
  const snoozed = await page.call("patch", "/v1/inbox/notifications/{notificationId}/snooze", {
    path,
    body: { snoozeUntil: inAnHour },
  });
  same(snoozed.data.snoozedUntil, inAnHour);
  await page.call("post", "/v1/inbox/notifications/seen", { body: { notificationIds: [notification.id] } });
  await page.call("post", "/v1/inbox/notifications/seen", {});
  await page.call("post", "/v1/inbox/notifications/read", { body: { tags: [["comments"]], data: { post: "1" } } });
  await page.call("post", "/v1/inbox/notifications/archive", { body: { tags: { or: ["other"] } } });
  const gone: undefined = await page.call("delete", "/v1/inbox/notifications/{notificationId}/delete", { path });
  same(gone, undefined);
}

export async function changePreferences(page: Client): Promise<void> {
  const everywhere = await page.call("patch", "/v1/inbox/preferences", { body: { email: false } });
  same(everywhere.data.level, "global");
  const one = await page.call("patch", "/v1/inbox/preferences/{workflowId}", {
    path: { workflowId: "comment" },
    body: { in_app: false },
  });
  same([one.data.channels.in_app, one.data.workflow?.identifier], [false, "comment"]);
  const { data } = await page.call("get", "/v1/inbox/preferences", { query: { criticality: "all" } });
  same(data.map((preference) => preference.workflow?.name), [undefined, "Comment", "Weekly"]);
}
