/** The list with its head and its states in a shadow root: draws a state, reports what is pressed and what is seen. */

import { words } from "./attributes.js";
import { Changes } from "./changes.js";
import { button, iconButton, make, show } from "./dom.js";
import { FILTERS, Header, filterOf } from "./header.js";
import { CLOSE } from "./icons.js";
import { listKeys, press } from "./keys.js";
import { directionOf, learnEnglish } from "./locale.js";
import { strings as english } from "./locales/en.js";
import { Menu } from "./menu.js";
import { PreferencesView } from "./preferences.js";
import { actionsOf, appearance, makeRow, tell } from "./row.js";
import { SeenTracker } from "./seen.js";
import { openSnooze } from "./snooze.js";
import { States } from "./states.js";
import { sheet } from "./style.js";
import { theme } from "./theme.js";
import { VirtualList } from "./virtual-list.js";

export { bodyText } from "./body.js"; // so that one request loads all that a closed bell may need
export { Panel } from "./panel.js";

learnEnglish(english);

const AT_TOP = 40; // px
const NEAR_END = 800; // px

/** @typedef {import("../client/index.js").Notification} Notification */
/** @typedef {import("./session.js").State} State */
/** @typedef {import("./row.js").ItemAction} ItemAction */
/** @typedef {{id: string, place: number, name: string | undefined}} Focused */
/** @typedef {"keys" | "preferences"} PageName */
/** @typedef {{element: HTMLElement, back: HTMLElement, stop?: () => void}} Page `back`: the control that leaves it */

export class View {
  /** @type {readonly import("./element.js").Tab[]} */
  tabs = [];
  /** @type {string | null} the attribute that they were read from */
  #told = null;
  tab = 0;
  filter = "all";
  filters = Object.keys(FILTERS);
  isShown = false;
  #newest = 0; // sequence of the newest that was at the top of the view
  /** @type {State} */
  #state;
  /** @type {(Page & {name: PageName, leave: () => void}) | null} what is shown in place of the list */
  #page = null;
  /** @type {import("./session.js").InboxSession | null} */
  #session = null;

