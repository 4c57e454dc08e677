/** The types of the package: what a page may write, what it may not, and that the classes are as declared. */

import { Inbox, InboxError, type Change, type InboxOptions, type ListSnapshot, type Notification } from "@inbox-server/client";
import { InboxProvider, useCounts, useInbox, useNotifications } from "@inbox-server/client/react";
import * as vue from "@inbox-server/client/vue";

import { Inbox as WrittenInbox } from "../../../static/client/inbox.js";
import { InboxError as WrittenError } from "../../../static/client/http.js";

export const written: { Inbox: new (options: InboxOptions) => Inbox; InboxError: new (message: string) => InboxError } = {
  Inbox: WrittenInbox,
  InboxError: WrittenError,
};

const inbox = new Inbox({ url: "https://inbox.example.com", token: async () => "eyJ", transports: ["events", "polling"] });
const list = inbox.list({ tags: [["a"], ["b"]], read: false, severity: ["high"], data: { order: { id: 7 } }, limit: 10 });
const snapshot: ListSnapshot = list.getSnapshot();
export const subjects: (string | undefined)[] = snapshot.items.map((item: Notification) => item.subject);
export const ended: () => void = inbox.on("received", ({ body, primaryAction }) => console.log(body, primaryAction?.label));
inbox.on("error", ({ operation, error }) => operation === "connect" && error instanceof InboxError && error.isFinal);
void inbox.snooze(["a"], new Date()).then(() => inbox.readAll({ tags: ["sale"] }));
export const change: Change = { bulk: { set: { isRead: true }, sequences: [[1, 2]] } };
export const count: number | undefined = inbox.count({ archived: true }).getSnapshot();

// @ts-expect-error: the url is required
new Inbox({ token: "eyJ" });
// @ts-expect-error: no such filter
inbox.list({ unread: true });
// @ts-expect-error: a change of all is about tags and data only
void inbox.readAll({ read: false });
// @ts-expect-error: a snapshot does not change
snapshot.items = [];
// @ts-expect-error: nor does a notification
snapshot.items[0].isRead = true;
// @ts-expect-error: no such event
inbox.on("notification", () => {});

export function Page() {
  const { inbox: own, status, counts } = useInbox();
  const { items, more, isLoading } = useNotifications({ archived: false, limit: 10 });
  const tabs: readonly (number | undefined)[] = useCounts([{ tags: ["a"] }]);
  const total: number = useCounts().unread + counts.unseen;
  void own.read(items.map(({ id }) => id)).then(more);
  return InboxProvider({ inbox: own, children: `${status === "live"} ${isLoading} ${tabs} ${total}` });
}

export function setUp() {
  vue.provideInbox(inbox);
  const { items } = vue.useNotifications(() => ({ archived: true }));
  const first: string = items.value[0].id;
  return { first, tabs: vue.useCounts([{ read: false }]).value, unread: vue.useInbox(inbox).counts.value.unread };
}
