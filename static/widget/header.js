/** The head of the list: its title, the filter, what is done to all of it, and the tabs with their counts. */

import { button, icon, iconButton, make, shortCount, show } from "./dom.js";
import { CLOSE, DOWN, GEAR, OPTIONS, READ_ALL } from "./icons.js";
import { OPENS_MENU } from "./menu.js";
import { INBOX } from "./session.js";

/** @typedef {import("../client/index.js").Filter} Filter */
/** @typedef {import("./element.js").Tab} Tab */

/** @type {Record<string, Filter>} */
export const FILTERS = {
  all: INBOX,
  unread: { ...INBOX, read: false },
  archived: { archived: true },
  snoozed: { snoozed: true },
};

export class Header {
  /** @type {{tab: HTMLElement, count: HTMLElement, unread: import("../client/index.js").FilterCount}[]} */
  #tabs = [];
  /** @type {(() => void)[]} */
  #ends = [];
  #view;

  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.#view = view;
    const { t } = view;
    this.title = make("h2", { id: "title", title: t("bell.title") }, t("bell.title"));
    this.filter = button("filter", () => this.#chooseFilter(), OPENS_MENU);
    const readAll = () => this.markAll.ariaDisabled === "true" || view.all("readAll");
    this.markAll = iconButton("mark-all", t("list.readAll"), READ_ALL, readAll, { "aria-keyshortcuts": "Shift+I" });
    this.options = iconButton("more-actions", t("list.options"), OPTIONS, () => this.#openOptions(), OPENS_MENU);
    this.gear = iconButton("gear", t("list.preferences"), GEAR, () => view.showPage("preferences"));
    const close = view.close && iconButton("close", t("bell.close"), CLOSE, view.close);
    const title = make("slot", { name: "header" }, this.title);
    const tools = make("div", { class: "head-tools" }, this.markAll, this.options, this.gear, ...(close ? [close] : []));
    const move = (/** @type {KeyboardEvent} */ event) => this.#moveTab(event);
    this.tabs = make("div", { class: "tabs", part: "tabs", role: "tablist", "aria-labelledby": "title", onkeydown: move });
    this.element = make("header", { part: "header" }, make("div", { class: "head" }, title, this.filter, tools), this.tabs);
  }

  /** @param {import("./session.js").State} state */
  render({ counts, items }) {
    const { t, filter, filters, tab } = this.#view;
    this.filter.hidden = filters.length < 2;
    this.filter.replaceChildren(t(`filter.${filter}`), icon(DOWN));
    this.filter.ariaLabel = `${t("filter.title")}: ${t(`filter.${filter}`)}`;
    const hasUnread = counts.unread > 0 || items.some(({ isRead }) => !isRead);
    this.markAll.ariaDisabled = String(!hasUnread); // not `disabled`: it would lose the focus
    this.#tabs.forEach(({ tab: element, count, unread }, n) => {
      element.ariaSelected = String(n === tab);
      element.tabIndex = n === tab ? 0 : -1;
      show(count, shortCount(unread.getSnapshot() ?? 0));
    });
  }

  /** Make the tabs, and follow their counts while they are shown. @param {readonly Tab[]} tabs @param {boolean} isShown */
  follow(tabs, isShown) {
    this.stop();
    const { inbox } = this.#view.host;
    this.tabs.hidden = !tabs.length;
    this.#tabs = tabs.map((tab, n) => {
      const count = make("span", { class: "tab-count" });
      const attributes = { part: "tab", role: "tab", id: `tab-${n}`, "aria-controls": "content" };
      const element = button("tab", () => this.#view.choose({ tab: n }), attributes, tab.label, count);
      const unread = inbox?.count({ ...filterOf(tab), ...INBOX, read: false }) ?? NO_COUNT;
      if (isShown) this.#ends.push(unread.subscribe(() => this.#view.host.draw()));
      return { tab: element, count, unread };
    });
    this.tabs.replaceChildren(...this.#tabs.map(({ tab }) => tab));
  }

  /** Follow no counts any more. */
  stop() {
    this.#ends.splice(0).forEach((end) => end());
  }

  #chooseFilter() {
    const { t, menu, filters, filter } = this.#view;
    const choices = filters.map((name) => ({
      label: t(`filter.${name}`),
      isChecked: name === filter,
      run: () => this.#view.choose({ filter: name }),
    }));
    menu.toggle(this.filter, t("filter.title"), choices);
  }

  #openOptions() {
    const { t, menu } = this.#view;
    const bulk = /** @type {const} */ (["readAll", "archiveRead", "archiveAll"]);
    const choices = bulk.map((name) => ({ label: t(`list.${name}`), run: () => void this.#view.all(name) }));
    menu.toggle(this.options, t("list.options"), [...choices, { label: t("keys.title"), hint: "?", run: () => this.#view.showPage("keys") }]);
  }

  /** @param {KeyboardEvent} event */
  #moveTab(event) {
    const isRtl = getComputedStyle(this.tabs).direction === "rtl";
    const step = { ArrowRight: isRtl ? -1 : 1, ArrowLeft: isRtl ? 1 : -1 }[event.key];
    if (!step) return;
    const next = (this.#view.tab + step + this.#tabs.length) % this.#tabs.length;
    this.#view.choose({ tab: next });
    this.#tabs[next].tab.focus();
    event.preventDefault();
  }
}

const NO_COUNT = { getSnapshot: () => undefined, subscribe: () => () => {} };

/** What a tab shows. @param {Tab | undefined} tab @returns {Filter} */
export function filterOf(tab) {
  const { tags, severity, data } = /** @type {any} */ (tab ?? {});
  return { ...(tags && { tags }), ...(severity && { severity }), ...(data && { data }) };
}
