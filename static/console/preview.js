/** The preview beside the editor: what a step would do with sample values, as the service renders it. */

import { element } from "../pages/element.js";
import { renderBody } from "../widget/body.js";
import { ApiError } from "./api.js";
import { button } from "./forms.js";
import { facts, time } from "./parts.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./steps.js").Card} Card */

/** @type {Map<string, Json>} the sample values that somebody has typed, by workflowId; they last until the next login */
export const typedSamples = new Map();

/** @param {Json} action */
function actionView({ label, redirect }) {
  return element("span", { className: "button", title: redirect?.url ?? "" }, label);
}

/** A message as a person would see it, and what lies behind it. @param {Json} message */
function messageView({ subject, body, bodyFormat, avatar, primaryAction, secondaryAction, redirect, data, ...rest }) {
  const buttons = [primaryAction, secondaryAction].filter(Boolean);
  const behind = Object.entries({
    Avatar: avatar, Opens: redirect?.url, "Primary button opens": primaryAction?.redirect?.url, "Secondary button opens": secondaryAction?.redirect?.url,
    Data: data && JSON.stringify(data), Format: bodyFormat, ...rest,
  }).filter(([, value]) => value);
  const stay = (/** @type {Event} */ event) => event.preventDefault(); // a link of the message leads nowhere here
  return [
    element("div", { className: "message", onclick: stay }, ...(subject ? [element("strong", {}, subject)] : []), element("div", { className: "text" }, renderBody(/** @type {any} */ ({ body, bodyFormat }))),
      ...(buttons.length ? [element("div", { className: "row" }, ...buttons.map(actionView))] : [])),
    ...(behind.length ? [facts(/** @type {[string, string][]} */ (behind))] : []),
  ];
}

/** @param {Json} controls */
function waitView({ dueAt, ...controls }) {
  const shown = Object.entries(controls).map(([name, value]) => /** @type {[string, Node | string]} */ ([name, typeof value === "object" ? JSON.stringify(value) : String(value)]));
  return [facts([...shown, ...(dueAt ? [/** @type {[string, Node]} */ (["Would end", time(dueAt)])] : [])])];
}

/** @param {Json} result */
function resultView({ type, preview, skipReason, remarks = [], issues = { controls: {} } }) {
  const unknown = Object.values(issues.controls).flat().map((/** @type {Json} */ { message }) => message);
  const notes = [...(skipReason ? [`It would not run: ${skipReason}`] : []), ...remarks, ...unknown];
  return [...(type === "in_app" ? messageView(preview) : waitView(preview)), ...notes.map((note) => element("p", { className: "problem" }, note))];
}

/**
 * Return the preview of an editor.
 * @param {import("./console.js").Context} context @param {() => Json | null} read the workflow as it is; null while a field is not valid
 * @param {(problems: Record<string, string>, index: number) => void} told what is wrong with which fields, after each preview
 * @param {Json} typed the sample values to begin with, if there are any
 */
export function previewPane({ api, signal }, read, told, typed) {
  const choice = element("select", { id: "previewed" });
  const shown = element("div", { className: "shown" });
  const line = element("p", { className: "problem", role: "status" });
  const sample = element("textarea", { id: "sample", className: "code", rows: 10, spellcheck: false });
  sample.setAttribute("aria-describedby", "sample-hint");
  const reset = button("Use examples again", () => {
    isEdited = false;
    void renew();
  }, "small");
  const node = element("section", { className: "preview", ariaLabel: "Preview" }, element("h2", {}, "Preview"),
    element("label", { htmlFor: "previewed" }, "Step"), choice, shown, line,
    element("label", { htmlFor: "sample" }, "Sample values"), sample,
    element("p", { className: "hint", id: "sample-hint" }, "Only for the preview. What is missing gets an example."), reset);
  let isRunning = false;
  let isWaiting = false; // something has changed since the running preview was asked for
  let isEdited = Boolean(typed);
  if (typed) sample.value = JSON.stringify(typed, null, 2);

  const say = (/** @type {string} */ words) => {
    if (line.textContent !== words) line.textContent = words;
  };

  /** Preview the workflow as it is; while a preview runs, as it is when that has ended. */
  async function renew() {
    isWaiting = true;
    if (isRunning) return;
    isRunning = true;
    while (isWaiting && !signal.aborted) {
      isWaiting = false;
      await preview();
    }
    isRunning = false;
  }

  /** Show a preview, unless something else is to be previewed by then. */
  async function preview() {
    const workflow = read();
    const step = Number(choice.value);
    const isOld = () => isWaiting || signal.aborted;
    if (!workflow?.steps.length) {
      shown.replaceChildren();
      return say(workflow ? "There is no step yet." : "A field is not valid.");
    }
    try {
      const previewPayload = isEdited ? JSON.parse(sample.value || "{}") : undefined;
      const { data } = await api.send("POST", "v2/workflows/preview", { workflow, step, previewPayload }, signal);
      if (isOld()) return;
      if (!isEdited) sample.value = JSON.stringify(data.previewPayloadExample, null, 2);
      shown.replaceChildren(...resultView(data.result));
      say("");
      told({}, step);
    } catch (error) {
      if (isOld()) return;
      shown.replaceChildren();
      const problems = error instanceof ApiError ? error.fields : {};
      const words = Object.values(problems).join(". ") || (error instanceof Error ? error.message : String(error));
      say(error instanceof SyntaxError ? `The sample is not valid: ${words}` : words);
      told(problems, step);
    }
  }

  sample.addEventListener("input", () => {
    isEdited = true;
    void renew();
  });
  choice.addEventListener("change", () => void renew());

  /** Show the steps that there are, and preview the one with this index. @param {Card[]} cards @param {number} index */
  function choose(cards, index) {
    choice.replaceChildren(...cards.map((card, position) => element("option", { value: String(position) }, `${position + 1}. ${card.title()}`)));
    choice.value = String(Math.max(0, Math.min(index, cards.length - 1)));
    void renew();
  }

  /** Keep the sample values for a workflow that was saved. @param {string} workflowId */
  function keep(workflowId) {
    try {
      if (isEdited) typedSamples.set(workflowId, JSON.parse(sample.value || "{}"));
      else typedSamples.delete(workflowId);
    } catch {
      typedSamples.delete(workflowId); // it is not valid
    }
  }

  return { node, choose, keep, chosen: () => Number(choice.value || 0) };
}
