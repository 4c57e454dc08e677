/** The overview: how many people and workflows there are, who is online, and what triggers did in the last hour. */

import { element } from "../pages/element.js";
import { OUTCOMES, lastJob, link, outcome, personLink, renewing, table, time } from "./parts.js";

/** @typedef {import("./api.js").Json} Json */

const REFRESH_MS = 5_000;
const HOUR_MS = 3_600_000;
const PAGE_SIZE = 50;
const MAX_PAGES = 4;
const BARS = 30;
const SVG = "http://www.w3.org/2000/svg";

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
function chart(activities, which) {
  const counts = Array.from({ length: BARS }, () => 0);
  for (const { createdAt } of activities) {
    const age = Date.now() - Date.parse(createdAt);
    counts[BARS - 1 - Math.min(BARS - 1, Math.max(0, Math.floor((age / HOUR_MS) * BARS)))] += 1;
  }
  const highest = Math.max(1, ...counts);
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", `0 0 ${BARS * 10} 60`);
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `${which}, at most ${highest} in two minutes`);
  counts.forEach((count, index) => {
    const bar = document.createElementNS(SVG, "rect");
    const height = Math.max(1, (count / highest) * 58);
    for (const [name, value] of Object.entries({ x: index * 10 + 1, y: 60 - height, width: 8, height, rx: 1 })) bar.setAttribute(name, String(value));
    picture.append(bar);
  });
  return picture;
}

/** @param {string} name @param {Node | string} value */
const figure = (name, value) => element("div", { className: "figure" }, element("strong", {}, value), element("span", {}, name));

/** @param {import("./api.js").Api} api */
async function figures(api) {
  const [{ data: environment }, people, online, { data: workflows }, { activities, isCut }] = await Promise.all([
    api.get("v1/environments/me"),
    api.get("v2/subscribers", { limit: 1 }),
    api.get("v2/subscribers", { limit: 1, online: "true" }),
    api.get("v2/workflows", { limit: 1 }),
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
      ...counted.map(([name, count]) => figure(`${name.toLowerCase()} ${span}`, String(count)))),
    element("figure", { className: "chart" }, chart(activities, isCut ? `The newest ${activities.length} activities` : `${activities.length} activities in the last hour`),
      element("figcaption", {}, isCut ? `The newest ${activities.length} activities, a bar for two minutes` : "Activities of the last hour, a bar for two minutes")),
    newest.length ? table("Newest activities", ["Time", "Workflow", "To", "Outcome", "Story"], newest) : element("p", {}, "Nothing was triggered in the last hour."),
  ];
}

/** @param {import("./console.js").Context} context */
export async function overview({ api, signal }) {
  const live = element("div", {}, ...(await figures(api)));
  const { line } = renewing(signal, REFRESH_MS, async () => {
    const next = await figures(api);
    if (live.contains(document.activeElement)) return false; // a link that has the focus must not vanish
    live.replaceChildren(...next);
    return true;
  });
  return [element("h1", {}, "Overview"), line, live];
}
