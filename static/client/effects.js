/**
 * What a change does to a notification, as the service does it. Pure functions. Dates that a change sets are the
 * service's: they come with its answer or its event.
 */

/** @typedef {import("./index.js").Notification} Notification */
/** @typedef {(item: Notification) => Notification | null} Effect the notification afterwards, null when it is gone */

const SEEN = { isSeen: true };
const READ = { ...SEEN, isRead: true };

/** @type {Record<string, Record<string, unknown>>} what each mark sets; null removes a date */
export const MARKS = {
  seen: SEEN,
  read: READ,
  unread: { ...SEEN, isRead: false, isArchived: false, readAt: null, archivedAt: null },
  archived: { ...READ, isArchived: true },
  unarchived: { ...READ, isArchived: false, archivedAt: null },
  unsnoozed: { ...SEEN, isArchived: false, isSnoozed: false, archivedAt: null, snoozedUntil: null },
};

/**
 * Return the notification with these fields; null removes one, and `firstSeenAt` is only for one that has none. The same
 * object comes back when nothing changes.
 * @param {Notification} item @param {Record<string, unknown>} fields
 * @returns {Notification}
 */
export function withFields(item, fields) {
  const next = /** @type {any} */ ({ ...item });
  for (const [name, value] of Object.entries(fields)) {
    if (name === "firstSeenAt" && next[name]) continue;
    if (value === null) delete next[name];
    else next[name] = value;
  }
  return same(item, next) ? item : Object.freeze(next);
}

/** Return whether they are equal as JSON, with keys in any order. @param {unknown} one @param {unknown} other @returns {boolean} */
export function same(one, other) {
  if (one === other) return true;
  if (!one || !other || typeof one !== "object" || typeof other !== "object") return false;
  const [a, b] = [/** @type {any} */ (one), /** @type {any} */ (other)];
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => name in b && same(a[name], b[name]));
}

/** @param {string} mark @returns {Effect} */
export function marked(mark) {
  if (mark === "read_archived") return (item) => (item.isRead ? withFields(item, MARKS.archived) : item);
  return (item) => withFields(item, MARKS[mark]);
}

/** @param {string} until @returns {Effect} */
export function snoozed(until) {
  const fields = { ...SEEN, isArchived: false, isSnoozed: true, archivedAt: null, snoozedUntil: until };
  return (item) => withFields(item, fields);
}

/** @param {"primary" | "secondary"} type @param {boolean} isDone @returns {Effect} */
export function acted(type, isDone) {
  return (item) => {
    const fields = /** @type {Record<string, unknown>} */ ({ ...READ });
    for (const one of /** @type {const} */ (["primary", "secondary"])) {
      const action = item[`${one}Action`];
      if (action) fields[`${one}Action`] = { ...action, isCompleted: isDone && one === type };
    }
    return withFields(item, fields);
  };
}
