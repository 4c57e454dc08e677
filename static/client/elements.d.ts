/**
 * The types of `<inbox-bell>` and `<inbox-feed>`, which a page loads from the service as `static/inbox.js`.
 * `elements-react.d.ts` and `elements-vue.d.ts` have them for JSX and for templates of Vue.
 */

import type { Counts, Filter, Inbox, InboxOptions, Notification, Severity } from "./index.js";

export interface InboxTab extends Pick<Filter, "tags" | "data" | "severity"> {
  label: string;
}

/** A text, or one for each plural form, by its key. `{name}` stands where a value belongs. */
export type InboxStrings = Record<string, string | Partial<Record<Intl.LDMLPluralRule, string>>>;

/** Makes an element. Strings become text; an address or attribute that could run code is left out. */
export type ElementFactory = (tag: string, attributes?: Record<string, unknown> | null, ...children: (Node | string)[]) => HTMLElement;

/** Makes what a notification shows; nothing leaves it to the widget. */
export type RenderItem = (notification: Notification, h: ElementFactory) => Node | null | undefined;

export type InboxFilterName = "all" | "unread" | "archived" | "snoozed";
export type InboxPlacement = "bottom-end" | "bottom-start" | "top-end" | "top-start";

/** The attributes as markup has them. */
export interface InboxFeedAttributes {
  /** The environment. Required, unless the property `token` is set. */
  "application-identifier"?: string;
  /** The subscriberId of the person. */
  subscriber?: string;
  /** What a backend vouches with; required in production. */
  "subscriber-hash"?: string;
  /** JSON. */
  context?: string;
  "context-hash"?: string;
  /** The service, if it is not the one that the script came from. */
  "base-url"?: string;
  /** Such as `de`; by default the nearest `lang`. */
  locale?: string;
  theme?: "light" | "dark" | (string & {});
  density?: "compact" | (string & {});
  /** JSON: a list of `InboxTab`. */
  tabs?: string;
  /** Names between spaces. */
  filters?: string;
  /** Opt-in, names between spaces: `sound`, `desktop`, `title`, `favicon`. */
  alerts?: string;
}

export interface InboxBellAttributes extends InboxFeedAttributes {
  placement?: InboxPlacement | (string & {});
}

export interface InboxFeedElement extends HTMLElement {
  applicationIdentifier: string | null;
  subscriber: string | null;
  subscriberHash: string | null;
  context: Record<string, unknown> | undefined;
  contextHash: string | null;
  baseUrl: string | null;
  get locale(): string | undefined;
  set locale(locale: string | null | undefined);
  theme: string | null;
  density: string | null;
  tabs: readonly InboxTab[] | undefined;
  filters: string | null;
  alerts: string | null;
  /** In place of identifier, subscriber and hash; a function is called again when the token expires. */
  token: InboxOptions["token"];
  /** Words of the page's own; they go before those of the language. */
  strings: InboxStrings | undefined;
  renderItem: RenderItem | undefined;
  /** The client; null without a session. */
  readonly inbox: Inbox | null;
  /** Read the list again. */
  refresh(): void;
}

export interface InboxBellElement extends InboxFeedElement {
  placement: string | null;
  open: boolean;
  /** Open the panel and move the focus into it. */
  show(): Promise<void>;
  hide(): void;
}

export type InboxAction =
  | "open"
  | "primary"
  | "secondary"
  | "revert"
  | "read"
  | "unread"
  | "archive"
  | "unarchive"
  | "snooze"
  | "unsnooze"
  | "delete"
  | "readAll"
  | "archiveRead"
  | "archiveAll";

export interface InboxFailure {
  operation: "attribute" | "session" | "connection" | "load" | "render" | "change" | "seen";
  /** Of the HTTP answer, if there was one. */
  status?: number;
  message: string;
  /** Whether there will be no further try. */
  isFinal: boolean;
}

/** They bubble, leave shadow roots and can be cancelled. */
export interface InboxEventMap {
  /** The panel is about to open. */
  "inbox-open": CustomEvent<null>;
  /** The panel is about to close. */
  "inbox-close": CustomEvent<null>;
  "inbox-notification": CustomEvent<{ notification: Notification }>;
  /** Something is about to be changed; `notification` is absent where it is all of them. */
  "inbox-action": CustomEvent<{ action: InboxAction; notification?: Notification }>;
  /** A link is about to be followed. */
  "inbox-navigate": CustomEvent<{ notification: Notification; url: string; target?: string }>;
  "inbox-count": CustomEvent<Counts>;
  "inbox-error": CustomEvent<InboxFailure>;
}

export type { Counts, Inbox, Notification, Severity };

declare global {
  interface HTMLElementTagNameMap {
    "inbox-bell": InboxBellElement;
    "inbox-feed": InboxFeedElement;
  }
  interface GlobalEventHandlersEventMap extends InboxEventMap {}
}
