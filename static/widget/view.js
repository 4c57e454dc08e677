/** The bell, its badge and its panel in a shadow root: draws a state, reports what is pressed and what is seen. */

import { icon, make, show } from "./dom.js";
import { Panel } from "./panel.js";
import { appearance, makeRow, makeTime, relativeTime } from "./row.js";
import { SeenTracker } from "./seen.js";
import { sheet } from "./style.js";

const BELL = "M6 16V10a6 6 0 0 1 12 0v6l2 2H4z M10 21h4 M12 4V2.5";

/** @typedef {import("../client/index.js").Notification} Notification */
/** @typedef {"primary" | "secondary"} ActionType */
/**
 * @typedef {object} Handlers
 * @property {() => void} toggle the bell was pressed
 * @property {() => void} markAllRead
 * @property {() => void} more older ones are wanted
 * @property {() => void} retry
 * @property {(item: Notification) => void} toggleRead
 * @property {(item: Notification, event: Event) => void} open the item was pressed; its link follows unless prevented
 * @property {(item: Notification, type: ActionType, event: Event) => void} act likewise for a button
 * @property {(item: Notification, type: ActionType) => void} undo
 * @property {(ids: string[]) => void} seen
 */

export class View {
  /** @type {Map<string, {key: string, row: HTMLElement}>} */
  #rows = new Map();
  #handlers;
  #root;
  #seen;
  #ends;
  #panel;

  /** @param {ShadowRoot} root @param {Handlers} handlers */
  constructor(root, handlers) {
    this.#root = root;
    this.#handlers = handlers;
    root.adoptedStyleSheets = [sheet];
    this.badge = make("span", { class: "badge", part: "badge", "aria-hidden": "true", hidden: "" });
    this.bell = make("button", { class: "bell", part: "bell", type: "button", "aria-haspopup": "dialog" });
    this.status = make("p", { class: "status", role: "status" });
    this.markAll = make("button", { class: "mark-all", type: "button" }, "Mark all read");
    this.problem = make("p", { class: "problem", role: "alert" });
    this.list = make("ul", { class: "list", part: "list", role: "list" });
    this.hint = make("p", { class: "hint" });
    this.more = make("button", { class: "more", type: "button" });
    this.scroller = make("div", { class: "scroller" }, this.list, this.hint, this.more);
    const head = make("div", { class: "head" }, make("h2", { id: "title" }, "Notifications"), this.markAll);
    const dialog = { id: "panel", role: "dialog", "aria-labelledby": "title", tabindex: "-1", hidden: "" };
    this.panel = make("section", { class: "panel", part: "panel", ...dialog }, head, this.status, this.problem);
    this.panel.append(this.scroller);
    this.#panel = new Panel(this.panel, this.bell);
    this.announcer = make("p", { class: "aloud", "aria-live": "polite" });
    this.bell.append(icon(BELL), this.badge);
    this.bell.setAttribute("aria-controls", "panel");
    root.append(this.bell, this.panel, this.announcer);
    this.#seen = new SeenTracker(this.scroller, handlers.seen);
    const nearby = { root: this.scroller, rootMargin: "200px" };
    this.#ends = new IntersectionObserver(([end]) => end.isIntersecting && handlers.more(), nearby);
    this.#listen();
  }

  /** @param {import("./session.js").State} state @param {boolean} open @param {string | undefined} locale */
  render(state, open, locale) {
    const { unread, status } = state;
    this.bell.dataset.status = status;
    this.bell.setAttribute("aria-expanded", String(open));
    this.bell.setAttribute("aria-label", unread ? `Notifications, ${shorten(unread)} unread` : "Notifications");
    show(this.badge, unread ? shorten(unread) : "");
    this.#panel.toggle(open);
    this.panel.setAttribute("aria-busy", String(state.busy));
    this.markAll.setAttribute("aria-disabled", String(!unread)); // not `disabled`: it would lose the focus
    show(this.status, statusText(state));
    show(this.problem, problemText(state));
    show(this.hint, hintText(state));
    if (!open) return;
    this.#renderRows(state.items, locale);
    this.#renderEnd(state);
  }

