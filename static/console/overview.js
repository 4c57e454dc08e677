/** The overview: how many people and workflows there are, who is online, and what triggers did in the last hour. */

import { element } from "../pages/element.js";
import { bars, chart, line } from "./charts.js";
import { attempts } from "./forms.js";
import { OUTCOMES, lastJob, link, outcome, personLink, renewing, table, time } from "./parts.js";

/** @typedef {import("./api.js").Json} Json */

const REFRESH_MS = 5_000;
const HOUR_MS = 3_600_000;
const PAGE_SIZE = 50;
const MAX_PAGES = 4;
const BARS = 30;
const SPAN_MS = 300_000; // of a history
const NOT_DELIVERED = ["failed", "canceled", "skipped"];
/** @type {Map<string, { at: number, value: number }[]>} what was read, by environment and name */
const histories = new Map();

/**
 * Read the newest activities of the last hour, 200 at the most.
 * @param {import("./api.js").Api} api @returns {Promise<{ activities: Json[], isCut: boolean }>} cut: there are more
 */
async function recent(api) {
  const after = new Date(Date.now() - HOUR_MS).toISOString();
  const activities = [];
  let isCut = true;
  for (let page = 0; isCut && page < MAX_PAGES; page += 1) {
    const { data, hasMore } = await api.get("v1/notifications", { page, limit: PAGE_SIZE, after });
    activities.push(...data);
    isCut = hasMore;
  }
  return { activities, isCut };
}

/** @param {Json[]} activities one bar for each two minutes @param {string} which of them these are */
function activityChart(activities, which) {
  const counts = Array.from({ length: BARS }, () => ({ good: 0, bad: 0 }));
  for (const one of activities) {
    const age = Date.now() - Date.parse(one.createdAt);
    const place = BARS - 1 - Math.min(BARS - 1, Math.max(0, Math.floor((age / HOUR_MS) * BARS)));
    counts[place][NOT_DELIVERED.includes(lastJob(one).status) ? "bad" : "good"] += 1;
  }
  const highest = Math.max(1, ...counts.map(({ good, bad }) => good + bad));
  const bad = counts.reduce((sum, one) => sum + one.bad, 0);
  return bars(counts, `${which}, at most ${highest} in two minutes, ${bad} not delivered`);
}

/**
 * Keep what was read in the last five minutes, and draw it.
 * @param {string} environment whose value it is @param {string} name @param {number} value
 */
function history(environment, name, value) {
  const now = Date.now(), key = `${environment} ${name}`;
  const readings = [...(histories.get(key) ?? []), { at: now, value }].filter(({ at }) => now - at < SPAN_MS);
  histories.set(key, readings);
  const values = readings.map((one) => one.value);
  const label = `${name}: ${value} now, from ${Math.min(...values)} to ${Math.max(...values)} while the console was open`;
  const drawing = line(readings.map((one) => ({ age: (now - one.at) / SPAN_MS, value: one.value })), label);
  return chart(drawing, `${name}, the last five minutes: `, element("strong", {}, String(value)));
}

/** @param {string} name @param {Node | string} value */
const figure = (name, value) => element("div", { className: "figure" }, element("strong", {}, value), element("span", {}, name));

/** @param {import("./api.js").Api} api */
async function figures(api) {
  const [{ data: environment }, people, online, { data: workflows }, { data: webhook }, { activities, isCut }] = await Promise.all([
    api.get("v1/environments/me"),
    api.get("v2/subscribers", { limit: 1 }),
    api.get("v2/subscribers", { limit: 1, online: "true" }),
    api.get("v2/workflows", { limit: 1 }),
    api.get("v2/webhook"),
    recent(api),
  ]);
  const total = (/** @type {Json} */ { totalCount, totalCountCapped }) => `${totalCount}${totalCountCapped ? "+" : ""}`;
  const span = isCut ? `of the newest ${activities.length}` : "in the last hour";
  const counted = Object.entries(OUTCOMES)
    .map(([status, name]) => /** @type {const} */ ([name, activities.filter((one) => lastJob(one).status === status).length]))
    .filter(([, count]) => count);
  const newest = activities.slice(0, 8).map((one) => [
    time(one.createdAt), one.template?.name ?? "", personLink(one.to.subscriberId), outcome(one), link(`#/activity/${one._id}`, "Why"),
  ]);
  return [
    element("p", { className: "lead" }, `Environment ${environment.name}, application identifier ${environment.identifier}`),
    element("div", { className: "figures" },
      figure("subscribers", link("#/subscribers", total(people))),
      figure("online", link("#/subscribers?online=true", total(online))),
      figure("workflows", link("#/workflows", String(workflows.totalCount))),
      ...(webhook.url ? [figure("webhook events given up", link("#/webhooks", String(webhook.failed)))] : []),
      ...counted.map(([name, count]) => figure(`${name.toLowerCase()} ${span}`, String(count)))),
    element("div", { className: "charts" },
      chart(activityChart(activities, isCut ? `The newest ${activities.length} activities` : `${activities.length} activities in the last hour`),
        isCut ? `The newest ${activities.length} activities` : "Activities of the last hour", ", a bar for two minutes: ",
        element("span", { className: "key good" }, "delivered or on its way"), " ", element("span", { className: "key bad" }, "not delivered")),
      history(environment._id, "Online", online.totalCount),
      ...(webhook.url ? [history(environment._id, "Webhook events that wait", webhook.waiting)] : [])),
    newest.length ? table("Newest activities", ["Time", "Workflow", "To", "Outcome", "Story"], newest) : element("p", {}, "Nothing was triggered in the last hour."),
  ];
}

/**
 * Return the address of what was triggered for whom a person means, or of a list if that is not exactly one.
 * @param {import("./api.js").Api} api @param {string} words a subscriberId, an e-mail address or a name
 */
async function addressFor(api, words) {
  const activityOf = (/** @type {string} */ subscriberIds) => `#/activity?${new URLSearchParams({ subscriberIds })}`;
  for (const field of ["subscriberId", words.includes("@") ? "email" : "name"]) {
    const { data } = await api.get("v2/subscribers", { [field]: words, limit: 2 });
    if (data.length === 1) return activityOf(data[0].subscriberId);
    if (data.length) return `#/subscribers?${new URLSearchParams({ [field]: words })}`;
  }
  return activityOf(words); // the page of the activity says that there is nobody of this name
}

/** The question that brings most people here. @param {import("./api.js").Api} api */
function why(api) {
  const who = element("input", { required: true, autocomplete: "off", spellcheck: false, placeholder: "subscriberId, e-mail address or name" });
  const { problem, attempt } = attempts();
  const form = element("form", { className: "why" }, element("label", {}, "Who did not get it?", who), element("button", { className: "main" }, "Find out why"), problem);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(async () => {
      location.hash = await addressFor(api, who.value.trim());
    });
  });
  return form;
}

/** @param {import("./console.js").Context} context */
export async function overview({ api, signal }) {
  const live = element("div", {}, ...(await figures(api)));
  const { line: status } = renewing(signal, REFRESH_MS, async () => {
    const next = await figures(api);
    if (live.contains(document.activeElement)) return false; // a link that has the focus must not vanish
    live.replaceChildren(...next);
    return true;
  });
  return [element("h1", {}, "Overview"), why(api), status, live];
}
