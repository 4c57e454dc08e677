/** What the body of a notification says, for those who have no list. */

/** @param {import("../client/index.js").Notification} notification @returns {Promise<string>} without signs of Markdown */
export async function plainBody(notification) {
  if (!notification.bodyFormat) return notification.body;
  return import("./view.js").then(
    ({ bodyText }) => bodyText(notification),
    () => notification.body, // rather with signs than not at all
  );
}
