/** The environments, and the API keys of the one whose key is logged in. */

import { element } from "../pages/element.js";
import { attempts, button, shownOnce } from "./forms.js";
import { table, time } from "./parts.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./console.js").Context} Context */

const READABLE_AGAIN = "The console does not show it again. Callers that have a key of its environment read all keys by GET v1/environments/api-keys.";

/** @param {Json} key as a person recognizes it */
const nameOf = ({ id, lastFour }) => (lastFour ? `…${lastFour}` : `with the id ${id}`);

/** @param {Json} key */
function originOf({ setting, createdAt }) {
  return setting ? `${setting}, a setting of the service` : element("span", {}, "made ", time(createdAt));
}

/** @param {Json[]} environments the own one first */
const environmentTable = (environments) => table("Environments", ["Name", "Application identifier", "Id", "Made"], environments.map((one) => [
  one.apiKeys ? element("span", {}, element("strong", {}, one.name), " (you are logged in here)") : one.name,
  one.identifier, one._id, time(one.createdAt),
]));

/** The form that makes an environment. @param {Context} context @param {() => Promise<void>} renew */
function newEnvironment({ api }, renew) {
  const name = element("input", { required: true, maxLength: 64, autocomplete: "off", spellcheck: false });
  const { problem, attempt } = attempts();
  const result = element("div", { role: "status" });
  const form = element("form", { className: "try" }, element("label", {}, "Name of a new environment", name),
    element("div", { className: "row" }, element("button", { className: "main" }, "Make the environment")), problem, result);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(async () => {
      const { data } = await api.send("POST", "v1/environments", { name: name.value });
      name.value = "";
      result.replaceChildren(shownOnce(`The API key of ${data.name}`, data.apiKeys[0].key, READABLE_AGAIN));
      await renew(); // after it: this may fail, and the key must not be lost
    });
  });
  return form;
}

/** The keys with what makes and revokes them. @param {Context} context @param {Json} own @param {Json[]} first */
function keys({ api, signal }, own, first) {
  const path = `v2/environments/${own._id}/api-keys`;
  const { problem, attempt } = attempts();
  const list = element("div"), result = element("div", { role: "status" });

  /** @param {Json} key */
  const revoke = (key) => attempt(async () => {
    const consequences = "Callers that still have it are refused within a second, and every page of this environment opens a new session.";
    const yours = key.isCaller ? " You are logged in with this key, so you will be logged out." : "";
    if (!confirm(`Revoke the key ${nameOf(key)}? ${consequences}${yours}`)) return;
    await api.send("DELETE", `${path}/${key.id}`);
    await renew();
    if (signal.aborted) return;
    result.replaceChildren(`The key ${nameOf(key)} is revoked.`);
    make.focus();
  });

  async function renew() {
    const { data } = await api.get(path);
    if (!signal.aborted) fill(data);
  }

  /** @param {Json[]} shown */
  function fill(shown) {
    list.replaceChildren(table(`API keys of ${own.name}`, ["Key", "Origin", "Use", "Revoke"], shown.map((key) => [
      nameOf(key), originOf(key), key.isCaller ? "you are logged in with it" : "",
      key.setting ? "change it there" : button("Revoke", () => revoke(key), "small"),
    ])));
  }

  const make = button("Make a key", () => attempt(async () => {
    const { data } = await api.send("POST", path);
    result.replaceChildren(shownOnce("The new API key", data.key, READABLE_AGAIN));
    await renew(); // after it: this may fail, and the key must not be lost
  }));
  fill(first);
  return element("div", {}, list, element("div", { className: "row actions" }, make), problem, result);
}

/** @param {Context} context */
export async function environments(context) {
  const { api, signal } = context;
  const { data: listed } = await api.get("v1/environments");
  const own = listed[0];
  const { data: liveKeys } = await api.get(`v2/environments/${own._id}/api-keys`);
  const list = element("div", {}, environmentTable(listed));
  const renew = async () => {
    const { data } = await api.get("v1/environments");
    if (!signal.aborted) list.replaceChildren(environmentTable(data));
  };
  return [
    element("h1", {}, "Environments and keys"),
    element("p", { className: "lead" }, "An environment has its own subscribers, workflows and keys. A key opens one of them."),
    list,
    element("h2", {}, `API keys of ${own.name}`),
    element("p", { className: "lead" }, "To change over: make a second key, move all callers to it, revoke the first."),
    keys(context, own, liveKeys),
    element("h2", {}, "A new environment"),
    newEnvironment(context, renew),
  ];
}
