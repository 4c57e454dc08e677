/** What is said when there is no list to show, or not all is well. */

import { button, icon, make, show } from "./dom.js";
import { ARCHIVE, CHECK, SNOOZE } from "./icons.js";
import { isRefused } from "./session.js";

const SKELETONS = 4;
const BELL = "M6 16V10a6 6 0 0 1 12 0v6l2 2H4z M10 21h4";
const PROBLEM = "M12 4l9 16H3z M12 10v4 M12 17h.01";
const LOCK = "M6 11h12v9H6z M9 11V8a3 3 0 0 1 6 0v3";
const PICTURES = /** @type {Record<string, string>} */ ({
  all: BELL,
  unread: CHECK,
  archived: ARCHIVE,
  snoozed: SNOOZE,
  load: PROBLEM,
  idle: LOCK,
  unauthorized: LOCK,
  failed: PROBLEM,
});

/** @typedef {import("./session.js").State} State */

export class States {
  #picture = "";

  /** @param {import("./locale.js").Translate} t @param {() => void} retry */
  constructor(t, retry) {
    this.t = t;
    this.status = make("p", { class: "status", part: "status", role: "status" });
    this.text = make("span", { class: "problem-text" });
    this.retry = button("retry", retry, {}, t("error.retry"));
    this.problem = make("p", { class: "problem", part: "problem", role: "alert" }, this.text, this.retry);
    this.words = make("p", {});
    this.hint = make("div", { class: "hint", part: "empty" }, this.words);
    const line = () => make("div", { class: "skeleton" }, make("b", {}), make("b", {}));
    this.skeleton = make("div", { class: "skeletons", "aria-hidden": "true" }, ...Array.from({ length: SKELETONS }, line));
  }

  /** @param {State} state @param {string} filter its name */
  render(state, filter) {
    const { status, error, items, loaded } = state;
    show(this.status, this.#statusText(state));
    const problem = this.#problemText(state);
    show(this.text, problem);
    this.problem.hidden = !problem;
    this.retry.hidden = error !== "load" || isRefused(status);
    const isEmpty = !items.length && loaded && !state.hasMore;
    const without = isRefused(status) ? status : error === "load" ? "load" : isEmpty ? filter : "";
    const name = status === "idle" ? status : items.length ? "" : without;
    this.skeleton.hidden = Boolean(name || items.length);
    this.hint.hidden = !name;
    show(this.words, { [filter]: this.t(`empty.${filter}`), idle: this.t("state.idle") }[name] ?? "");
    if (name === this.#picture) return;
    this.#picture = name;
    this.hint.dataset.state = name;
    this.hint.querySelector("svg")?.remove();
    if (name) this.hint.prepend(icon(PICTURES[name]));
    (name ? this.words : this.status).after(this.problem);
  }

  /** @param {State} state */
  #statusText({ status, error }) {
    if (status === "reconnecting") return this.t("state.reconnecting");
    if (status === "offline") return this.t(navigator.onLine ? "state.away" : "state.offline");
    return status === "connecting" && error === "load" ? this.t("state.away") : "";
  }

  /** @param {State} state */
  #problemText({ status, error }) {
    if (isRefused(status)) return this.t(`state.${status}`);
    return error ? this.t(`error.${error}`) : "";
  }
}
