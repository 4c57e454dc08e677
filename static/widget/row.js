/** One notification as a row of the list. */

import { icon, make, safeUrl } from "./dom.js";

const CHECK = "M5 12.5l4.5 4.5L19 7.5";
const TARGETS = ["_self", "_blank", "_parent", "_top", "_unfencedTop"];
const UNITS = /** @type {const} */ ([
  ["year", 31_536_000_000],
  ["month", 2_592_000_000],
  ["week", 604_800_000],
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
]);

/** @typedef {import("../client/index.js").Notification} Notification */
/** @typedef {import("./view.js").ActionType} ActionType */
/** @typedef {import("./view.js").Handlers} Handlers */

/**
 * How long ago, in words of the locale; what lies ahead, by a clock that differs, counts as now.
 * @param {string} iso @param {number} now ms @param {string} [locale]
 */
export function relativeTime(iso, now, locale) {
  const elapsed = Math.max(0, now - Date.parse(iso));
  const [unit, ms] = UNITS.find((entry) => elapsed >= entry[1]) ?? ["second", Infinity];
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  return format.format(-Math.floor(elapsed / ms), unit);
}

/** Equal for states of an item that look the same. @param {Notification} item @param {string} when */
export function appearance(item, when) {
  const { subject, body, isRead, avatar, severity, redirect } = item;
  const link = (/** @type {typeof redirect} */ to) => [to?.url, to?.target];
  const actions = [item.primaryAction, item.secondaryAction].map(
    (action) => action && [action.label, action.isCompleted, link(action.redirect)],
  );
  return JSON.stringify([subject, body, isRead, avatar, severity, link(redirect), actions, when]);
}

/** @param {Notification} item @param {HTMLElement} time @param {Handlers} handlers */
export function makeRow(item, time, handlers) {
  const opener = { class: "text", "data-control": "open" };
  const text = makeLink(item.redirect, opener) ?? make("button", { ...opener, type: "button" });
  if (item.subject) text.append(make("strong", { dir: "auto" }, item.subject));
  text.append(make("span", { class: "body", dir: "auto" }, item.body));
  const content = make("div", { class: "content" }, text);
  const actions = [...makeAction(item, "primary", handlers), ...makeAction(item, "secondary", handlers)];
  if (actions.length) content.append(make("div", { class: "actions" }, ...actions));
  content.append(time);
  const look = { class: item.isRead ? "item" : "item unread", part: "item", "data-severity": item.severity ?? "none" };
  const row = make("li", { ...look, "data-id": item.id });
  row.append(...makeAvatar(item.avatar), content, makeToggle(item, handlers));
  row.addEventListener("click", (event) => {
    const control = event.target instanceof Element ? event.target.closest("a, button") : null;
    if (!control || control === text) handlers.open(item, event);
  });
  return row;
}

/** @param {Notification} item @param {Handlers} handlers */
function makeToggle(item, handlers) {
  const label = item.isRead ? "Mark as unread" : "Mark as read";
  const attributes = { class: "toggle", type: "button", "data-control": "toggle", "aria-label": label, title: label };
  const toggle = make("button", attributes);
  toggle.addEventListener("click", () => handlers.toggleRead(item));
  return toggle;
}

/**
 * The button of that type and, once it is done, the one that takes it back.
 * @param {Notification} item @param {ActionType} type @param {Handlers} handlers @returns {HTMLElement[]}
 */
function makeAction(item, type, handlers) {
  const action = item[`${type}Action`];
  if (!action) return [];
  const attributes = { class: `action ${type}`, "data-control": type };
  const button = makeLink(action.redirect, attributes) ?? make("button", { ...attributes, type: "button" });
  button.append(...(action.isCompleted ? [icon(CHECK)] : []), action.label);
  button.addEventListener("click", (event) => handlers.act(item, type, event));
  if (!action.isCompleted) return [button];
  button.classList.add("done");
  button.setAttribute("aria-label", `${action.label}, done`);
  if (button instanceof HTMLButtonElement) button.setAttribute("aria-disabled", "true");
  const undoing = { "data-control": `undo-${type}`, "aria-label": `Undo ${action.label}` };
  const undo = make("button", { class: "undo", type: "button", ...undoing }, "Undo");
  undo.addEventListener("click", () => handlers.undo(item, type));
  return [button, undo];
}

/** @param {{url: string, target?: string} | undefined} redirect @param {Record<string, string>} attributes */
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
  const avatar = make("img", { class: "avatar", src, alt: "", loading: "lazy", referrerpolicy: "no-referrer" });
  avatar.addEventListener("error", () => avatar.remove());
  return [avatar];
}

/** @param {string} iso @param {string} when @param {string | undefined} locale */
export function makeTime(iso, when, locale) {
  const full = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short" }).format(new Date(iso));
  return make("time", { datetime: iso, title: full }, when);
}
