/**
 * `<inbox-bell application-identifier subscriber subscriber-hash base-url>`: a bell with a live list of notifications.
 *
 * One script tag embeds it: `<script type="module" src="…/static/inbox.js"></script>`; `base-url` is the service this
 * file came from unless given. It dispatches `inbox-notification` when a notification arrives, `inbox-action` when one
 * is pressed, and `inbox-error` when something fails. docs/widget.md describes all of it.
 */

import { InboxSession } from "./widget/session.js";
import { View } from "./widget/view.js";

const MINUTE_MS = 60_000;
/** @type {import("./widget/session.js").State} */
const IDLE = {
  status: "idle",
  error: null,
  items: [],
  unread: 0,
  loaded: false,
  busy: false,
  hasMore: false,
};

export class InboxBell extends HTMLElement {
  static observedAttributes = ["application-identifier", "subscriber", "subscriber-hash", "base-url", "open"];
  /** @type {InboxSession | null} */
  #session = null;
  #frame = 0;
  #changed = false;
  #listening = new AbortController();
  #view;

  constructor() {
    super();
    this.#view = new View(this.attachShadow({ mode: "open" }), {
      toggle: () => (this.open ? this.hide() : this.show()),
      markAllRead: () => this.#session?.markAllRead(),
      more: () => this.#session?.loadMore(),
      retry: () => this.#session?.sync(),
      toggleRead: (item) => this.#session?.change(item.id, item.isRead ? "unread" : "read"),
      open: (item, event) => this.#openItem(item, event),
      act: (item, type, event) => this.#act(item, type, event),
      undo: (item, type) => this.#session?.change(item.id, "revert", type),
      seen: (ids) => this.#session?.reportSeen(ids),
    });
  }

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    document.addEventListener("visibilitychange", () => this.#view.checkSeen(), { signal });
    document.addEventListener("pointerdown", (event) => event.composedPath().includes(this) || this.hide(), { signal });
    this.addEventListener("keydown", (event) => event.key === "Escape" && this.#escape(event), { signal });
    const clock = setInterval(() => this.open && this.#draw(), MINUTE_MS); // relative dates grow older
    signal.addEventListener("abort", () => clearInterval(clock));
    this.#restart();
  }

  disconnectedCallback() {
    this.#listening.abort();
    this.#session?.stop();
    this.#session = null;
    this.#view.close();
  }

  /** @param {string} name @param {string | null} before */
  attributeChangedCallback(name, before) {
    if (!this.isConnected) return;
    if (name === "open") {
      if (before === null) this.#session?.opened();
      return this.#draw();
    }
    if (this.#changed) return;
    this.#changed = true; // several attributes set in a row make one new session
    queueMicrotask(() => {
      this.#changed = false;
      if (this.isConnected) this.#restart();
    });
  }

  /** Whether the panel is open; also the attribute `open`. */
  get open() {
    return this.hasAttribute("open");
  }

  set open(open) {
    this.toggleAttribute("open", open); // Vue and React 19 assign what they find as a property
  }

  show() {
    this.setAttribute("open", "");
    const { status, loaded, busy } = this.#session?.state ?? IDLE;
    if (!busy && (status !== "live" || !loaded)) this.#session?.sync(); // no event keeps it true meanwhile
    this.#view.open();
  }

  hide() {
    this.removeAttribute("open");
  }

  #restart() {
    this.#session?.stop();
    this.#session = null;
    const applicationIdentifier = this.getAttribute("application-identifier");
    const subscriberId = this.getAttribute("subscriber");
    if (applicationIdentifier && subscriberId) {
      const subscriberHash = this.getAttribute("subscriber-hash") ?? undefined;
      const config = { applicationIdentifier, subscriberId, subscriberHash, baseUrl: this.#baseUrl };
      this.#session = new InboxSession(config, {
        onChange: () => this.#draw(),
        onReceived: (notification) => this.#receive(notification),
        onFailure: (failure) => this.#fail(failure),
      });
      this.#session.start();
    }
    this.#draw();
  }

  get #baseUrl() {
    return new URL(this.getAttribute("base-url") ?? new URL("..", import.meta.url), document.baseURI).href;
  }

  /** Draws once for all changes before the next frame. */
  #draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#view.render(this.#session?.state ?? IDLE, this.open, this.#locale);
    });
  }

  get #locale() {
    const lang = this.closest("[lang]")?.getAttribute("lang") || navigator.language;
    try {
      return Intl.getCanonicalLocales(lang)[0];
    } catch {
      return undefined;
    }
  }

  /** @param {KeyboardEvent} event */
  #escape(event) {
    if (!this.open) return;
    event.stopPropagation();
    this.hide();
    this.#view.bell.focus();
  }

  /** @param {import("./client/index.js").Notification} notification */
  #receive(notification) {
    this.#view.announce(`New notification: ${notification.subject ?? notification.body}`);
    this.#dispatch("inbox-notification", { notification });
  }

  /** Tell the developer of the page; the person reads plain words. @param {import("./widget/session.js").Failure} failure */
  #fail(failure) {
    if (!this.#dispatch("inbox-error", failure)) return;
    const { operation, status, message, isFinal } = failure;
    console[isFinal ? "error" : "warn"](`inbox-bell: ${operation} failed${status ? ` (${status})` : ""}: ${message}`);
  }

  /** @param {import("./client/index.js").Notification} item @param {Event} event */
  #openItem(item, event) {
    this.#offer(item, "open", event);
    if (!item.isRead) this.#session?.change(item.id, "read");
  }

  /** @param {import("./client/index.js").Notification} item @param {"primary" | "secondary"} type @param {Event} event */
  #act(item, type, event) {
    const done = item[`${type}Action`]?.isCompleted;
    if (done && event.currentTarget instanceof HTMLButtonElement) return;
    this.#offer(item, type, event);
    if (!done) this.#session?.change(item.id, "act", type);
  }

  /**
   * Lets the page take over.
   * @param {import("./client/index.js").Notification} notification @param {string} action @param {Event} event
   */
  #offer(notification, action, event) {
    if (!this.#dispatch("inbox-action", { notification, action })) event.preventDefault();
  }

  /** @param {string} name @param {object} detail @returns {boolean} false when the page prevented what follows */
  #dispatch(name, detail) {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
  }
}

if (!customElements.get("inbox-bell")) customElements.define("inbox-bell", InboxBell);
