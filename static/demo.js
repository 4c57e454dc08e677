/** The demo page: the public element, a form that triggers, and the same as a curl line. Holds no key. */

const EVENTS_SHOWN = 5;
const $ = (/** @type {string} */ selector) => /** @type {any} */ (document.querySelector(selector));

const config = await (await fetch("demo/config")).json();
const bell = $("inbox-bell");
const form = $("#send");
const service = new URL("./", document.baseURI).href.replace(/\/$/, "");

/** @param {string} subscriber whose inbox this page shows, as its address says */
function show(subscriber) {
  $("#subscriber").value = form.to.value = subscriber;
  $("#second").href = `?subscriber=${encodeURIComponent(subscriber)}`;
  bell.setAttribute("application-identifier", config.applicationIdentifier);
  bell.setAttribute("subscriber", subscriber);
  describe();
}

/** What the form asks for; empty fields are left out. */
function request() {
  const filled = [...new FormData(form)].filter(([, text]) => text);
  const { to, ...payload } = Object.fromEntries(filled);
  return { to, payload };
}

/** Shows the same request, and the same element, as text to copy. */
function describe() {
  const { to, payload } = request();
  const body = JSON.stringify({ name: config.workflow, to, payload }).replaceAll("'", String.raw`'\''`);
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

/** Sends what the form holds and says what became of it. */
async function send() {
  const reply = await fetch("demo/trigger", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(request()),
  });
  const answer = await reply.json();
  if (!reply.ok) throw new Error(answer.message ?? reply.statusText);
  return `${answer.data.status}, ${answer.data.transactionId}`;
}

/** @param {string} name @param {string} text */
function log(name, text) {
  const code = document.createElement("code");
  code.textContent = name;
  const line = document.createElement("li");
  line.append(code, text);
  $("#events .none")?.remove();
  $("#events").prepend(line);
  while ($("#events").children.length > EVENTS_SHOWN) $("#events").lastChild.remove();
}

form.addEventListener("input", describe);
form.addEventListener("submit", async (/** @type {Event} */ event) => {
  event.preventDefault();
  $("#result").textContent = await send().catch((error) => `Not sent: ${error.message}`);
});
$("#who").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  const subscriber = $("#subscriber").value.trim();
  history.pushState(null, "", `?subscriber=${encodeURIComponent(subscriber)}`);
  show(subscriber);
});
window.addEventListener("popstate", () => show(current()));
for (const name of ["inbox-notification", "inbox-action"]) {
  bell.addEventListener(name, (/** @type {CustomEvent} */ { detail: { notification, action } }) => {
    log(name, [action, notification.subject].filter(Boolean).join(": "));
  });
}

function current() {
  return new URLSearchParams(location.search).get("subscriber") || "alice";
}

show(current());