  /** @param {import("./element.js").InboxElement} host @param {() => void} [close] of what opens and closes */
  constructor(host, close) {
    this.host = host;
    this.close = close;
    this.#state = host.state;
    host.root.adoptedStyleSheets = [theme, sheet];
    const onkeydown = (/** @type {KeyboardEvent} */ event) => this.#page || press(event, this);
    this.element = make("section", { class: "view", "aria-labelledby": "title", onkeydown });
    this.changes = new Changes(host, () => host.draw());
    const { t } = host;
    this.t = t;
    this.header = new Header(this);
    this.states = new States(t, () => host.refresh());
    this.list = make("ul", { class: "list", part: "list", role: "list" });
    this.more = button("more", () => host.session?.loadMore(), {}, t("list.more"));
    this.states.hint.append(make("slot", { name: "empty" }));
    this.scroller = make("div", { class: "scroller", id: "content", tabindex: "-1" });
    this.scroller.append(this.list, this.states.skeleton, this.states.hint, this.more);
    this.news = button("news", () => this.#toTop(), { part: "news", hidden: "" });
    this.undo = button("undo", () => this.changes.undo(), { "aria-keyshortcuts": "z" }, t("item.undo"));
    this.undoText = make("span", {});
    const [hold, release] = [true, false].map((isHeld) => () => this.changes.hold(isHeld));
    const holding = { onpointerenter: hold, onfocusin: hold, onpointerleave: release, onfocusout: release };
    this.toast = make("div", { class: "toast", part: "toast", role: "status", ...holding }, this.undoText, this.undo);
    const { status, problem } = this.states;
    const body = make("div", { class: "body-area" }, this.news, this.scroller, this.toast);
    this.main = make("div", { class: "main" }, this.header.element, status, problem, body, make("slot", { name: "footer" }));
    this.element.append(this.main);
    this.menu = new Menu(this.element, (control) => this.#controlLike(control));
    this.seen = new SeenTracker(this.scroller, (ids) => this.host.session?.reportSeen(ids));
    this.rows = new VirtualList({
      scroller: this.scroller,
      list: this.list,
      makeRow: (item, known) => this.#makeRow(item, known),
      onAdded: (row, id) => this.seen.observe(row, id),
      onRemoved: (row) => this.seen.forget(row),
      onScroll: () => this.#scrolled(),
    });
    host.root.append(this.element);
  }

  /** Follow the attributes, the session, and whether the list is shown. */
  arrange({ isShown = this.isShown } = {}) {
    const { host } = this;
    this.#readTabs();
    const named = host.getAttribute("filters");
    this.filters = named === null ? Object.keys(FILTERS) : words(named).filter((name) => name in FILTERS);
    if (!this.filters.includes(this.filter)) this.filter = this.filters[0] ?? "all";
    if (this.tab >= this.tabs.length) this.tab = 0;
    if (isShown && !this.isShown) host.session?.opened();
    if (host.session !== this.#session) {
      this.changes.forget();
      this.leave(); // the preferences of somebody else
    }
    this.#session = host.session;
    this.isShown = isShown;
    this.header.follow(this.tabs, isShown);
    this.element.dir = host.hasAttribute("locale") ? directionOf(host.locale) : "";
    if (this.tabs.length) this.scroller.setAttribute("role", "tabpanel");
    else this.scroller.removeAttribute("role");
    this.choose({});
  }

  #readTabs() {
    const { host } = this;
    const told = host.getAttribute("tabs");
    if (told === this.#told) return;
    this.#told = told;
    const tabs = host.parsed("tabs") ?? [];
    const isList = Array.isArray(tabs) && tabs.every((tab) => tab?.label !== undefined);
    if (!isList) host.fail({ operation: "attribute", message: "tabs is no list of objects with a label", isFinal: true });
    this.tabs = isList ? tabs : [];
  }

  /** Show another tab or filter. @param {{tab?: number, filter?: string}} choice */
  choose({ tab = this.tab, filter = this.filter }) {
    const isSame = tab === this.tab && filter === this.filter;
    Object.assign(this, { tab, filter });
    if (this.tabs.length) this.scroller.setAttribute("aria-labelledby", `tab-${tab}`);
    if (!isSame) this.#toTop();
    this.host.session?.show({ ...FILTERS[filter], ...filterOf(this.tabs[tab]) });
    this.host.draw();
  }

  /** @param {State} state */
  render(state) {
    this.#state = state;
    const { undoable } = this.changes;
    this.toast.hidden = !undoable;
    show(this.undoText, undoable?.text ?? "");
    this.element.ariaBusy = String(state.busy);
    this.header.render(state);
    this.states.render(state, this.filter);
    if (this.isShown) this.#renderRows(state);
    this.more.hidden = !state.hasMore || !state.items.length || state.error === "load";
    this.more.textContent = this.t(state.busy ? "list.loading" : "list.more");
    this.#scrolled();
  }

  /** @param {State} state */
  #renderRows({ status, items, hasMore }) {
    const shown = status === "idle" ? [] : items;
    this.list.hidden = !shown.length;
    const focused = this.focused;
    this.rows.render(shown, hasMore ? -1 : shown.length);
    this.#restore(focused);
    const failed = this.host.session?.failed;
    for (const { item, row } of this.rows.rows) row.classList.toggle("failed", Boolean(failed?.has(item.id)));
    this.seen.check();
  }

  /** Let dates grow older. */
  tick() {
    for (const { row } of this.rows.rows) tell(row, this.t, this.host.locale);
  }

  /** Report again what stands in view, as after coming back to the page. */
  checkSeen() {
    this.seen.check();
  }

  /** The notification whose row has the focus, and what of it. @returns {import("./keys.js").Current | undefined} */
  get current() {
    const control = this.host.root.activeElement;
    const id = idOf(control);
    const item = this.#state.items.find((one) => one.id === id);
    return item && control instanceof HTMLElement ? { item, control } : undefined;
  }

  /** Move the focus to the next row, or the one before. @param {number} step */
  move(step) {
    const { current, rows } = this;
    const from = current ? rows.placeOf(current.item.id) : rows.firstShown - (step > 0 ? 1 : 0);
    const place = Math.min(Math.max(from + step, 0), this.#state.items.length - 1);
    focusOn(rows.reveal(place)?.querySelector(".text"));
  }

  /** @param {import("./changes.js").BulkAction} action */
  all(action) {
    return this.changes.all(action, filterOf(this.tabs[this.tab]));
  }

  /** @param {Notification} item @param {ItemAction} action @param {HTMLElement} control where a menu opens */
  change(item, action, control) {
    if (action !== "snooze") return this.changes.change(item, action);
    openSnooze(this.menu, control, this.t, this.host.locale, (until) => this.changes.change(item, action, until));
  }

  /** The page that is shown in place of the list. */
  get page() {
    return this.#page?.name;
  }

  /** Show a page in place of the list. @param {PageName} name @param {boolean} [takesFocus] */
  showPage(name, takesFocus = true) {
    if (this.#page) return;
    const { inbox } = this.host;
    const close = () => this.leave();
    const page = name === "keys" ? this.#makeKeys(close) : inbox && new PreferencesView({ inbox, t: this.t, close });
    if (!page) return;
    const [control, focused] = [this.host.root.activeElement, this.focused];
    const { scrollTop } = this.scroller;
    this.main.hidden = true;
    this.element.insertBefore(page.element, this.main);
    const leave = () => {
      page.element.remove();
      this.main.hidden = false;
      this.scroller.scrollTop = scrollTop; // what is hidden forgets it
      if (focused) this.#restore(focused);
      else focusOn(control);
    };
    this.#page = { element: page.element, back: page.back, stop: () => page.stop?.(), name, leave };
    if (takesFocus) page.back.focus();
  }

  /** Go back from preferences or the keys. @returns {boolean} whether there was something to leave */
  leave() {
    const page = this.#page;
    this.#page = null;
    page?.stop?.();
    page?.leave();
    return page !== null;
  }

  /** End what the view follows: another one takes its place. */
  stop() {
    this.changes.flush();
    this.#page?.stop?.();
    this.header.stop();
    this.element.remove();
  }

  /** @param {() => void} close @returns {Page} */
  #makeKeys(close) {
    const title = this.t("keys.title");
    const back = iconButton("close-page", this.t("bell.close"), CLOSE, close);
    const head = make("div", { class: "head" }, make("h2", {}, title), back);
    return { element: make("div", { class: "page", role: "group", "aria-label": title }, head, listKeys(this.t)), back };
  }

  #toTop() {
    this.scroller.scrollTop = 0;
    this.#newest = 0;
    this.#scrolled();
  }

  /** Load what comes next, and say what came above. */
  #scrolled() {
    const { items, hasMore, busy, error } = this.#state;
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    if (!this.isShown || !clientHeight) return;
    if (scrollTop < AT_TOP) this.#newest = items[0]?.sequence ?? 0;
    const place = items.findIndex(({ sequence }) => sequence <= this.#newest);
    show(this.news, place > 0 ? `↑ ${this.t("list.news", { count: place })}` : "");
    if (hasMore && !busy && error !== "load" && scrollHeight - scrollTop - clientHeight < NEAR_END) this.host.session?.loadMore();
  }

  /** @param {Notification} item @param {import("./virtual-list.js").Known} [known] */
  #makeRow(item, known) {
    if (known && appearance(known.item) === appearance(item)) return known.row;
    const { t, changes } = this;
    return makeRow(item, {
      t,
      locale: this.host.locale,
      renderItem: (one, h) => this.#renderOwn(one, h),
      open: (one, event) => changes.open(one, event),
      act: (one, type, event) => changes.act(one, type, event),
      follow: (one, link, event) => changes.follow(one, link, event),
      revert: (one, type) => changes.revert(one, type),
      change: (one, action, control) => this.change(one, action, control),
      options: (one, control) => this.#openOptions(one, control),
    });
  }

