/** When a snooze may end: some times that people often want, and one that they pick. */

import { make } from "./dom.js";
import { shortDate } from "./time.js";

const HOUR_MS = 3_600_000;
const MORNING = 9; // o'clock
const MIN_MS = 60_000; // the service refuses what is nearer …
const MAX_MS = 90 * 24 * HOUR_MS; // … and what is farther away

/** @param {Date} from @param {number} days @returns {Date} that day in the morning */
function morning(from, days) {
  return new Date(from.getFullYear(), from.getMonth(), from.getDate() + days, MORNING);
}

/** @param {Date} now @returns {[name: string, until: Date][]} */
export function presets(now) {
  const monday = ((8 - now.getDay()) % 7) || 7;
  return [
    ["hour", new Date(now.getTime() + HOUR_MS)],
    ...(now.getHours() < 20 ? [/** @type {[string, Date]} */ (["today", new Date(now.getTime() + 3 * HOUR_MS)])] : []),
    ["tomorrow", morning(now, 1)],
    ["week", morning(now, monday)],
  ];
}

/** @param {Date} date @returns {string} as an input writes it: local, cut to the minute */
function written(date) {
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** Let an input take only what the service takes now. @param {HTMLInputElement} input */
function limit(input) {
  const now = Date.now();
  input.min = written(new Date(now + 2 * MIN_MS)); // one more, as it is cut
  input.max = written(new Date(now + MAX_MS));
}

/**
 * Open a menu of times.
 * @param {import("./menu.js").Menu} menu @param {HTMLElement} anchor
 * @param {import("./locale.js").Translate} t @param {string | undefined} locale @param {(until: Date) => void} snooze
 */
export function openSnooze(menu, anchor, t, locale, snooze) {
  const now = new Date();
  const choices = presets(now).map(([name, until]) => ({
    label: t(`snooze.${name}`),
    hint: shortDate(until, locale),
    run: () => snooze(until),
  }));
  const input = make("input", { type: "datetime-local", required: "", value: written(morning(now, 1)) });
  limit(input);
  const submit = make("button", { class: "action primary", onclick: () => limit(input) }, t("item.snooze")); // the menu may be old
  const pick = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    menu.close();
    snooze(new Date(input.value));
  };
  const form = make("form", { class: "pick", onsubmit: pick }, make("label", {}, t("snooze.pick"), input), submit);
  menu.toggle(anchor, t("item.snooze"), choices, [form]);
}
