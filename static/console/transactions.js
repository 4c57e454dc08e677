/** One transaction: how far a trigger to many has come, with a way to stop it, and what it did for each recipient. */

import { element } from "../pages/element.js";
import { ApiError } from "./api.js";
import { facts, lastJob, link, outcome, personLink, reasonOf, renewing, table, time } from "./parts.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./console.js").Context} Context */

const SHOWN = 20;
const REFRESH_MS = 2_000;
const COUNTS = ["delivered", "suppressed", "skipped", "failed", "waiting"];

/** Return how far it has come; null for a trigger to few, which is done when it is answered. @param {Context} context */
async function progressOf({ api, id }) {
  try {
    return (await api.get(`v1/events/trigger/${encodeURIComponent(id)}`)).data;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/**
 * Show the progress, renewed until it has ended. What it says changes in place, so the button keeps the focus.
 * @param {Context} context @param {Json} first
 */
function progressView(context, first) {
  const told = element("p", { tabIndex: -1 });
  const bar = element("progress", { ariaLabel: "Recipients that are done" });
  const counts = element("div");
  const button = element("button", {}, "Cancel what is left");
  const problem = element("p", { className: "problem", role: "alert" });
  const renewal = renewing(context.signal, REFRESH_MS, renew);

  async function renew() {
    const progress = await progressOf(context);
    if (progress) update(progress);
    return progress !== null;
  }

  /** @param {Json} progress */
  function update(progress) {
    const done = COUNTS.reduce((sum, name) => sum + progress[name], 0);
    told.textContent = `${progress.status}: ${done} of ${progress.total}`;
    Object.assign(bar, { max: progress.total || 1, value: done });
    counts.replaceChildren(facts(COUNTS.map((name) => /** @type {[string, string]} */ ([name, String(progress[name])]))));
    if (progress.status === "running") return;
    renewal.stop();
    if (document.activeElement === button) told.focus();
    button.remove();
  }

  button.addEventListener("click", async () => {
    if (!confirm("Cancel this for everybody whom it has not reached yet?")) return;
    try {
      await context.api.send("DELETE", `v1/events/trigger/${encodeURIComponent(context.id)}`);
      problem.textContent = "";
    } catch (error) {
      problem.textContent = `Not cancelled: ${error instanceof Error ? error.message : error}`;
    }
    await renew().catch(() => null); // the next renewal says what is wrong
  });
  const view = element("div", { className: "progress" }, told, bar, counts, button, problem, renewal.line);
  update(first);
  return view;
}

/** @param {Context} context */
export async function transaction(context) {
  const { api, id } = context;
  const [progress, { data, hasMore }] = await Promise.all([
    progressOf(context),
    api.get("v1/notifications", { transactionId: id, limit: SHOWN }),
  ]);
  const rows = data.map((/** @type {Json} */ one) => [
    time(one.createdAt), one.template?.name ?? "", personLink(one.to.subscriberId), outcome(one), reasonOf(lastJob(one)), link(`#/activity/${one._id}`, "Why"),
  ]);
  return [
    element("h1", {}, `Transaction ${id}`),
    ...(progress ? [progressView(context, progress)] : []),
    rows.length ? table("What it did", ["Time", "Workflow", "To", "Outcome", "Reason", "Story"], rows) : element("p", { className: "empty" }, "No activity of it is kept."),
    ...(hasMore ? [link(`#/activity?transactionId=${encodeURIComponent(id)}`, "All of it")] : []),
  ];
}
