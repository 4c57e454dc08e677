/** Filters of notifications: whether one matches, and how a filter is written. */

/** @typedef {import("./index.js").Filter} Filter */
/** @typedef {import("./index.js").Notification} Notification */

/** @type {Record<"read" | "seen" | "archived" | "snoozed", "isRead" | "isSeen" | "isArchived" | "isSnoozed">} */
export const FLAGS = { read: "isRead", seen: "isSeen", archived: "isArchived", snoozed: "isSnoozed" };

/** @param {any} value */
const isMissing = (value) => value === undefined || value === null;

/** @param {any} value @returns {any} the value with its keys in order, without those that are undefined */
function ordered(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  const names = Object.keys(value).filter((name) => value[name] !== undefined).sort();
  return Object.fromEntries(names.map((name) => [name, ordered(value[name])]));
}

/** Return a text that equal filters share. @param {object} filter */
export const keyOf = (filter) => JSON.stringify(ordered(filter));

/** Return a test of notifications: whether one matches all parts of the filter. @param {Filter} filter */
export function matcher(filter) {
  /** @type {((item: Notification) => boolean)[]} */
  const tests = [];
  for (const [name, flag] of Object.entries(FLAGS)) {
    const expected = filter[/** @type {keyof typeof FLAGS} */ (name)];
    if (!isMissing(expected)) tests.push((item) => item[flag] === expected);
  }
  const severities = [filter.severity ?? []].flat();
  if (severities.length) tests.push((item) => severities.includes(item.severity ?? "none"));
  const { createdGte = -Infinity, createdLte = Infinity, data } = filter;
  if (createdGte > -Infinity) tests.push((item) => Date.parse(item.createdAt) >= createdGte);
  if (createdLte < Infinity) tests.push((item) => Date.parse(item.createdAt) <= createdLte);
  for (const group of groupsOf(filter.tags)) {
    if (group.length) tests.push((item) => group.some((tag) => item.tags?.includes(tag)));
  }
  if (data) tests.push((item) => holds(item.data, data));
  return (/** @type {Notification} */ item) => tests.every((test) => test(item));
}

/**
 * Return groups of tags; a notification must have one tag of each.
 * @param {any} tags @returns {string[][]}
 */
function groupsOf(tags) {
  if (isMissing(tags)) return [];
  if (tags.and) return tags.and.flatMap(groupsOf);
  if (tags.or) return [tags.or];
  return tags.some((/** @type {unknown} */ tag) => typeof tag === "object") ? tags.flatMap(groupsOf) : [tags];
}

/** @param {any} value @param {any} expected null matches a missing value @returns {boolean} */
function holds(value, expected) {
  if (isMissing(expected)) return expected === undefined || isMissing(value);
  if (typeof expected !== "object") return value === expected;
  return Object.entries(expected).every(([name, part]) => part === undefined || holds(value?.[name], part));
}

/** Write a filter as the query of a list. @param {object} filter */
export function queryOf(filter) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(ordered(filter))) {
    if (value === null) continue;
    if (name === "tags") {
      const groups = groupsOf(value);
      groups.forEach((group, n) => group.forEach((tag) => query.append(groups.length > 1 ? `tags[${n}][]` : "tags[]", tag)));
    } else if (name === "severity") [value].flat().forEach((one) => query.append("severity[]", one));
    else query.set(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return query;
}
