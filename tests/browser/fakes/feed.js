/** Notifications as the service lists them. */

export function notification(n, changes = {}) {
  const state = { isRead: false, isSeen: false, isArchived: false, isSnoozed: false };
  const createdAt = new Date(Date.UTC(2026, 0, 1) + 1000 * n).toISOString();
  return { id: String(n).padStart(24, "0"), sequence: n, body: `body ${n}`, subject: `subject ${n}`, createdAt, ...state, ...changes };
}
