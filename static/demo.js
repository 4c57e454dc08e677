/** The demo: a shop's page with the public element, buttons that do what its backend would do, and the same as text to copy. */

import { element } from "./pages/element.js";

const EVENTS_SHOWN = 5;
const ORDERS = [
  {
    number: "4711",
    what: "Desk lamp, oak",
    state: "Packed",
    press: "Hand to the carrier",
    workflow: "welcome",
    payload: {
      subject: "Order 4711 is on its way",
      body: "The desk lamp left the warehouse and arrives tomorrow between 9 and 12.",
      actionLabel: "Track parcel",
    },
  },
  {
    number: "4712",
    what: "Wool blanket, undyed",
    state: "Question",
    press: "Comment as Noor",
    workflow: "comment",
    payload: {
      subject: "Noor commented on order 4712",
      body: "Could it be gift-wrapped? I can pay for it.",
      avatar: new URL("static/noor.svg", document.baseURI).href,
      actionLabel: "Accept",
      secondaryLabel: "Decline",
    },
  },
  {
    number: "4713",
    what: "Stoneware mugs, set of 4",
    state: "Late",
    press: "Refuse the payment",
    workflow: "alert",
    payload: {
      subject: "Payment of order 4713 was refused",
      body: "The card has expired. The order waits until Friday.",
      actionLabel: "Change card",
    },
  },
];

const $ = (/** @type {string} */ selector) => /** @type {any} */ (document.querySelector(selector));

const config = await (await fetch("demo/config")).json();
const bell = $("inbox-bell");
const form = $("#form");
const service = new URL("./", document.baseURI).href.replace(/\/$/, "");

/** @param {string} subscriber whose inbox this page shows, as its address says */
function show(subscriber) {
  $("#subscriber").value = form.to.value = subscriber;
  $("#person").textContent = subscriber;
  $("#second").href = `?subscriber=${encodeURIComponent(subscriber)}`;
  bell.setAttribute("application-identifier", config.applicationIdentifier);
  bell.setAttribute("subscriber", subscriber);
  describe();
}

/** Return what the form asks for; empty fields are left out. */
function request() {
  const filled = [...new FormData(form)].filter(([, text]) => text);
  const { to, ...payload } = Object.fromEntries(filled);
  return { to, payload };
}

/** Show the same request, and the same element, as text to copy. */
function describe() {
  const { to, payload } = request();
  const body = JSON.stringify({ name: config.workflows[0], to, payload }).replaceAll("'", String.raw`'\''`);
  $("#curl").textContent = [
    `curl -X POST ${service}/v1/events/trigger \\`,
    `  -H "Authorization: ApiKey $API_KEY" \\`,
    `  -H "Content-Type: application/json" \\`,
    `  -d '${body}'`,
  ].join("\n");
  $("#embed").textContent = [
    `<script type="module" src="${service}/static/inbox.js"></script>`,
    `<inbox-bell application-identifier="${config.applicationIdentifier}"`,
    `            subscriber="${escapeAttribute(bell.getAttribute("subscriber"))}"></inbox-bell>`,
  ].join("\n");
}

/** @param {string} text */
function escapeAttribute(text) {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
}

/** Trigger a workflow and return what the service says. @param {object} body */
async function trigger(body) {
  const reply = await fetch("demo/trigger", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await reply.json();
  if (!reply.ok) throw new Error(answer.message ?? reply.statusText);
  return `${answer.data.status}, ${answer.data.transactionId}`;
}

/** @param {string} name @param {string} text */
function log(name, text) {
  $("#events .none")?.remove();
  $("#events").prepend(element("li", {}, element("code", {}, name), text));
  while ($("#events").children.length > EVENTS_SHOWN) $("#events").lastChild.remove();
}

for (const { number, what, state, press, workflow, payload } of ORDERS) {
  const button = element("button", {}, press);
  button.addEventListener("click", async () => {
    const sent = trigger({ to: bell.getAttribute("subscriber"), workflow, payload });
    $("#happened").textContent = await sent.then(() => `${payload.subject}.`, (error) => `Not sent: ${error.message}`);
  });
  const name = element("p", {}, what, element("small", {}, `Order ${number}`));
  const mark = element("span", { className: state === "Late" ? "state late" : "state" }, state);
  $(".orders").append(element("li", {}, name, mark, button));
}
form.addEventListener("input", describe);
form.addEventListener("submit", async (/** @type {Event} */ event) => {
  event.preventDefault();
  $("#result").textContent = await trigger(request()).catch((error) => `Not sent: ${error.message}`);
});
$("#who").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  const subscriber = $("#subscriber").value.trim();
  history.pushState(null, "", `?subscriber=${encodeURIComponent(subscriber)}`);
  show(subscriber);
});
window.addEventListener("popstate", () => {
  if (current() !== bell.getAttribute("subscriber")) show(current()); // a link within the page is no switch
});
for (const name of ["inbox-notification", "inbox-action"]) {
  bell.addEventListener(name, (/** @type {CustomEvent} */ { detail: { notification, action } }) => {
    log(name, [action, notification?.subject].filter(Boolean).join(": "));
  });
}

function current() {
  return new URLSearchParams(location.search).get("subscriber") || "alice";
}

show(current());
