/** The webhook of the environment: where events go, a test, the secret; and failed events, which can be sent again. */

import { element } from "../pages/element.js";
import { attempts, button, shownOnce } from "./forms.js";
import { facts, pager, renewing, table, time } from "./parts.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./console.js").Context} Context */

const PATH = "v2/webhook";
const NEVER_AGAIN = "It cannot be shown again.";
const PAGE_SIZE = 20;
const AT_ONCE = 10; // what one request sends again at the most
const REFRESH_MS = 5_000;
const EVENT_TYPES = [
  "message.created", "message.updated", "message.seen", "message.read", "message.archived", "message.snoozed",
  "message.actioned", "message.retracted", "message.deleted", "presence.changed",
];

/** @param {Json} webhook */
const stateOf = (webhook) => facts([
  ["Sends to", webhook.url ?? "nowhere: there is no webhook"],
  ["Waiting", String(webhook.waiting)],
  ["Lost", webhook.dropped ? `${webhook.dropped}: too many waited` : "0"],
  ["Given up", String(webhook.failed)],
  ["Event stream", webhook.stream ? `${webhook.stream}, ${webhook.streamed} events` : "off: the command inbox webhooks stream on begins it"],
]);

/** What the receiver said, in words. @param {Json} answer */
function wordsOfAnswer({ delivered, status, reason }) {
  if (delivered) return `Delivered: the receiver answered ${status}.`;
  return status ? `Not delivered: the receiver answered ${status}.` : `Not delivered: ${reason}.`;
}

/** The form that sets the URL and the events. @param {Context} context @param {Json} webhook @param {(saved: Json) => void} done */
function settings({ api }, webhook, done) {
  const url = element("input", { type: "url", required: true, value: webhook.url ?? "", placeholder: "https://api.example.com/inbox-events", autocomplete: "off", spellcheck: false });
  const boxes = EVENT_TYPES.map((value) => element("input", { type: "checkbox", value, checked: !webhook.url || webhook.events.includes(value) }));
  const { problem, attempt } = attempts();
  const form = element("form", { className: "try" }, element("label", {}, "URL", url),
    element("fieldset", { className: "choices" }, element("legend", {}, "Events"), ...boxes.map((box) => element("label", {}, box, box.value))),
    element("div", { className: "row" }, element("button", { className: "main" }, webhook.url ? "Save" : "Make the webhook")), problem);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(async () => {
      const events = boxes.filter((box) => box.checked).map((box) => box.value);
      if (!events.length) throw new Error("Choose at least one event.");
      done((await api.send("PUT", PATH, { url: url.value, events })).data);
    });
  });
  return form;
}

/** The buttons of a webhook that is there. @param {Context} context @param {(box: Node | string) => void} show @param {() => void} removed */
function actions({ api }, show, removed) {
  const { problem, attempt } = attempts();
  const test = () => attempt(async () => {
    show("Waiting for the receiver …");
    try {
      show(wordsOfAnswer((await api.send("POST", `${PATH}/test`)).data));
    } catch (error) {
      show("");
      throw error;
    }
  });
  const rotate = () => attempt(async () => {
    if (!confirm("Make a new secret? For a day events are signed with the former one as well.")) return;
    show(shownOnce("Signing secret", (await api.send("POST", `${PATH}/rotate-secret`)).data.secret, NEVER_AGAIN));
  });
  const remove = () => attempt(async () => {
    if (!confirm("Remove the webhook? Events that still wait are dropped.")) return;
    await api.send("DELETE", PATH);
    removed();
  });
  return element("div", {}, element("div", { className: "row actions" },
    button("Send a test", test), button("New secret", rotate), button("Remove", remove)), problem);
}

/**
 * Send failed events again, some at a time, and tell how far it has come.
 * @param {Context} context @param {string[] | null} ids null for all @param {number} total
 * @param {(tried: number, delivered: number, reason: string) => void} tell the reason is that of the last failure
 */
async function replay({ api, signal }, ids, total, tell) {
  let [tried, delivered, reason] = [0, 0, ""];
  /** @type {number | null} */
  let offset = 0;
  while (!signal.aborted && (ids ? tried < ids.length : offset !== null)) {
    const { data } = await api.send("POST", `${PATH}/failed-events/replay`, ids ? { ids: ids.slice(tried, tried + AT_ONCE) } : { offset });
    tried += data.results.length;
    delivered += data.results.filter((/** @type {Json} */ one) => one.delivered).length;
    reason = data.results.findLast((/** @type {Json} */ one) => !one.delivered)?.reason ?? reason;
    tell(tried, delivered, reason);
    if (data.results.at(-1)?.status === 0) return;
    offset = data.nextOffset;
  }
}

