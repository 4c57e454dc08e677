// A page with Novu's <Inbox />, as a shop would build it: tabs by tag, everything else by default.
import { Inbox } from "@novu/react";
import { createElement } from "react";
import { createRoot } from "react-dom/client";

window.actions = [];
const tabs = [
  { label: "All", filter: { tags: [] } },
  { label: "Orders", filter: { tags: ["orders"] } },
  { label: "News", filter: { tags: ["news"] } },
];
createRoot(document.getElementById("app")).render(
  createElement(Inbox, {
    ...window.settings,
    tabs,
    onPrimaryActionClick: (notification) => window.actions.push(notification.subject),
  }),
);
