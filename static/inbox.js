/**
 * `<inbox-bell>` and `<inbox-feed>`: a bell with a panel, and a list in the page, live over the JavaScript client.
 *
 * One script tag embeds both: `<script type="module" src="…/static/inbox.js"></script>`; `base-url` is the service this
 * file came from unless given. docs/widget.md describes attributes, properties, events, slots and parts.
 */

import { InboxBell } from "./widget/bell.js";
import { InboxElement } from "./widget/element.js";
import { InboxFeed } from "./widget/feed.js";

export { InboxBell, InboxFeed };

InboxElement.service = new URL("..", import.meta.url).href;
if (!customElements.get("inbox-bell")) customElements.define("inbox-bell", InboxBell);
if (!customElements.get("inbox-feed")) customElements.define("inbox-feed", InboxFeed);
