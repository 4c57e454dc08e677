/** The subscribers: who there is and who is online; and one of them with feed, counts and preferences. */

import { element } from "../pages/element.js";
import { facts, filters, link, pager, personLink, presence, table, time } from "./parts.js";
import { preferences, readPreferences } from "./preferences.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./console.js").Context} Context */

const PAGE_SIZE = 20;

/** @param {Context} context */
export async function subscribers({ api, query }) {
  const { data, next, previous, totalCount, totalCountCapped } = await api.get("v2/subscribers", { ...Object.fromEntries(query), limit: PAGE_SIZE });
  const rows = data.map((/** @type {Json} */ one) => [
    personLink(one.subscriberId), [one.firstName, one.lastName].filter(Boolean).join(" "), one.email ?? "", presence(one), time(one.createdAt),
  ]);
  return [
    element("h1", {}, "Subscribers"),
    filters("subscribers", query, [
      ["subscriberId", "subscriberId", element("input", { autocomplete: "off", spellcheck: false })],
      ["name", "Name", element("input", { autocomplete: "off" })],
      ["email", "E-mail", element("input", { autocomplete: "off", spellcheck: false })],
      ["online", "Presence", element("select", {}, element("option", { value: "" }, "any"), element("option", { value: "true" }, "online"))],
    ]),
    element("p", { className: "lead" }, `${totalCount}${totalCountCapped ? " or more" : ""} found`),
    rows.length ? table("Subscribers, newest first", ["subscriberId", "Name", "E-mail", "Presence", "Created"], rows)
      : element("p", { className: "empty" }, "Nobody. A trigger creates the subscribers that it names."),
    pager("subscribers", query, [
      ["Previous", { before: previous, after: previous && "" }],
      ["Next", { after: next, before: next && "" }],
    ]),
  ];
}

/** @param {Json} message */
function stateOf({ isRead, isSeen, isArchived, isSnoozed }) {
  const flags = [isRead ? "read" : isSeen ? "seen" : "unseen", isArchived && "archived", isSnoozed && "snoozed"];
  return flags.filter(Boolean).join(", ");
}

/** @param {Context} context */
export async function subscriber(context) {
  const { api, id, query } = context;
  const path = `v2/subscribers/${encodeURIComponent(id)}`;
  const offset = Number(query.get("offset") ?? 0);
  const [{ data: person }, chosen, feed, { data: unseen }] = await Promise.all([
    api.get(path),
    readPreferences(context),
    api.get(`${path}/notifications`, { limit: PAGE_SIZE, offset }),
    api.get(`v1/subscribers/${encodeURIComponent(id)}/notifications/unseen`, { limit: 1_000 }),
  ]);
  const rows = feed.data.map((/** @type {Json} */ one) => [
    time(one.createdAt), one.workflow?.name ?? "", element("span", {}, element("strong", {}, one.subject ?? ""), " ", one.body), stateOf(one),
    link(`#/activity?subscriberIds=${encodeURIComponent(id)}&transactionId=${encodeURIComponent(one.transactionId)}`, "Why"),
  ]);
  return [
    element("h1", {}, id),
    element("p", { className: "lead" }, link(`#/activity?subscriberIds=${encodeURIComponent(id)}`, `Everything that was triggered for ${id}`)),
    facts([
      ["Presence", presence(person)],
      ["Unseen", String(unseen.count)],
      ["Name", [person.firstName, person.lastName].filter(Boolean).join(" ")],
      ["E-mail", person.email ?? ""],
      ["Locale", person.locale ?? ""],
      ["Time zone", person.timezone ?? ""],
      ["Created", time(person.createdAt)],
    ].filter(([, value]) => value !== "").map(([name, value]) => /** @type {[string, Node | string]} */ ([name, value]))),
    element("h2", {}, "Feed"),
    rows.length ? table(`The feed of ${id}, newest first`, ["Delivered", "Workflow", "Message", "State", "Story"], rows)
      : element("p", { className: "empty" }, "The feed is empty."),
    pager(`subscribers/${encodeURIComponent(id)}`, query, [
      ["Newer", { offset: offset > 0 ? String(Math.max(0, offset - PAGE_SIZE)) : null }],
      ["Older", { offset: feed.hasMore ? String(offset + PAGE_SIZE) : null }],
    ]),
    element("h2", {}, "Preferences"),
    preferences(context, chosen),
  ];
}
