import type { HTMLAttributes, ReservedProps } from "vue";
import type { InboxBellAttributes, InboxBellElement, InboxEventMap, InboxFeedAttributes, InboxFeedElement } from "./elements.js";

export * from "./elements.js";

/** `@inbox-notification` of a template is `onInboxNotification` for its compiler. */
type Listeners = { [Name in keyof InboxEventMap as `on${Capitalize<Camel<Name>>}`]?: (event: InboxEventMap[Name]) => void };
type Camel<Name extends string> = Name extends `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : Name;
/** Vue sets what an element has as a property, and everything else as an attribute. */
type Properties<Element> = { [Name in Exclude<keyof Element, keyof HTMLElement>]?: Element[Name] };
type Component<Attributes, Element> = new () => { $props: ReservedProps & HTMLAttributes & Attributes & Omit<Properties<Element>, keyof Attributes> & Listeners };

declare module "vue" {
  interface GlobalComponents {
    "inbox-bell": Component<InboxBellAttributes, InboxBellElement>;
    "inbox-feed": Component<InboxFeedAttributes, InboxFeedElement>;
  }
}
