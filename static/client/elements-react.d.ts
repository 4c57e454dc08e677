import type { DetailedHTMLProps, HTMLAttributes } from "react";
import type { InboxBellAttributes, InboxBellElement, InboxFeedAttributes, InboxFeedElement } from "./elements.js";

export * from "./elements.js";

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "inbox-bell": DetailedHTMLProps<HTMLAttributes<InboxBellElement>, InboxBellElement> & InboxBellAttributes;
      "inbox-feed": DetailedHTMLProps<HTMLAttributes<InboxFeedElement>, InboxFeedElement> & InboxFeedAttributes;
    }
  }
}
