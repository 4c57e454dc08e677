/** Alerts outside of the widget that a page has asked for, such as the count in the page's title. */

/**
 * @typedef {object} AlertOptions
 * @property {boolean | string} [sound] of a new notification; a string is the address of one
 * @property {boolean} [desktop] a notification of the system
 * @property {boolean} [title] the count before the title of the page
 * @property {boolean} [favicon] a mark on the icon of the page
 * @property {import("./locale.js").Translate} t
 */

export class Alerts {
  #options;
  #prefix = "";

  /** @param {AlertOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** @param {number} unread */
  count(unread) {
    if (!this.#options.title) return;
    const title = document.title.startsWith(this.#prefix) ? document.title.slice(this.#prefix.length) : document.title;
    this.#prefix = unread ? `(${unread}) ` : "";
    document.title = this.#prefix + title;
  }

  /** @param {import("../client/index.js").Notification} notification that has just arrived */
  received(notification) {
    void notification;
  }

  /** Leave the page as it was. */
  stop() {
    this.count(0);
  }
}
