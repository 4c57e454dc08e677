/** What `<inbox-bell>` and `<inbox-feed>` share: attributes, properties, a session, events, and the view once it is needed. */

import { SESSION, VIEW, localeOf, reflect, upgrade, words } from "./attributes.js";
import { make } from "./dom.js";
import { loadStrings, translator } from "./locale.js";
import { plainBody } from "./plain-body.js";
import { IDLE, InboxSession } from "./session.js";
import { theme } from "./theme.js";

const MINUTE_MS = 60_000;
/** @typedef {import("../client/index.js").Notification} Notification */
/** @typedef {{label: string, tags?: readonly string[], severity?: string | readonly string[], data?: object}} Tab */

export class InboxElement extends HTMLElement {
  static observedAttributes = [...SESSION, ...VIEW];
  /** Where the script came from, which a bundle's modules do not know. */
  static service = document.baseURI;
  /** @type {InboxSession | null} */
  session = null;
  /** @type {import("./view.js").View | null} loaded when it is first shown */
  view = null;
  /** @type {AbortController} */
  listening = new AbortController();
  root;
  t = translator(undefined);
  pageSize = 20;
  /** @type {import("../client/index.js").InboxOptions["token"]} */
  #token = undefined;
  /** @type {import("./locale.js").Strings | undefined} */
  #strings = undefined;
  /** @type {import("./row.js").RenderItem | undefined} */
  #renderItem = undefined;
  /** @type {Promise<import("./view.js").View> | null} */
  #loading = null;
  /** @type {import("./alerts.js").Alerts | null} */
  #alerts = null;
  #counted = JSON.stringify(IDLE.counts);
  #announcer = make("p", { class: "aloud", "aria-live": "polite" });
  #frame = 0;
  #isChanged = false;
  #isLive = false;
  /** Whether the code that draws the list could not be loaded. */
  isUnloaded = false;
  /** What could not be loaded. @type {Set<() => void>} */
  #unloaded = new Set();
  #said = "";
  /** @type {Promise<import("./locale.js").Strings> | null} the words that were asked for last */
  #speaking = null;

