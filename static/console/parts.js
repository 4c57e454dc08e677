/** What several pages of the console show: times, outcomes, presence, tables. */

import { element } from "../pages/element.js";

/** @typedef {import("./api.js").Json} Json */

/** @type {Record<string, string>} what the status of a job says to an operator */
export const OUTCOMES = {
  completed: "Delivered",
  canceled: "Not delivered",
  skipped: "Skipped",
  failed: "Failed",
  delayed: "Waiting",
  merged: "Merged",
};

const RETRACTED = "The message was retracted";

/** Return what became of a job in a word. @param {Json} job */
export function outcomeOf(job) {
  return reasonOf(job).startsWith(RETRACTED) ? "Retracted" : (OUTCOMES[job.status] ?? job.status);
}

/** Return the job that decides: the last one, since a later step runs after what an earlier one left. @param {Json} activity */
export const lastJob = (activity) => activity.jobs.at(-1);

/** @param {Json} activity */
export function outcome(activity) {
  const job = lastJob(activity);
  return element("span", { className: `outcome ${job.status}` }, outcomeOf(job));
}

/** @param {Json} detail of an execution */
export const wordsOf = ({ detail = "", raw }) => (raw ? `${detail} (${raw})` : detail);

/** Return why a job ended so, in the words of the service. @param {Json} job */
export function reasonOf(job) {
  return wordsOf(job.executionDetails.at(-1) ?? {});
}

/** @param {string | undefined} iso */
export function time(iso) {
  if (!iso) return element("span", { className: "faint" }, "never");
  const date = new Date(iso);
  return element("time", { dateTime: iso, title: iso }, date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" }));
}

/** @param {Json} subscriber */
export function presence({ isOnline, lastOnlineAt }) {
  if (isOnline) return element("span", { className: "presence online" }, "online");
  return element("span", { className: "presence" }, "offline, last online ", time(lastOnlineAt));
}

/** @param {string} href @param {...(Node | string)} text */
export const link = (href, ...text) => element("a", { href }, ...text);

/** @param {string} id */
export const personLink = (id) => link(`#/subscribers/${encodeURIComponent(id)}`, id);

/**
 * Return a table. On a narrow screen each row becomes a block, with the heads beside its cells.
 * @param {string} caption @param {string[]} heads @param {(Node | string)[][]} rows
 */
export function table(caption, heads, rows) {
  const head = element("tr", {}, ...heads.map((name) => element("th", { scope: "col" }, name)));
  const body = rows.map((cells) => element("tr", {}, ...cells.map((content, index) => {
    const cell = element("td", {}, content);
    cell.dataset.head = heads[index];
    return cell;
  })));
  return element("div", { className: "scrolled", tabIndex: 0, role: "region", ariaLabel: caption },
    element("table", {}, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...body)));
}

/** @param {[string, Node | string][]} facts */
export function facts(facts) {
  return element("dl", { className: "facts" }, ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

/**
 * Return a form of filters. What it holds becomes the query of the address.
 * @param {string} path of the page @param {URLSearchParams} query @param {[string, string, HTMLElement][]} fields name, label, control
 */
export function filters(path, query, fields) {
  const labels = fields.map(([name, label, control]) => {
    Object.assign(control, { name, value: query.get(name) ?? "" });
    return element("label", {}, label, control);
  });
  const form = element("form", { className: "filters" }, ...labels, element("button", { className: "main" }, "Apply"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const filled = [...new FormData(form)].filter(([, value]) => value).map(([name, value]) => [name, String(value)]);
    location.hash = `#/${path}?${new URLSearchParams(filled)}`;
  });
  return form;
}

/**
 * Return links to the neighbouring pages of a list.
 * @param {string} path @param {URLSearchParams} query @param {[string, Record<string, string | null>][]} steps text, what changes; null: nothing there
 */
export function pager(path, query, steps) {
  const links = steps.map(([text, changes]) => {
    const next = new URLSearchParams(query);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) return "";
      next.delete(name);
      if (value) next.set(name, value);
    }
    return link(`#/${path}?${next}`, text);
  });
  return element("nav", { className: "pager", ariaLabel: "Pages of the list" }, ...links);
}

/**
 * Renew what is shown until the page is left, and say while that fails.
 * @param {AbortSignal} signal @param {number} everyMs @param {() => Promise<boolean>} renew whether something newer is shown; may throw
 * @returns the line that says it, and what ends the renewals
 */
export function renewing(signal, everyMs, renew) {
  const line = element("p", { className: "problem", role: "status" });
  let since = new Date();
  const timer = setInterval(async () => {
    if (signal.aborted) return stop();
    if (document.hidden) return;
    const problem = await renew().then((isNewer) => {
      if (isNewer) since = new Date();
      return "";
    }, (error) => `Not renewed since ${since.toLocaleTimeString()}: ${error.message}`);
    if (!signal.aborted && line.textContent !== problem) line.textContent = problem; // said once, not at each try
  }, everyMs);
  const stop = () => clearInterval(timer);
  return { line, stop };
}

/** Return a link to what a transaction did. @param {string} id */
export const transactionLink = (id) => link(`#/transactions/${encodeURIComponent(id)}`, id);
