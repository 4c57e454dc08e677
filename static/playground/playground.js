/** The playground: knobs for all that the elements take, the code that embeds them so, a form that triggers, and a log. */

import { element } from "../pages/element.js";
import { FRAMEWORKS } from "./embed.js";
import { fieldsOf, settingsOf } from "./fields.js";
import { knobsOf } from "./knobs.js";

/** @typedef {import("./knobs.js").Tag} Tag */
/** @typedef {import("./knobs.js").Settings} Settings */

const EVENTS = ["open", "close", "notification", "action", "navigate", "count", "error"].map((name) => `inbox-${name}`);
const EVENTS_SHOWN = 50;
const PRIVATE = ["application-identifier", "subscriber-hash", "token", "context-hash"]; // stay out of the address
const $ = (/** @type {string} */ selector) => /** @type {any} */ (document.querySelector(selector));

const config = await (await fetch("demo/config")).json();
const service = new URL("./", document.baseURI).href.replace(/\/$/, "");
const knobs = $("#knobs");
const send = $("#send");
/** @type {any} the element that is tried */
let preview = null;

/** @returns {Tag} */
const tag = () => new FormData($("#element")).get("tag") === "inbox-feed" ? "inbox-feed" : "inbox-bell";

/** Return what the address asks for, so that a link shows the same. @returns {Settings} */
function asked() {
  const given = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  return { "application-identifier": config.applicationIdentifier, subscriber: "alice", ...given };
}

/** @param {string} text @returns {unknown} the value of a JSON text, undefined while it is no JSON */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What the code of `renderItem` in knobs.js says: a policy without `unsafe-eval` lets no text become a function. */
const renderItem = (/** @type {any} */ notification, /** @type {any} */ h) =>
  h("div", {}, h("b", {}, notification.subject ?? ""), h("p", {}, notification.body));

/** Set on the element what the knobs say, and no more than what has changed. @param {Settings} settings */
function apply(settings) {
  for (const { name, kind, type } of knobsOf(tag())) {
    const value = settings[name];
    if (kind === "style") preview.style.setProperty(name, value ?? "");
    else if (kind === "attribute") {
      if (value === undefined) preview.removeAttribute(name);
      else if (preview.getAttribute(name) !== value) preview.setAttribute(name, value);
    } else {
      const wanted = value === undefined ? undefined : type === "code" ? renderItem : type === "json" ? parsed(value) : value;
      if (JSON.stringify(preview[name]) !== JSON.stringify(wanted) || typeof preview[name] !== typeof wanted) preview[name] = wanted;
    }
  }
}

/** @param {Settings} settings */
function describe(settings) {
  const framework = new FormData($("#framework")).get("framework") ?? "HTML";
  $("#code").textContent = FRAMEWORKS[String(framework)]({ tag: tag(), service, settings });
}

/** Show what the knobs say, and keep it in the address. */
function update() {
  const settings = settingsOf(knobsOf(tag()), new FormData(knobs));
  apply(settings);
  describe(settings);
  const shared = Object.entries(settings).filter(([name]) => !PRIVATE.includes(name));
  history.replaceState(null, "", `#${new URLSearchParams([["tag", tag()], ...shared])}`);
  if (!send.to.value || send.to.value === send.dataset.subscriber) send.to.value = settings.subscriber ?? "";
  send.dataset.subscriber = settings.subscriber ?? "";
}

/** Make the knobs and the element anew, for another element or address. @param {Settings} settings */
function build(settings) {
  knobs.replaceChildren(...fieldsOf(knobsOf(tag()), settings));
  preview?.remove();
  preview = document.createElement(tag());
  $("#stage").className = tag();
  $(`#${tag() === "inbox-bell" ? "bar" : "page"}`).append(preview);
  update();
}

/** @param {Event} event */
function log(event) {
  const { detail } = /** @type {CustomEvent} */ (event);
  if ($("#prevent").checked && event.cancelable && event.type === "inbox-navigate") event.preventDefault();
  const time = new Date().toLocaleTimeString();
  const text = detail ? JSON.stringify(detail, null, 1) : "";
  const line = element("details", {}, element("summary", {}, element("time", {}, time), element("code", {}, event.type)), element("pre", {}, text));
  $("#events .none")?.remove();
  $("#events").prepend(element("li", {}, line));
  while ($("#events").children.length > EVENTS_SHOWN) $("#events").lastChild.remove();
}

/** Trigger as often as the form says, one after the other, and return what the service said last. */
async function trigger() {
  const { to, workflow, times, ...rest } = Object.fromEntries(new FormData(send));
  const payload = Object.fromEntries(Object.entries(rest).filter(([, text]) => text));
  let answer;
  for (let sent = 1; sent <= Number(times); sent += 1) {
    const subject = Number(times) > 1 ? `${payload.subject ?? ""} ${sent}`.trim() : payload.subject;
    const body = JSON.stringify({ to, workflow, payload: { ...payload, subject } });
    const reply = await fetch("demo/trigger", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    answer = await reply.json();
    if (!reply.ok) throw new Error(answer.message ?? reply.statusText);
    $("#result").textContent = `${sent} sent`;
  }
  return `${times} sent: ${answer.data.status}, ${answer.data.transactionId}`;
}

/** Take over what an address says: the element first, since the knobs are its own. */
function restore() {
  const { tag: name, ...settings } = asked();
  $("#element").tag.value = name === "inbox-feed" ? name : "inbox-bell";
  build(settings);
}

send.workflow.replaceChildren(...config.workflows.map((/** @type {string} */ name) => element("option", {}, name)));
for (const type of EVENTS) document.addEventListener(type, log);
knobs.addEventListener("input", update);
$("#element").addEventListener("change", () => build(settingsOf(knobsOf(tag()), new FormData(knobs))));
$("#framework").addEventListener("change", update);
$("#clear").addEventListener("click", () => $("#events").replaceChildren());
$("#copy").addEventListener("click", async () => {
  const copied = navigator.clipboard?.writeText($("#code").textContent) ?? Promise.reject(new Error("no clipboard"));
  $("#copied").textContent = await copied.then(() => "Copied", () => "Select the text to copy it");
});
$("#reset").addEventListener("click", () => {
  history.replaceState(null, "", location.pathname);
  restore();
});
send.addEventListener("submit", async (/** @type {Event} */ event) => {
  event.preventDefault();
  $("#result").textContent = await trigger().catch((error) => `Not sent: ${error.message}`);
});
window.addEventListener("hashchange", restore);
restore();
