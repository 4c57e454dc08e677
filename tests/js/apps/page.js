/** The inbox of a page as the test set it up, and a log of everything that the app has shown. */

import { Inbox } from "@inbox-server/client";

export const SHOWN = { archived: false, snoozed: false, limit: 20 };
export const SALE = { tags: ["sale"], read: false };

/** Each state that was shown, oldest first; the ids of what was received; what failed. */
const log = { renders: [], received: [], failures: [] };

/** Make the inbox. `window.newToken`, if the test has put it there, gets its tokens. */
export function openInbox() {
  const token = window.newToken && { token: () => window.newToken() };
  const inbox = new Inbox({ ...window.settings, ...token });
  inbox.on("received", ({ id }) => log.received.push(id));
  inbox.on("error", ({ operation, error }) => log.failures.push(`${operation}: ${error.message}`));
  Object.assign(window, { inbox, log });
  return inbox;
}

/** Leave it to the log that a change failed: the page shows the old state again. */
export const quiet = (change) => change.catch(() => {});

/** Note what the page shows now. */
export const note = (state) => void log.renders.push(state);