  constructor() {
    super();
    this.root = this.attachShadow({ mode: "open" });
    this.root.adoptedStyleSheets = [theme];
    this.root.append(this.#announcer);
  }

  connectedCallback() {
    upgrade(this);
    this.listening = new AbortController();
    const { signal } = this.listening;
    document.addEventListener("visibilitychange", () => this.view?.checkSeen(), { signal });
    addEventListener("pagehide", () => this.view?.changes.flush(), { signal });
    const clock = setInterval(() => this.view?.tick(), MINUTE_MS);
    signal.addEventListener("abort", () => clearInterval(clock));
    this.#speak();
    this.#restart();
  }

  disconnectedCallback() {
    this.listening.abort();
    this.#end();
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (!this.isConnected) return;
    if (SESSION.includes(name)) return this.#restartSoon();
    if (name === "locale") this.#speak();
    if (name === "alerts") this.#alert();
    this.view?.arrange();
    this.draw();
  }

  /** The client of this element, for all that the element itself does not do. */
  get inbox() {
    return this.session?.inbox ?? null;
  }

  /** What is drawn. @returns {import("./session.js").State} */
  get state() {
    return this.session?.state ?? IDLE;
  }

  get locale() {
    return localeOf(this);
  }

  set locale(locale) {
    this.setAttribute("locale", locale ?? "");
  }

  /** Read the list again. */
  refresh() {
    this.session?.sync();
  }

  /** A session token, or a function that gets one. */
  get token() {
    return this.#token;
  }

  set token(token) {
    this.#token = token;
    if (this.isConnected) this.#restartSoon();
  }

  /** The page's own words, in place of those of the language. */
  get strings() {
    return this.#strings;
  }

  set strings(strings) {
    this.#strings = strings ?? undefined;
    if (this.isConnected) this.#speak();
  }

  /** Makes what a notification shows. */
  get renderItem() {
    return this.#renderItem;
  }

  set renderItem(render) {
    this.#renderItem = render ?? undefined;
    this.#remake();
  }

  /** What the attribute holds as JSON. @param {string} name @returns {any} */
  parsed(name) {
    const text = this.getAttribute(name);
    if (!text) return undefined;
    try {
      return JSON.parse(text);
    } catch {
      this.fail({ operation: "attribute", message: `${name} is no JSON`, isFinal: true });
      return undefined;
    }
  }

  /** Load the view, which is not needed before something is shown. @returns {Promise<import("./view.js").View>} */
  loadView() {
    if (this.#loading) return this.#loading;
    this.#loading = this.makeView().then((view) => {
      this.view = view;
      this.isUnloaded = false;
      view.arrange();
      return view;
    });
    this.#loading.catch((error) => {
      this.#loading = null; // the next one tries again
      this.isUnloaded = true;
      this.#unloaded.add(this.#loadViewAgain);
      this.#failLoad(error);
      this.draw();
    });
    return this.#loading;
  }

  /** @param {Error} error */
  #failLoad({ message }) {
    this.fail({ operation: "load", message, isFinal: false });
  }

  #loadViewAgain() {
    this.loadView().catch(() => {}); // the page is told
  }

  /** Load what could not be loaded before: the list is wanted, or there is a new connection. */
  loadAgain() {
    const loads = [...this.#unloaded];
    this.#unloaded.clear();
    for (const load of loads) load.call(this);
  }

  /** @returns {Promise<import("./view.js").View>} */
  async makeView() {
    const { View } = await import("./view.js");
    return new View(this);
  }

  /** Draw once for all changes before the next frame. */
  draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.render();
    });
  }

  render() {
    this.view?.render(this.state);
  }

  /**
   * Tell the page.
   * @param {string} name @param {object} [detail] @returns {boolean} false when the page prevented what follows
   */
  dispatch(name, detail) {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
  }

  /** Tell the developer of the page; the person reads plain words. @param {import("./session.js").Failure} failure */
  fail(failure) {
    if (!this.dispatch("inbox-error", failure)) return;
    const { operation, status, message, isFinal } = failure;
    const text = `${this.localName}: ${operation} failed${status ? ` (${status})` : ""}: ${message}`;
    console[isFinal ? "error" : "warn"](text);
  }

  /** Write in the language of the page: English until another one is loaded. */
  async #speak() {
    if (!this.view) this.#say({});
    const loading = (this.#speaking = loadStrings(this.locale));
    const isLast = () => loading === this.#speaking;
    const shipped = await loading.catch((error) => {
      if (!isLast()) return {};
      this.#unloaded.add(this.#speak);
      this.#failLoad(error);
      return {};
    });
    if (isLast()) this.#say(shipped);
  }

  /** @param {import("./locale.js").Strings} shipped */
  #say(shipped) {
    const { locale, strings } = this;
    const said = JSON.stringify([locale, strings, shipped]);
    if (said === this.#said) return; // focus, menus and an undo stay
    this.#said = said;
    this.t = translator(locale, strings, shipped);
    this.#remake();
    this.draw();
  }

  /** Make the view anew, in another language or with other items. */
  #remake() {
    const { view } = this;
    if (!view) return;
    const { tab, filter, isShown, hasFocus, focused, page } = view;
    this.dropView(view);
    this.view = this.#loading = null;
    this.loadView().then(
      (next) => {
        Object.assign(next, { tab, filter });
        next.arrange({ isShown });
        if (page) next.showPage(page, false);
        this.render();
        if (hasFocus) next.focus(focused);
      },
      () => {}, // the page was told
    );
  }

  /** @param {import("./view.js").View} view */
  dropView(view) {
    view.stop();
  }

  /** Several attributes set in a row make one new session. */
  #restartSoon() {
    this.#isChanged = true;
    queueMicrotask(() => this.#isChanged && this.isConnected && this.#restart());
  }

  #end() {
    this.view?.changes.flush();
    this.session?.stop();
    this.session = null;
    this.#alerts?.stop();
    this.#alerts = null;
  }

  #restart() {
    this.#isChanged = false; // also of the attributes that the element had before it was connected
    this.#end();
    const applicationIdentifier = this.getAttribute("application-identifier") ?? "";
    const subscriberId = this.getAttribute("subscriber") ?? "";
    const { token } = this;
    if (token || (applicationIdentifier && subscriberId)) {
      const config = {
        baseUrl: this.#baseUrl,
        pageSize: this.pageSize,
        token,
        applicationIdentifier,
        subscriberId,
        subscriberHash: this.getAttribute("subscriber-hash") ?? undefined,
        context: this.parsed("context"),
        contextHash: this.getAttribute("context-hash") ?? undefined,
      };
      this.session = new InboxSession(config, {
        onChange: () => this.#changed(),
        onReceived: (notification) => this.#receive(notification),
        onFailure: (failure) => this.fail(failure),
      });
      this.session.start();
    }
    this.#alert();
    this.view?.arrange();
    this.#changed();
  }

  get #baseUrl() {
    const url = this.getAttribute("base-url") ?? InboxElement.service;
    if (URL.canParse(url, document.baseURI)) return new URL(url, document.baseURI).href;
    this.fail({ operation: "attribute", message: "base-url is no URL", isFinal: true });
    return InboxElement.service;
  }

  #changed() {
    const { counts, status } = this.state;
    const wasLive = this.#isLive;
    this.#isLive = status === "live";
    if (this.#isLive && !wasLive) this.loadAgain();
    const counted = JSON.stringify(counts);
    if (counted !== this.#counted) {
      this.#counted = counted;
      this.#alerts?.count(counts.unread);
      this.dispatch("inbox-count", counts);
    }
    this.draw();
  }

  /** @param {Notification} notification */
  async #receive(notification) {
    if (!this.dispatch("inbox-notification", { notification })) return;
    this.#alerts?.received(notification);
    this.announce(this.t("bell.received", { text: notification.subject ?? (await plainBody(notification)) }));
  }

  /** Say something to a screen reader. @param {string} text */
  announce(text) {
    this.#announcer.textContent = text;
  }

  async #alert() {
    this.#alerts?.stop();
    this.#alerts = null;
    const { session } = this;
    const named = this.getAttribute("alerts");
    if (!words(named).length || !session) return;
    const module = await import("./alerts.js").catch((error) => {
      this.#unloaded.add(this.#alert);
      this.#failLoad(error);
    });
    if (!module || session !== this.session || named !== this.getAttribute("alerts") || this.#alerts) return; // it changed meanwhile
    const wanted = Object.fromEntries(words(named).map((name) => [name, true]));
    this.#alerts = new module.Alerts({ ...wanted, t: (key) => this.t(key) });
    this.#alerts.count(this.state.counts.unread);
  }
}

reflect(InboxElement.prototype);
