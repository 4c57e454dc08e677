/** What a closed bell says in English: a page needs no more before the list is shown. */

/** @type {import("./locales/en.js").Strings} */
export const strings = {
  "bell.title": "Notifications",
  "bell.unread": "Notifications, {count} unread",
  "bell.high": "{count} urgent",
  "bell.received": "New notification: {text}",
  "bell.unloaded": "Notifications could not be loaded. Press to try again.",
};
