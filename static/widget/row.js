/** One notification as a row of the list. */

import { bodyText, renderBody } from "./body.js";
import { button, icon, iconButton, make, safeUrl } from "./dom.js";
import { h } from "./factory.js";
import { ARCHIVE, CHECK, DELETE, OPTIONS, SNOOZE, UNARCHIVE } from "./icons.js";
import { OPENS_MENU } from "./menu.js";
import { fullDate, relativeTime, shortDate, timeUntil } from "./time.js";

const TARGETS = ["_self", "_blank", "_parent", "_top", "_unfencedTop"];
const ICONS = { archive: ARCHIVE, unarchive: UNARCHIVE, snooze: SNOOZE, unsnooze: SNOOZE, delete: DELETE };
const KEYS = { archive: "e", unarchive: "e", snooze: "h", unsnooze: "h", delete: "Delete" };

/** @typedef {import("../client/index.js").Notification} Notification */
/** @typedef {"primary" | "secondary"} ActionType */
/** @typedef {"read" | "unread" | "archive" | "unarchive" | "snooze" | "unsnooze" | "delete"} ItemAction */
/** @typedef {(notification: Notification, make: typeof h) => Node | null | undefined} RenderItem */
/**
 * @typedef {object} RowContext
 * @property {import("./locale.js").Translate} t
 * @property {string | undefined} locale
 * @property {RenderItem} [renderItem]
 * @property {(item: Notification, event: Event) => void} open the item was pressed; its link follows unless prevented
 * @property {(item: Notification, type: ActionType, event: Event) => void} act likewise for a button
 * @property {(item: Notification, link: {url: string, target?: string}, event: Event) => void} follow a link in its body
 * @property {(item: Notification, type: ActionType) => void} revert
 * @property {(item: Notification, action: ItemAction, control: HTMLElement) => void} change
 * @property {(item: Notification, control: HTMLElement) => void} options a menu of these changes is wanted
 */

/** What can be done to it. @param {Notification} item @returns {ItemAction[]} */
export function actionsOf({ isRead, isArchived, isSnoozed }) {
  return [isRead ? "unread" : "read", isArchived ? "unarchive" : "archive", isSnoozed ? "unsnooze" : "snooze", "delete"];
}

/** Equal for states of an item that look the same: whether it was seen does not show. @param {Notification} item */
export function appearance(item) {
  return JSON.stringify(Object.entries({ ...item, isSeen: 0, firstSeenAt: 0, readAt: 0 }).sort());
}

/** @param {Notification} item @param {RowContext} context */
export function makeRow(item, context) {
  const { t, locale } = context;
  const row = make("li", { part: "item", "data-id": item.id, "data-severity": item.severity ?? "none" });
  row.className = item.isRead ? "item" : "item unread";
  const own = context.renderItem?.(item, h);
  const content = make("div", { class: "content" }, ...(own ? [makeOwn(item, own)] : makeText(item, t)));
  const actions = own ? [] : [...makeAction(item, "primary", context), ...makeAction(item, "secondary", context)];
  if (actions.length) content.append(make("div", { class: "actions" }, ...actions));
  if (!own) content.append(makeTimes(item, t, locale));
  row.append(...(own ? [] : makeAvatar(item.avatar)), content, makeTools(item, context));
  const opener = /** @type {HTMLElement | null} */ (row.querySelector(".text"));
  row.addEventListener("click", (event) => {
    const control = event.target instanceof Element ? event.target.closest("a, button, input, select, textarea, label, summary") : null;
    if (!control) opener?.click(); // its link, if it has one
    else if (control === opener) context.open(item, event);
    else if (control instanceof HTMLAnchorElement && control.closest(".body")) {
      context.follow(item, { url: control.href, target: control.target }, event);
    }
  });
  return row;
}

/**
 * The button or link that opens it, with what it says in it. A body with links of its own stands below.
 * @param {Notification} item @param {import("./locale.js").Translate} t
 */
function makeText(item, t) {
  const text = makeOpener(item, "text");
  if (item.severity === "high") text.append(make("span", { class: "aloud" }, `${t("item.high")}: `));
  if (item.subject) text.append(make("strong", { dir: "auto" }, item.subject));
  const isMarkdown = item.bodyFormat === "markdown";
  const body = make(isMarkdown ? "div" : "span", { class: "body", part: "body", dir: "auto" }, renderBody(item));
  if (!isMarkdown) {
    text.append(body);
    return [text];
  }
  if (!item.subject) text.append(make("span", { class: "aloud" }, bodyText(item)));
  return [text, body];
}

