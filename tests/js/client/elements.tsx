/** The types of the elements: what pages, JSX and templates of Vue may write, and what they may not. */

import type { GlobalComponents } from "vue";

import type { InboxBellElement, InboxFailure, InboxTab, RenderItem } from "@inbox-server/client/elements";
import type {} from "@inbox-server/client/elements/react";
import type {} from "@inbox-server/client/elements/vue";

import { InboxBell } from "../../../static/widget/bell.js";
import { InboxFeed } from "../../../static/widget/feed.js";

type Own = "token" | "strings" | "renderItem" | "inbox" | "locale" | "refresh";
export const written: [Pick<InboxBellElement, Own | "open" | "show" | "hide">, Pick<InboxBellElement, Own>] = [new InboxBell(), new InboxFeed()];

const bell = document.querySelector("inbox-bell")!;
const feed = document.createElement("inbox-feed");
export const own: InboxBellElement = bell;
const tabs: InboxTab[] = [{ label: "Orders", tags: ["order"], severity: ["high"], data: { kind: "order" } }];
export const render: RenderItem = ({ subject, data }, h) => h("article", { part: "order" }, h("b", {}, subject ?? ""), String(data?.url));
Object.assign(bell, { tabs, renderItem: render, token: async () => "eyJ" });
bell.tabs = tabs;
bell.strings = { "bell.title": "Inbox", "list.news": { one: "{count} new", other: "{count} new" } };
bell.locale = "de";
feed.subscriber = "alice";
void bell.show().then(() => bell.inbox?.readAll());
document.addEventListener("inbox-notification", ({ detail }) => console.log(detail.notification.subject));
bell.addEventListener("inbox-navigate", (event) => event.detail.url.startsWith("/") && event.preventDefault());
bell.addEventListener("inbox-count", ({ detail }) => console.log(detail.unread, detail.severity.high));
feed.addEventListener("inbox-error", ({ detail }: CustomEvent<InboxFailure>) => detail.isFinal && console.log(detail.operation));
bell.addEventListener("inbox-action", ({ detail }) => detail.action === "readAll" && console.log(detail.notification?.id));

// @ts-expect-error: a feed has no panel
feed.show();
// @ts-expect-error: the client is the element's own
bell.inbox = null;
// @ts-expect-error: a tab has a label
bell.tabs = [{ tags: ["order"] }];
// @ts-expect-error: no such action
bell.addEventListener("inbox-action", ({ detail }) => detail.action === "print");

export const page = (
  <header lang="en">
    <inbox-bell application-identifier="a" subscriber="alice" placement="top-end" className="bell" ref={(element) => element?.hide()} />
    <inbox-feed application-identifier="a" subscriber="alice" alerts="sound title" />
  </header>
);
// @ts-expect-error: it is a text
export const wrong = <inbox-bell subscriber={5} />;
// @ts-expect-error: a feed has no placement
export const misplaced = <inbox-feed placement="top-end" />;

type Bell = InstanceType<GlobalComponents["inbox-bell"]>["$props"];
export const template: Bell = {
  "application-identifier": "a",
  subscriber: "alice",
  class: "bell",
  renderItem: render,
  onInboxNotification: ({ detail }) => console.log(detail.notification.id),
};
// @ts-expect-error: no such listener
export const deaf: Bell = { onInboxShouted: () => {} };