/** The failed events. @param {Context} context @param {Json} listed @param {() => Json} webhook @param {() => Promise<void>} renew */
function failures(context, { data, page, hasMore }, webhook, renew) {
  const told = element("p", { tabIndex: -1, role: "status" });
  const bar = element("progress", { ariaLabel: "Events that were sent again", hidden: true });
  const { problem, attempt } = attempts();
  const list = element("div");
  /** @type {HTMLInputElement[]} */
  let boxes = [];

  /** @param {string[] | null} ids */
  const send = (ids) => attempt(async () => {
    const total = ids ? ids.length : webhook().failed;
    Object.assign(bar, { hidden: false, max: total || 1, value: 0 });
    told.textContent = `0 of ${total} sent again`;
    try {
      await replay(context, ids, total, (tried, delivered, reason) => {
        bar.value = tried;
        told.textContent = `${tried} of ${total} sent again, ${delivered} delivered.${reason ? ` The last that failed: ${reason}.` : ""}`;
      });
    } finally {
      bar.hidden = true;
      const next = await context.api.get(`${PATH}/failed-events`, { page, limit: PAGE_SIZE }).catch(() => null);
      if (next && !context.signal.aborted) fill(next.data);
      await renew();
      if (!context.signal.aborted) told.focus();
    }
  });

  const sendChosen = () => {
    const ids = boxes.filter((box) => box.checked).map((box) => box.value);
    if (ids.length) return send(ids);
    told.textContent = "Choose events in the first column.";
  };

  /** @param {Json[]} events */
  function fill(events) {
    boxes = events.map(({ id }) => element("input", { type: "checkbox", value: id, ariaLabel: `Choose ${id}` }));
    const rows = events.map((one, index) => [
      boxes[index], one.id, one.type, time(one.failedAt), String(one.tries), one.reason, button("Send again", () => send([one.id]), "small"),
    ]);
    list.replaceChildren(rows.length ? table("Failed events, oldest first", ["Chosen", "Id", "Type", "Given up", "Tries", "Reason", "Replay"], rows)
      : element("p", { className: "empty" }, page > 0 ? "None on this page." : "No event was given up."));
    sending.hidden = !rows.length;
  }

  const sending = element("div", { className: "row actions" }, button("Send the chosen again", sendChosen), button("Send all again", () => send(null)));
  fill(data);
  return [
    element("h2", {}, "Failed events"),
    element("p", { className: "lead" }, "An event is given up when its receiver refuses it ten times, answers 410, or fails for a day. The newest 1,000 are kept."),
    sending, bar, told, problem, list,
    pager("webhooks", context.query, [
      ["Older", { page: page > 0 ? String(page - 1) : null }],
      ["Newer", { page: hasMore ? String(page + 1) : null }],
    ]),
  ];
}

/** @param {Context} context */
export async function webhooks(context) {
  const { api, query, signal } = context;
  const [{ data: first }, listed] = await Promise.all([
    api.get(PATH), api.get(`${PATH}/failed-events`, { page: Number(query.get("page") ?? 0), limit: PAGE_SIZE }),
  ]);
  let webhook = first;
  const state = element("div", {}, stateOf(webhook));
  const result = element("div", { className: "result", role: "status" });
  const form = element("div"), controls = element("div");
  const show = (/** @type {Node | string} */ box) => result.replaceChildren(box);

  async function renew() {
    webhook = (await api.get(PATH)).data;
    state.replaceChildren(stateOf(webhook));
  }

  /** @param {Json} shown */
  function fill(shown) {
    webhook = shown;
    state.replaceChildren(stateOf(webhook));
    form.replaceChildren(settings(context, webhook, (saved) => {
      fill(saved);
      show(saved.secret ? shownOnce("Signing secret", saved.secret, NEVER_AGAIN) : "Saved.");
    }));
    controls.replaceChildren(webhook.url ? actions(context, show, () => {
      fill({ ...webhook, url: null, events: [], waiting: 0 });
      show("The webhook is removed.");
      form.querySelector("input")?.focus();
    }) : "");
  }

  fill(webhook);
  const { line } = renewing(signal, REFRESH_MS, async () => {
    await renew();
    return true;
  });
  return [
    element("h1", {}, "Webhook"),
    element("p", { className: "lead" }, "Events tell your backend what happens in feeds: shown, read, pressed, deleted."),
    line, state, controls, result,
    element("h2", {}, "Where events go"), form,
    ...failures(context, listed, () => webhook, renew),
  ];
}
