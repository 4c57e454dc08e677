/** What the pages of the console share that change something: buttons, what went wrong, and what is shown once. */

import { element } from "../pages/element.js";

/** @param {string} text @param {() => unknown} act @param {string} [className] */
export function button(text, act, className = "") {
  const made = element("button", { type: "button", className }, text);
  made.addEventListener("click", () => void act());
  return made;
}

/** Return the line that says what went wrong, and what runs a change and says so. */
export function attempts() {
  const problem = element("p", { className: "problem", role: "alert" });
  let isRunning = false;
  /** @param {() => Promise<unknown>} change one at a time: a second press while it runs does nothing */
  const attempt = async (change) => {
    if (isRunning) return;
    isRunning = true;
    try {
      problem.textContent = "";
      await change();
    } catch (error) {
      problem.textContent = error instanceof Error ? error.message : String(error);
    } finally {
      isRunning = false;
    }
  };
  return { problem, attempt };
}

/**
 * Return a box with a secret that the console does not show again. It takes the focus.
 * @param {string} name @param {string} secret @param {string} again whether there is another way to it
 */
export function shownOnce(name, secret, again) {
  const field = element("input", { readOnly: true, value: secret, spellcheck: false });
  field.addEventListener("focus", () => field.select());
  queueMicrotask(() => field.focus());
  return element("div", { className: "verdict" }, element("label", {}, `${name}, shown only now`, field),
    element("p", {}, `Copy it to where it is needed. ${again}`));
}