/** The link of the notification, or a button. @param {Notification} item @param {string} name its class */
function makeOpener(item, name) {
  const attributes = { class: name, "data-control": "open" };
  return makeLink(item.redirect, attributes) ?? make("button", { ...attributes, type: "button" });
}

/** What the page renders, with a control of ours that opens it by keyboard. @param {Notification} item @param {Node} node */
function makeOwn(item, node) {
  const opener = makeOpener(item, "text aloud");
  opener.append(item.subject ?? bodyText(item));
  return make("div", { class: "own" }, opener, node);
}

/** @param {Notification} item @param {RowContext} context */
function makeTools(item, context) {
  const { t, change } = context;
  const [toggle, ...others] = actionsOf(item);
  const label = t(`item.${toggle}`);
  const dot = button("toggle", () => change(item, toggle, dot), { "data-control": "toggle", "aria-label": label, title: label });
  const tools = others.map((action) => {
    const name = /** @type {keyof typeof ICONS} */ (action);
    const more = { "data-control": name, "aria-keyshortcuts": KEYS[name], ...(name === "snooze" && OPENS_MENU) };
    const tool = iconButton("tool", t(`item.${name}`), ICONS[name], () => change(item, name, tool), more);
    return tool;
  });
  const menu = { ...OPENS_MENU, "data-control": "options" };
  const options = iconButton("options", t("item.options"), OPTIONS, () => context.options(item, options), menu);
  return make("div", { class: "controls" }, make("div", { class: "tools" }, ...tools), dot, options);
}

/**
 * The button of that type and, once it is done, the one that takes it back.
 * @param {Notification} item @param {ActionType} type @param {RowContext} context @returns {HTMLElement[]}
 */
function makeAction(item, type, { t, act, revert }) {
  const action = item[`${type}Action`];
  if (!action) return [];
  const press = (/** @type {Event} */ event) => act(item, type, event);
  const attributes = { class: `action ${type}`, part: "action", "data-control": type, onclick: press };
  const control = makeLink(action.redirect, attributes) ?? make("button", { ...attributes, type: "button" });
  if (!action.isCompleted) {
    control.append(action.label);
    return [control];
  }
  control.append(icon(CHECK), action.label);
  control.classList.add("done");
  control.ariaLabel = t("item.done", { label: action.label });
  if (control instanceof HTMLButtonElement) control.ariaDisabled = "true";
  const undoing = { "data-control": `undo-${type}`, "aria-label": t("item.undoAction", { label: action.label }) };
  return [control, button("undo", () => revert(item, type), undoing, t("item.undo"))];
}

/** @param {{url: string, target?: string} | undefined} redirect @param {import("./dom.js").Attributes} attributes */
function makeLink(redirect, attributes) {
  const href = safeUrl(redirect?.url);
  if (!redirect || !href) return undefined;
  const { target = "" } = redirect;
  return make("a", { ...attributes, href, rel: "noopener noreferrer", ...(TARGETS.includes(target) && { target }) });
}

/** @param {string | undefined} url */
function makeAvatar(url) {
  const src = safeUrl(url);
  if (!src || src.startsWith("mailto:")) return [];
  const avatar = make("img", { class: "avatar", part: "avatar", src, alt: "", loading: "lazy", referrerpolicy: "no-referrer" });
  avatar.addEventListener("error", () => avatar.remove());
  return [avatar];
}

/** @param {Notification} item @param {import("./locale.js").Translate} t @param {string | undefined} locale */
function makeTimes(item, t, locale) {
  const times = make("p", { class: "times" });
  times.append(make("time", { datetime: item.createdAt, title: fullDate(item.createdAt, locale) }));
  const { expiresAt, snoozedUntil } = item;
  if (snoozedUntil) times.append(make("span", { class: "until" }, t("item.until", { when: shortDate(snoozedUntil, locale) })));
  if (expiresAt) times.append(make("span", { class: "expires", "data-at": expiresAt, title: fullDate(expiresAt, locale) }));
  tell(times, t, locale);
  return times;
}

/** Write the dates that grow older. @param {HTMLElement} row @param {import("./locale.js").Translate} t @param {string | undefined} locale */
export function tell(row, t, locale) {
  const now = Date.now();
  for (const time of row.querySelectorAll("time")) time.textContent = relativeTime(time.dateTime, now, locale);
  for (const part of row.querySelectorAll(".expires")) {
    const when = timeUntil(/** @type {HTMLElement} */ (part).dataset.at ?? "", now, locale);
    part.textContent = t("item.expires", { when });
  }
}
