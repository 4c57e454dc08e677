/** What asks for an API key: the form to log in, and a question above a page that has something unsaved. */

import { element } from "../pages/element.js";
import { Api, ApiError } from "./api.js";
import { attempts, button } from "./forms.js";

/** @typedef {import("./api.js").Json} Json */

export const WRONG_KEY = "This key opens no environment.";
const SENDABLE = /^[!-~]+$/; // what a header can hold; no key has anything else

/** Return the environment that a key opens. Throw ApiError. @param {string} key @returns {Promise<Json>} */
async function environmentOf(key) {
  if (!SENDABLE.test(key)) throw new ApiError(WRONG_KEY);
  const api = new Api(key, new AbortController().signal, async () => null);
  const { data } = await api.get("v1/environments/me").catch((error) => {
    throw error.status === 401 ? new ApiError(WRONG_KEY) : error;
  });
  return data;
}

/**
 * Return a form that asks for an API key, and its input.
 * @param {string} problem why it asks
 * @param {(key: string, environment: Json) => void} enter called with a key and what it opens; throws if that is not the right one
 */
export function keyForm(problem, enter) {
  const key = element("input", { type: "password", required: true, autocomplete: "off", spellcheck: false });
  const { problem: line, attempt } = attempts();
  line.textContent = problem;
  const form = element("form", { className: "login" }, element("label", {}, "API key", key), element("button", { className: "main" }, "Log in"), line);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = key.value.trim();
    void attempt(async () => enter(typed, await environmentOf(typed)));
  });
  return { form, key };
}

/**
 * Ask for another key of an environment, above the page, which stays as it is.
 * @param {string | null} environmentId @param {AbortSignal} signal aborted when the page is left
 * @returns {Promise<string | null>} null if nobody gives one
 */
export function askKey(environmentId, signal) {
  return new Promise((done) => {
    const dialog = element("dialog");
    const { form } = keyForm("", (key, environment) => {
      if (environment._id !== environmentId) throw new Error(`This key opens another environment: ${environment.name}.`);
      dialog.close(key);
    });
    const title = element("h2", { id: "refused" }, "Your key is refused now");
    dialog.append(title, element("p", {}, "What you have typed is still here. Give another key of the same environment to go on."),
      form, button("Not now", () => dialog.close()));
    dialog.setAttribute("aria-labelledby", title.id);
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue || null);
    });
    signal.addEventListener("abort", () => dialog.close());
    document.body.append(dialog);
    dialog.showModal();
  });
}
