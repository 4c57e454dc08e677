/** The activity: what triggers did, for whom, with filters; and the story of one of them. */

import { element } from "../pages/element.js";
import { facts, filters, lastJob, link, outcome, outcomeOf, pager, personLink, presence, reasonOf, table, time, transactionLink, wordsOf } from "./parts.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./console.js").Context} Context */

const PAGE_SIZE = 20;
const WORKFLOWS = 100;
const PREFERENCE = "Suppressed by preference";

/** @param {string} name @param {[string, string][]} options */
const choice = (name, options) =>
  element("select", {}, element("option", { value: "" }, name), ...options.map(([value, text]) => element("option", { value }, text)));

/** Say what to look at when nothing was found. @param {Context} context */
async function nothing({ api, query }) {
  const id = query.get("subscriberIds");
  const known = id && (await api.get("v2/subscribers", { subscriberId: id, limit: 1 })).data.length > 0;
  const hints = [
    ...(id && known ? [element("li", {}, personLink(id), " exists, so look at the trigger: did it name this subscriberId?")] : []),
    ...(id && !known ? [element("li", {}, `There is no subscriber ${id}. Upper and lower case count. A trigger creates whom it names, so none has named ${id}. `, link(`#/subscribers?name=${encodeURIComponent(id)}`, "Is it somebody's name?"))] : []),
    element("li", {}, "A trigger that was refused leaves no activity: the answer of the API says why, and the service logs it."),
    element("li", {}, "Old activity is deleted. The command inbox environments retention says when."),
  ];
  return element("div", { className: "empty" }, element("p", {}, "No activity."), element("ul", {}, ...hints));
}

/** @param {Context} context */
export async function activities(context) {
  const { api, query } = context;
  const page = Number(query.get("page") ?? 0);
  const { data: listed } = await api.get("v2/workflows", { limit: WORKFLOWS });
  const asked = Object.fromEntries(query);
  for (const name of ["after", "before"]) if (asked[name]) asked[name] = new Date(asked[name]).toISOString();
  const { data, hasMore } = await api.get("v1/notifications", { ...asked, page, limit: PAGE_SIZE });
  const workflows = listed.workflows.map((/** @type {Json} */ one) => [one._id, one.name]);
  const rows = data.map((/** @type {Json} */ one) => [
    time(one.createdAt), one.template?.name ?? "", personLink(one.to.subscriberId), outcome(one), reasonOf(lastJob(one)),
    link(`#/activity/${one._id}`, "Why"),
  ]);
  return [
    element("h1", {}, "Activity"),
    filters("activity", query, [
      ["subscriberIds", "Subscriber", element("input", { autocomplete: "off", spellcheck: false })],
      ["templates", "Workflow", choice("any", workflows)],
      ["severity", "Severity", choice("any", ["high", "medium", "low", "none"].map((name) => [name, name]))],
      ["topicKey", "Topic", element("input", { autocomplete: "off", spellcheck: false })],
      ["transactionId", "Transaction", element("input", { autocomplete: "off", spellcheck: false })],
      ["after", "From", element("input", { type: "datetime-local" })],
      ["before", "To", element("input", { type: "datetime-local" })],
    ]),
    rows.length ? table("Activities, newest first", ["Time", "Workflow", "To", "Outcome", "Reason", "Story"], rows) : await nothing(context),
    pager("activity", query, [
      ["Newer", { page: page > 0 ? String(page - 1) : null }],
      ["Older", { page: hasMore ? String(page + 1) : null }],
    ]),
  ];
}

/** Return the message that the activity stored, as it is now; null if the feed has it no more. @param {Context} context @param {Json} activity */
async function messageOf({ api }, activity) {
  const { transactionId, to } = activity;
  const { data } = await api.get("v1/messages", { subscriberId: to.subscriberId, transactionId, limit: 100 });
  return data.find((/** @type {Json} */ one) => one._notificationId === activity._id) ?? null;
}

/** Say in words what became of it, and what to do. @param {Json} activity @param {Json} message @param {Json} person */
function verdict(activity, message, person) {
  const job = lastJob(activity);
  const id = activity.to.subscriberId;
  const words = [];
  if (job.status === "completed" && message) {
    words.push(`${id} has the message.`, message.read ? "It was read." : message.seen ? "It was seen, not read." : "It was not seen yet.");
    if (message.archived) words.push("It is archived, so it is not in the usual list.");
    if (message.snoozedUntil) words.push("It is snoozed, so it is not in the usual list.");
    if (!message.seen && person && !person.isOnline) words.push(`${id} is not online now: no page holds a connection.`);
    if (!message.seen && person?.isOnline) words.push(`${id} is online: the page shows it when its list is opened.`);
  } else if (job.status === "completed" && activity.payload) {
    words.push(`${id} had the message. It is no longer in the feed: it was deleted, retracted or has expired.`);
  } else {
    words.push(`${outcomeOf(job)}. ${reasonOf(job)}.`);
  }
  const advice = reasonOf(job).startsWith(PREFERENCE)
    ? element("p", {}, link(`#/subscribers/${encodeURIComponent(id)}`, `The preferences of ${id}`), " show what is switched off. A critical workflow ignores them.")
    : "";
  return element("div", { className: `verdict ${job.status}` }, element("p", {}, words.join(" ")), advice);
}

/** @param {Json} activity every execution of every step, oldest first */
function steps(activity) {
  const lines = activity.jobs.flatMap((/** @type {Json} */ job) =>
    job.executionDetails.map((/** @type {Json} */ one) => ({ ...one, step: job.step?.name ?? job.type })));
  return element("ol", { className: "steps" }, ...lines.map((/** @type {Json} */ one) =>
    element("li", { className: one.status.toLowerCase() },
      element("p", {}, element("strong", {}, one.step), " ", time(one.createdAt)), element("p", {}, wordsOf(one)))));
}

/** @param {Context} context */
export async function story(context) {
  const { api, id } = context;
  const { data: activity } = await api.get(`v1/notifications/${encodeURIComponent(id)}`);
  const person = await api.get(`v2/subscribers/${encodeURIComponent(activity.to.subscriberId)}`).then(({ data }) => data, () => null);
  const message = person && (await messageOf(context, activity));
  const name = activity.template?.name ?? activity._templateId;
  /** @type {[string, Node | string][]} */
  const details = [
    ["Workflow", name],
    ["To", personLink(activity.to.subscriberId)],
    ["Presence", person ? presence(person) : "the subscriber was deleted"],
    ["Triggered", time(activity.createdAt)],
    ["Transaction", transactionLink(activity.transactionId)],
    ["Severity", activity.severity],
  ];
  if (message) details.push(["Subject", message.subject ?? ""], ["Body", message.content], ["Seen", time(message.lastSeenDate)], ["Read", time(message.lastReadDate)]);
  return [
    element("h1", {}, `${name} for ${activity.to.subscriberId}`),
    verdict(activity, message, person),
    element("h2", {}, "What happened"),
    steps(activity),
    element("h2", {}, "Details"),
    facts(details),
    ...(activity.payload ? [element("h2", {}, "Payload"), element("pre", { tabIndex: 0 }, JSON.stringify(activity.payload, null, 2))] : []),
  ];
}