  /** What the page makes of it; nothing where that fails, so that ours stands there. @type {import("./row.js").RenderItem} */
  #renderOwn(item, h) {
    try {
      return this.host.renderItem?.(item, h);
    } catch (error) {
      this.host.fail({ operation: "render", message: String(error), isFinal: false });
      return undefined;
    }
  }

  /** @param {Notification} item @param {HTMLElement} control */
  #openOptions(item, control) {
    const choices = actionsOf(item).map((action) => ({
      label: this.t(`item.${action}`),
      run: () => void this.change(item, action, control),
    }));
    this.menu.toggle(control, this.t("item.options"), choices);
  }

  /** The control that has taken the place of one whose row was made anew. @param {HTMLElement} control */
  #controlLike(control) {
    const row = this.rows.rowOf(idOf(control) ?? "");
    return row?.querySelector(`[data-control="${control.dataset.control}"]`) ?? this.scroller;
  }

  get hasFocus() {
    return this.element.contains(this.host.root.activeElement);
  }

  /** Give it the focus. @param {Focused} [focused] what has had it, of a view before this one */
  focus(focused) {
    if (this.#page) this.#page.back.focus();
    else if (focused) this.#restore(focused);
    else focusOn(this.element.hasAttribute("tabindex") ? this.element : this.scroller);
  }

  /** What has the focus: which control of which row. @returns {Focused | undefined} */
  get focused() {
    const control = this.host.root.activeElement;
    const id = idOf(control);
    return id && control instanceof HTMLElement ? { id, place: this.rows.placeOf(id), name: control.dataset.control } : undefined;
  }

  /** Keep the focus on the same control, or on the row that took the place. @param {Focused | undefined} focused */
  #restore(focused) {
    if (!focused) return;
    const row = this.rows.rowOf(focused.id);
    if (row?.contains(this.host.root.activeElement)) return;
    const { items } = this.#state;
    const next = row ?? this.rows.reveal(Math.min(Math.max(focused.place, 0), items.length - 1));
    focusOn(next?.querySelector(`[data-control="${row ? focused.name : "open"}"]`) ?? next?.querySelector(".text") ?? this.scroller);
  }
}

/** Of which notification it is a part. @param {Element | null} control */
function idOf(control) {
  return /** @type {HTMLElement | null | undefined} */ (control?.closest(".item[data-id]"))?.dataset.id;
}

/** @param {unknown} element */
function focusOn(element) {
  if (element instanceof HTMLElement) element.focus({ preventScroll: true });
}