  /** Shows the panel at once and gives it the focus; `render` fills it. */
  open() {
    this.#panel.toggle(true);
    this.panel.focus();
  }

  /** Lets go of the page that the open panel follows. */
  close() {
    this.#panel.toggle(false);
  }

  /** Says it to a screen reader. @param {string} text */
  announce(text) {
    this.announcer.textContent = text;
  }

  /** Reports again what stands in view, as after coming back to the page. */
  checkSeen() {
    this.#seen.check();
  }

  #listen() {
    const { toggle, retry, more, markAllRead } = this.#handlers;
    this.bell.addEventListener("click", toggle);
    this.more.addEventListener("click", () => (this.more.dataset.retry ? retry() : more()));
    this.markAll.addEventListener("click", () => this.markAll.ariaDisabled === "true" || markAllRead());
  }

  /** @param {readonly Notification[]} items @param {string | undefined} locale */
  #renderRows(items, locale) {
    const ids = new Set(items.map(({ id }) => id));
    for (const id of this.#rows.keys()) if (!ids.has(id)) this.#dropRow(id); // first: a row that moves loses its focus
    const now = Date.now();
    items.forEach((item, index) => {
      const row = this.#row(item, relativeTime(item.createdAt, now, locale), locale);
      if (this.list.children[index] !== row) this.list.insertBefore(row, this.list.children[index] ?? null);
    });
    this.#seen.check();
  }

  /**
   * The row of an item: the one there is, unless what it shows has changed.
   * @param {Notification} item @param {string} when @param {string | undefined} locale
   */
  #row(item, when, locale) {
    const key = appearance(item, when);
    const known = this.#rows.get(item.id);
    if (known?.key === key) return known.row;
    const row = makeRow(item, makeTime(item.createdAt, when, locale), this.#handlers);
    this.#rows.set(item.id, { key, row });
    if (known) this.#exchange(known.row, row);
    this.#seen.observe(row, item.id);
    return row;
  }

  /**
   * Puts the new row where the old one stood; the focus stays on the same control, or on the one every row has.
   * @param {HTMLElement} old @param {HTMLElement} row
   */
  #exchange(old, row) {
    const focused = this.#root.activeElement;
    const name = old.contains(focused) && focused instanceof HTMLElement ? focused.dataset.control : undefined;
    this.#seen.forget(old);
    old.replaceWith(row);
    if (!name) return;
    const control = row.querySelector(`[data-control="${name}"]`) ?? row.querySelector(".toggle");
    if (control instanceof HTMLElement) control.focus();
  }

  /** @param {string} id */
  #dropRow(id) {
    const { row } = this.#rows.get(id) ?? {};
    this.#rows.delete(id);
    if (row) this.#seen.forget(row);
    row?.remove();
  }

  /** @param {import("./session.js").State} state */
  #renderEnd({ status, error, hasMore, busy }) {
    const retry = error === "load" && status !== "refused";
    this.more.dataset.retry = retry ? "yes" : "";
    show(this.more, retry ? "Try again" : hasMore ? (busy ? "Loading…" : "Load more") : "");
    this.#ends.disconnect(); // observing anew asks again whether the end is in view
    if (hasMore && !busy && !error) this.#ends.observe(this.more);
  }
}

/** @param {number} count */
function shorten(count) {
  return count > 99 ? "99+" : String(count);
}

/** @param {import("./session.js").State} state */
function statusText({ status }) {
  return status === "offline" ? "Connection lost. Reconnecting…" : "";
}

/** @param {import("./session.js").State} state */
function problemText({ status, error }) {
  if (status === "refused") return "Your notifications are not available. Please sign in again.";
  if (error === "load") return "Notifications could not be loaded.";
  return error === "change" ? "That change was not saved. Please try again." : "";
}

/** @param {import("./session.js").State} state */
function hintText({ status, items, loaded, hasMore, error }) {
  if (status === "refused" || items.length || error === "load") return "";
  if (status === "idle") return "Sign in to see your notifications.";
  return loaded && !hasMore ? "No notifications yet." : "Loading…";
}
