/** The keyboard of the list, as in the inboxes people know. `KEYS` is also what the list of shortcuts shows. */

import { make } from "./dom.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("../client/index.js").Notification} Notification */
/** @typedef {{item: Notification, control: HTMLElement}} Current the row that has the focus */

/** @type {[keys: string[], words: string, run: (view: View, current?: Current) => unknown][]} */
const KEYS = [
  [["j", "ArrowDown"], "keys.next", (view) => view.move(1)],
  [["k", "ArrowUp"], "keys.previous", (view) => view.move(-1)],
  [["Enter"], "keys.open", () => false], // the browser presses what has the focus
  [["e"], "item.archive", onItem(({ isArchived }) => (isArchived ? "unarchive" : "archive"))],
  [["u"], "keys.toggle", onItem(({ isRead }) => (isRead ? "unread" : "read"))],
  [["h"], "item.snooze", onItem(({ isSnoozed }) => (isSnoozed ? "unsnooze" : "snooze"))],
  [["Delete", "#"], "item.delete", onItem(() => "delete")],
  [["z"], "item.undo", (view) => view.changes.undo()],
  [["Shift+I"], "list.readAll", (view) => view.all("readAll")],
  [["?"], "keys.help", (view) => view.showPage("keys")],
];
const SIGNS = /** @type {Record<string, string>} */ ({ ArrowDown: "↓", ArrowUp: "↑", Enter: "↵", Delete: "Del", "Shift+I": "⇧ I" });

/** @param {(item: Notification) => import("./row.js").ItemAction} choose */
function onItem(choose) {
  return (/** @type {View} */ view, /** @type {Current | undefined} */ current) =>
    current ? view.change(current.item, choose(current.item), current.control) : false;
}

/** Carry out the shortcut, if the key is one. @param {KeyboardEvent} event @param {View} view */
export function press(event, view) {
  const { key, ctrlKey, metaKey, altKey } = event;
  if (event.defaultPrevented || ctrlKey || metaKey || altKey || isField(event.composedPath()[0])) return;
  const name = event.shiftKey && /^[a-z]$/i.test(key) ? `Shift+${key.toUpperCase()}` : key;
  const [, , run] = KEYS.find(([keys]) => keys.includes(name)) ?? [];
  if (run && run(view, view.current) !== false) event.preventDefault();
}

/** @param {any} element */
const isField = (element) => /^(input|textarea|select)$/.test(element.localName) || element.isContentEditable;

/** @param {import("./locale.js").Translate} t */
export function listKeys(t) {
  const lines = KEYS.flatMap(([keys, words]) => [
    make("dt", {}, ...keys.map((key) => make("kbd", {}, SIGNS[key] ?? key))),
    make("dd", {}, t(words)),
  ]);
  return make("dl", { class: "keys" }, ...lines);
}
