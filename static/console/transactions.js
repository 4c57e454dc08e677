/** One transaction: how far a trigger to many has come, with a way to stop it, and what it did for each recipient. */

import { element } from "../pages/element.js";
import { ApiError } from "./api.js";
import { facts, lastJob, link, outcome, personLink, reasonOf, table, time } from "./parts.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./console.js").Context} Context */

const SHOWN = 20;
const REFRESH_MS = 2_000;

/** Return how far it has come; null for a trigger to few, which is done when it is answered. @param {Context} context */
async function progressOf({ api, id }) {
  try {
    return (await api.get(`v1/events/trigger/${encodeURIComponent(id)}`)).data;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/** @param {Context} context @param {Json} progress */
function progressView(context, progress) {
  const counts = ["delivered", "suppressed", "skipped", "failed", "waiting"];
  const done = counts.reduce((sum, name) => sum + progress[name], 0);
  const bar = element("progress", { max: progress.total || 1, value: done, ariaLabel: "Recipients that are done" });
  const button = element("button", {}, "Cancel what is left");
  button.addEventListener("click", async () => {
    if (!confirm("Cancel this for everybody whom it has not reached yet?")) return;
    await context.api.send("DELETE", `v1/events/trigger/${encodeURIComponent(context.id)}`);
    view.replaceWith(progressView(context, await progressOf(context)));
  });
  const view = element("div", { className: "progress" }, element("p", {}, `${progress.status}: ${done} of ${progress.total}`), bar,
    facts(counts.map((name) => /** @type {[string, string]} */ ([name, String(progress[name])]))), ...(progress.status === "running" ? [button] : []));
  return view;
}

/** Renew the progress until it has ended. @param {Context} context @param {HTMLElement} place */
function follow(context, place) {
  const timer = setInterval(async () => {
    if (document.hidden) return;
    const progress = await progressOf(context).catch(() => null);
    if (!progress || context.signal.aborted) return;
    place.replaceChildren(progressView(context, progress));
    if (progress.status !== "running") clearInterval(timer);
  }, REFRESH_MS);
  context.signal.addEventListener("abort", () => clearInterval(timer));
}

/** @param {Context} context */
export async function transaction(context) {
  const { api, id } = context;
  const [progress, { data, hasMore }] = await Promise.all([
    progressOf(context),
    api.get("v1/notifications", { transactionId: id, limit: SHOWN }),
  ]);
  const place = element("div", {}, ...(progress ? [progressView(context, progress)] : []));
  if (progress?.status === "running") follow(context, place);
  const rows = data.map((/** @type {Json} */ one) => [
    time(one.createdAt), one.template?.name ?? "", personLink(one.to.subscriberId), outcome(one), reasonOf(lastJob(one)), link(`#/activity/${one._id}`, "Why"),
  ]);
  return [
    element("h1", {}, `Transaction ${id}`),
    place,
    rows.length ? table("What it did", ["Time", "Workflow", "To", "Outcome", "Reason", "Story"], rows) : element("p", { className: "empty" }, "No activity of it is kept."),
    ...(hasMore ? [link(`#/activity?transactionId=${encodeURIComponent(id)}`, "All of it")] : []),
  ];
}
