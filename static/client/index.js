/** The JavaScript client of inbox. `docs/client.md` tells how to use it. */

export { InboxError } from "./http.js";
export { Inbox } from "./inbox.js";
