/** What a person does to notifications: offered to the page first, shown at once, and taken back by one button. */

import { safeUrl } from "./dom.js";
import { INBOX } from "./session.js";

const UNDO_MS = 8_000;

/** @typedef {import("../client/index.js").Notification} Notification */
/** @typedef {import("../client/index.js").Filter} Filter */
/** @typedef {import("./row.js").ItemAction} ItemAction */
/** @typedef {import("./row.js").ActionType} ActionType */
/** @typedef {"readAll" | "archiveRead" | "archiveAll"} BulkAction */
/** @typedef {{text: string, run: () => unknown, end?: () => unknown}} Undo `end`: carries out what can then no longer be undone */

export class Changes {
  /** @type {Undo | null} */
  undoable = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #host;
  #draw;

  /** @param {import("./element.js").InboxElement} host @param {() => void} draw */
  constructor(host, draw) {
    this.#host = host;
    this.#draw = draw;
  }

  /** @param {Notification} item @param {Event} event */
  open(item, event) {
    if (!this.#offer("open", item)) return event.preventDefault();
    const isLink = event.target instanceof Element && event.target.closest("a"); // no harmful address is one
    if (isLink) this.follow(item, item.redirect, event);
    if (!item.isRead) this.#save((inbox) => inbox.read(item.id), item);
  }

  /** @param {Notification} item @param {ActionType} type @param {Event} event */
  act(item, type, event) {
    const action = item[`${type}Action`];
    const isLink = event.currentTarget instanceof HTMLAnchorElement;
    if (action?.isCompleted && !isLink) return;
    if (!this.#offer(type, item)) return event.preventDefault();
    if (isLink) this.follow(item, action?.redirect, event);
    if (!action?.isCompleted) this.#save((inbox) => inbox.act(item.id, type), item);
  }

  /**
   * Let the page take over a link, unless the person wants it in another tab or window, or saved.
   * @param {Notification} notification @param {import("../client/index.js").Link | undefined} link @param {Event} event
   */
  follow(notification, link, event) {
    const url = safeUrl(link?.url);
    if (!url || (event instanceof MouseEvent && (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey))) return;
    if (!this.#host.dispatch("inbox-navigate", { notification, ...link, url })) event.preventDefault();
  }

  /** @param {Notification} item @param {ActionType} type */
  revert(item, type) {
    if (this.#offer("revert", item)) this.#save((inbox) => inbox.revert(item.id, type), item);
  }

  /** @param {Notification} item @param {ItemAction} action @param {Date} [until] of a snooze */
  async change(item, action, until) {
    const { session, t } = this.#host;
    if (!session || !this.#offer(action, item)) return;
    this.flush();
    if (action === "delete") {
      const confirmed = new Promise((resolve) => {
        this.#offerUndo(t("undo.delete"), () => resolve(false), () => resolve(true));
      });
      return this.#save((inbox) => inbox.delete(item.id, confirmed), item);
    }
    const saved = this.#save((inbox) => (until ? inbox.snooze(item.id, until) : inbox[/** @type {"read"} */ (action)](item.id)), item);
    const undo = this.#undoOf(action, item);
    if (!undo) return saved;
    const offered = this.#offerUndo(t(`undo.${action}`), undo);
    if (!(await saved) && this.undoable === offered) this.forget(); // it was rolled back
  }

  /** @param {BulkAction} action @param {Filter} filter of the tab */
  all(action, filter) {
    const { session } = this.#host;
    if (!session || !this.#offer(action)) return;
    this.flush();
    const { severity, ...where } = filter;
    if (!severity) return session.change((inbox) => inbox[action](where));
    return session.change(async (inbox) => {
      const isRead = { readAll: false, archiveRead: true, archiveAll: undefined }[action];
      const list = inbox.list({ ...INBOX, ...filter, read: isRead, limit: 100 }); // a change of all knows no severity
      await list.refresh();
      while (list.getSnapshot().hasMore) await list.more();
      const ids = list.getSnapshot().items.map(({ id }) => id);
      await (action === "readAll" ? inbox.read(ids) : inbox.archive(ids));
    });
  }

  /** Take the last change back. */
  undo() {
    const { undoable } = this;
    this.forget();
    undoable?.run();
  }

  /** Carry out at once what waits for its undo. */
  flush() {
    const { undoable } = this;
    this.forget();
    undoable?.end?.();
  }

  /** Offer no undo any more. */
  forget() {
    clearTimeout(this.#timer);
    this.undoable = null;
    this.#draw();
  }

  /** Let the undo stand, or let its time run. @param {boolean} isHeld */
  hold(isHeld) {
    clearTimeout(this.#timer);
    if (this.undoable && !isHeld) this.#timer = setTimeout(() => this.flush(), UNDO_MS);
  }

  /** @param {string} text @param {() => unknown} run @param {() => unknown} [end] @returns {Undo} */
  #offerUndo(text, run, end) {
    const offered = { text, run, end };
    this.undoable = offered;
    this.hold(false);
    this.#draw();
    return offered;
  }

  /** @param {ItemAction} action @param {Notification} item */
  #undoOf(action, item) {
    const back = { archive: item.isRead ? "unarchive" : "unread", unarchive: "archive", snooze: "unsnooze" };
    if (action === "unsnooze" && item.snoozedUntil) {
      const until = item.snoozedUntil;
      return () => this.#save((inbox) => inbox.snooze(item.id, until), item);
    }
    const name = back[/** @type {"archive"} */ (action)];
    return name && (() => this.#save((inbox) => inbox[/** @type {"unread"} */ (name)](item.id), item));
  }

  /** @param {(inbox: import("../client/index.js").Inbox) => Promise<void>} run @param {Notification} item */
  async #save(run, { id }) {
    return (await this.#host.session?.change(run, [id])) ?? false;
  }

  /** Ask the page. @param {string} action @param {Notification} [notification] */
  #offer(action, notification) {
    return this.#host.dispatch("inbox-action", { action, notification });
  }
}
