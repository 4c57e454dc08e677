/** What a notification says, as a node. */

/** @param {import("../client/index.js").Notification} notification @returns {Node} */
export function renderBody({ body }) {
  return document.createTextNode(body);
}
