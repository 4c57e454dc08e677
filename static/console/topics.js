/** The topics: named groups of subscribers; and who is in one of them. */

import { element } from "../pages/element.js";
import { filters, link, pager, personLink, table, time } from "./parts.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./console.js").Context} Context */

const PAGE_SIZE = 20;

/** @param {Json} page of a list with cursors */
const found = ({ totalCount, totalCountCapped }) => `${totalCount}${totalCountCapped ? " or more" : ""} found`;

/** @param {string} path @param {URLSearchParams} query @param {Json} page */
const cursors = (path, query, { previous, next }) => pager(path, query, [
  ["Previous", { before: previous, after: previous && "" }],
  ["Next", { after: next, before: next && "" }],
]);

/** @param {Context} context */
export async function topics({ api, query }) {
  const page = await api.get("v2/topics", { ...Object.fromEntries(query), limit: PAGE_SIZE });
  const rows = page.data.map((/** @type {Json} */ one) => [
    link(`#/topics/${encodeURIComponent(one.key)}`, one.key), one.name ?? "", time(one.createdAt),
  ]);
  return [
    element("h1", {}, "Topics"),
    filters("topics", query, [
      ["key", "Key", element("input", { autocomplete: "off", spellcheck: false })],
      ["name", "Name", element("input", { autocomplete: "off" })],
    ]),
    element("p", { className: "lead" }, found(page)),
    rows.length ? table("Topics, newest first", ["Key", "Name", "Created"], rows) : element("p", { className: "empty" }, "None."),
    cursors("topics", query, page),
  ];
}

/** @param {Context} context */
export async function topic({ api, id, query }) {
  const path = `v2/topics/${encodeURIComponent(id)}`;
  const [{ data: topic }, page] = await Promise.all([
    api.get(path),
    api.get(`${path}/subscriptions`, { ...Object.fromEntries(query), limit: PAGE_SIZE }),
  ]);
  const rows = page.data.map((/** @type {Json} */ one) => [personLink(one.subscriber.subscriberId), one.identifier, time(one.createdAt)]);
  return [
    element("h1", {}, topic.name || topic.key),
    element("p", { className: "lead" }, `Key ${topic.key}, ${found(page)}`),
    element("p", {}, link(`#/activity?topicKey=${encodeURIComponent(topic.key)}`, "Everything that was triggered to it")),
    rows.length ? table(`Subscriptions of ${topic.key}, newest first`, ["Subscriber", "Identifier", "Since"], rows)
      : element("p", { className: "empty" }, "Nobody is subscribed."),
    cursors(`topics/${encodeURIComponent(id)}`, query, page),
  ];
}
