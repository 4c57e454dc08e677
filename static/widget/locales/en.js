/** The words of the widget in English: each text that a person reads or hears, by its key. Plurals are by `count`. */

/** @typedef {string | Partial<Record<Intl.LDMLPluralRule, string>>} Words with `{name}` where a value belongs */
/** @typedef {Record<string, Words>} Strings */

/** @type {Strings} */
export const strings = {
  "bell.title": "Notifications",
  "bell.unread": { one: "Notifications, {count} unread", other: "Notifications, {count} unread" },
  "bell.received": "New notification: {text}",
  "list.empty": "No notifications yet.",
  "list.loading": "Loading…",
  "list.more": "Load more",
  "list.readAll": "Mark all read",
  "state.idle": "Sign in to see your notifications.",
  "state.offline": "Connection lost. Reconnecting…",
  "state.refused": "Your notifications are not available. Please sign in again.",
  "error.load": "Notifications could not be loaded.",
  "error.change": "That change was not saved. Please try again.",
  "error.retry": "Try again",
  "item.read": "Mark as read",
  "item.unread": "Mark as unread",
  "item.undo": "Undo",
  "item.undoAction": "Undo {label}",
  "item.done": "{label}, done",
  "preferences.title": "Preferences",
  "preferences.close": "Back",
  "preferences.global": "All notifications",
};
