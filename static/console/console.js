/**
 * The console: an operator logs in by an API key and sees what the service does. It uses the public API only. The key
 * stays in this tab: it is sent to the service and kept in the storage of the session, which ends with the tab.
 */

import { element } from "../pages/element.js";
import { activities, story } from "./activity.js";
import { Api, ApiError } from "./api.js";
import { editWorkflow, newWorkflow } from "./editor.js";
import { environments } from "./environments.js";
import { WRONG_KEY, askKey, keyForm } from "./login.js";
import { overview } from "./overview.js";
import { typedSamples } from "./preview.js";
import { subscriber, subscribers } from "./subscribers.js";
import { topic, topics } from "./topics.js";
import { transaction } from "./transactions.js";
import { webhooks } from "./webhooks.js";
import { workflow, workflows } from "./workflows.js";

/**
 * @typedef {object} Context of a page
 * @property {Api} api
 * @property {string} id what the address names, "" if nothing
 * @property {URLSearchParams} query
 * @property {AbortSignal} signal aborted when the page is left
 * @property {(isUnsaved: () => boolean) => void} guard ask before the page is left while something is unsaved
 */

const KEY = "inbox-console-key";
const ENVIRONMENT_ID = "inbox-console-environment"; // that the key opens
/** @type {Record<string, ((context: Context) => Promise<(Node | string)[]>)[]>} the page of a list, and that of one of it */
const PAGES = {
  "": [overview],
  activity: [activities, story],
  subscribers: [subscribers, subscriber],
  workflows: [workflows, workflow],
  editor: [newWorkflow, editWorkflow],
  topics: [topics, topic],
  transactions: [activities, transaction],
  webhooks: [webhooks],
  environments: [environments],
};

const $ = (/** @type {string} */ selector) => /** @type {any} */ (document.querySelector(selector));
const main = $("main");
let leaving = new AbortController();
let isUnsaved = () => false;
/** @type {Promise<string | null> | null} for a key; one question for all calls that were refused */
let asking = null;
let position = history.state?.position ?? 0; // of the page that is shown, in the history of the tab
let address = location.href;

/** @param {(Node | string)[]} nodes */
function fill(nodes) {
  main.replaceChildren(...nodes);
  const title = main.querySelector("h1");
  document.title = `${title.textContent} · inbox console`;
  title.tabIndex = -1;
  title.focus();
}

/** @param {string} [problem] why there is no way in */
function login(problem = "") {
  leaving.abort();
  isUnsaved = () => false;
  main.ariaBusy = "false";
  sessionStorage.removeItem(KEY);
  sessionStorage.removeItem(ENVIRONMENT_ID);
  typedSamples.clear(); // the next key may open another environment
  $("nav").hidden = true;
  const { form, key } = keyForm(problem, (typed, environment) => {
    sessionStorage.setItem(KEY, typed);
    sessionStorage.setItem(ENVIRONMENT_ID, environment._id);
    void show();
  });
  fill([element("h1", {}, "Log in"), element("p", { className: "lead" }, "inbox keys prints the key. It stays in this tab."), form]);
  key.focus();
}

/** Return another key for the page that is shown, null if there is none. @param {AbortSignal} signal */
async function replaceKey(signal) {
  if (!isUnsaved()) {
    login(WRONG_KEY);
    return null;
  }
  asking ??= askKey(sessionStorage.getItem(ENVIRONMENT_ID), signal).finally(() => {
    asking = null;
  });
  const key = await asking;
  if (key) sessionStorage.setItem(KEY, key);
  return key;
}

/** @param {unknown} error @param {AbortSignal} signal */
function fail(error, signal) {
  if (signal.aborted) return;
  const again = element("button", {}, "Try again");
  again.addEventListener("click", () => void show());
  const title = error instanceof ApiError && error.status === 404 ? "Not found" : "That did not work";
  fill([element("h1", {}, title), element("p", { role: "alert" }, error instanceof Error ? error.message : String(error)), again]);
}

/** Show the page that the address names. */
async function show() {
  leaving.abort();
  isUnsaved = () => false;
  leaving = new AbortController();
  const { signal } = leaving;
  const key = sessionStorage.getItem(KEY);
  if (!key || !sessionStorage.getItem(ENVIRONMENT_ID)) return login();
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/");
  const page = PAGES[name]?.[rest.length ? 1 : 0];
  $("nav").hidden = false;
  for (const link of document.querySelectorAll("nav.sections a")) {
    if (link.getAttribute("href") === `#/${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  main.ariaBusy = "true";
  try {
    if (!page) throw new ApiError("There is no such page.", 404);
    const id = decodeURIComponent(rest.join("/"));
    const api = new Api(key, signal, () => replaceKey(signal));
    const guard = (/** @type {() => boolean} */ asked) => {
      if (!signal.aborted) isUnsaved = asked;
    };
    const nodes = await page({ api, id, query: new URLSearchParams(query), signal, guard });
    if (!signal.aborted) fill(nodes);
  } catch (error) {
    fail(error, signal);
  } finally {
    if (!signal.aborted) main.ariaBusy = "false";
  }
}

const mayLeave = () => !isUnsaved() || confirm("Leave without saving the changes?");

$("#logout").addEventListener("click", () => mayLeave() && login());

/** Write into the entry of the history that is shown where it stands: a page that is to stay is found again by that. */
function markEntry() {
  address = location.href;
  history.replaceState({ position }, "");
}

window.addEventListener("popstate", () => location.href === address && markEntry()); // a link to the same page empties its entry
window.addEventListener("hashchange", () => {
  const reached = history.state?.position ?? position + 1;
  if (reached === position) return; // back at the page that was not left
  if (!mayLeave()) return history.go(position - reached);
  position = reached;
  markEntry();
  void show();
});
window.addEventListener("beforeunload", (event) => {
  if (isUnsaved()) event.preventDefault();
});
markEntry();
void show();
