/** The workflows: what kinds of messages there are; and one of them with its steps, a switch and a trigger to try it. */

import { element } from "../pages/element.js";
import { attempts, button } from "./forms.js";
import { facts, filters, link, pager, table, time, transactionLink } from "./parts.js";
import { typedSamples } from "./preview.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./console.js").Context} Context */

const PAGE_SIZE = 20;

/** @param {Context} context */
export async function workflows({ api, query }) {
  const offset = Number(query.get("offset") ?? 0);
  const { data } = await api.get("v2/workflows", { ...Object.fromEntries(query), offset, limit: PAGE_SIZE });
  const rows = data.workflows.map((/** @type {Json} */ one) => [
    link(`#/workflows/${encodeURIComponent(one.workflowId)}`, one.workflowId), one.name, one.tags.join(", "),
    one.stepTypeOverviews.join(", "), one.status.toLowerCase(), time(one.updatedAt),
  ]);
  return [
    element("h1", {}, "Workflows"),
    element("p", { className: "lead" }, link("#/editor", "New workflow")),
    filters("workflows", query, [["query", "Name or identifier", element("input", { autocomplete: "off", spellcheck: false })]]),
    rows.length ? table("Workflows, newest first", ["Identifier", "Name", "Tags", "Steps", "Status", "Changed"], rows)
      : element("p", { className: "empty" }, "None. Make one here, or by the command inbox workflows push from files."),
    pager("workflows", query, [
      ["Newer", { offset: offset > 0 ? String(Math.max(0, offset - PAGE_SIZE)) : null }],
      ["Older", { offset: offset + PAGE_SIZE < data.totalCount ? String(offset + PAGE_SIZE) : null }],
    ]),
  ];
}

/** Return an example of a payload, made by the service; {} if it cannot make one. @param {Context} context @param {Json} workflow */
async function examplePayload({ api }, { workflowId, steps }) {
  const [step] = steps;
  if (!step) return {};
  const path = `v2/workflows/${encodeURIComponent(workflowId)}/step/${encodeURIComponent(step.stepId)}/preview`;
  return api.send("POST", path, { previewPayload: typedSamples.get(workflowId) }).then(({ data }) => data.previewPayloadExample.payload, () => ({}));
}

/** A form that triggers the workflow, to a subscriber or a topic. @param {Context} context @param {Json} workflow @param {Json} example */
function tryIt({ api }, workflow, example) {
  const kind = element("select", {}, element("option", { value: "subscriber" }, "subscriber"), element("option", { value: "topic" }, "topic"));
  const to = element("input", { required: true, autocomplete: "off", spellcheck: false });
  const payload = element("textarea", { rows: 8, spellcheck: false, value: JSON.stringify(example, null, 2) });
  const result = element("output");
  const form = element("form", { className: "try" },
    element("div", { className: "pair" }, element("label", {}, "To a", kind), element("label", {}, "Its id", to)),
    element("label", {}, "Payload", payload), element("div", { className: "row" }, element("button", { className: "main" }, "Trigger"), result));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const target = kind.value === "topic" ? { type: "Topic", topicKey: to.value } : to.value;
      const body = { name: workflow.workflowId, to: target, payload: JSON.parse(payload.value || "{}") };
      const { data } = await api.send("POST", "v1/events/trigger", body);
      result.replaceChildren(`${data.status}, `, data.transactionId ? transactionLink(data.transactionId) : (data.error ?? []).join(". "));
    } catch (error) {
      result.textContent = `Not triggered: ${error instanceof Error ? error.message : error}`;
    }
  });
  return form;
}

/** The switch that lets triggers deliver or not. @param {Context} context @param {Json} workflow */
function activity(context, workflow) {
  const state = element("span", {}, workflow.active ? "active" : "inactive: triggers of it deliver nothing");
  const toggle = button(workflow.active ? "Switch off" : "Switch on", async () => {
    const saved = context.api.send("PATCH", `v2/workflows/${encodeURIComponent(context.id)}`, { active: !workflow.active });
    await saved.then(({ data }) => both.replaceWith(activity(context, data)), (error) => (state.textContent = error.message));
  }, "small");
  const both = element("span", { className: "row" }, state, toggle);
  return both;
}

/** Links that change the workflow or copy it, and a button that deletes it. @param {Context} context @param {Json} workflow */
function changes({ api }, { workflowId, name }) {
  const id = encodeURIComponent(workflowId);
  const { problem, attempt } = attempts();
  const remove = button("Delete", () => {
    if (!confirm(`Delete ${name}? Its messages stay. Triggers of it fail from then on.`)) return;
    return attempt(async () => {
      await api.send("DELETE", `v2/workflows/${id}`);
      location.hash = "#/workflows";
    });
  }, "small");
  return element("div", { className: "row wrap" }, link(`#/editor/${id}`, "Edit"), link(`#/editor?from=${id}`, "Duplicate"), remove, problem);
}

/** @param {Context} context */
export async function workflow(context) {
  const { data: found } = await context.api.get(`v2/workflows/${encodeURIComponent(context.id)}`);
  const example = await examplePayload(context, found);
  const steps = found.steps.map((/** @type {Json} */ step) => element("li", {},
    element("p", {}, element("strong", {}, step.name), ` ${step.type}, ${step.stepId}`),
    element("pre", { tabIndex: 0 }, JSON.stringify(step.controls.values, null, 2)),
    ...Object.values(step.issues?.controls ?? {}).flat().map((/** @type {Json} */ { message }) => element("p", { className: "problem" }, message))));
  const schema = found.payloadSchema && element("pre", { tabIndex: 0 }, JSON.stringify(found.payloadSchema, null, 2));
  return [
    element("h1", {}, found.name),
    element("p", { className: "lead" }, link(`#/activity?templates=${found._id}`, "Everything that it did")),
    changes(context, found),
    facts([
      ["Identifier", found.workflowId],
      ...(found.description ? [/** @type {[string, string]} */ (["Description", found.description])] : []),
      ["Status", activity(context, found)],
      ["Severity", found.severity],
      ["Tags", found.tags.join(", ") || "none"],
      ["Critical", found.preferences?.default?.all?.readOnly ? "yes: nobody can switch it off" : "no"],
      ["Changed", time(found.updatedAt)],
    ]),
    element("h2", {}, "Steps"),
    element("ol", { className: "steps" }, ...steps),
    ...(schema ? [element("h2", {}, "Schema of the payload"), schema] : []),
    element("h2", {}, "Try it"),
    tryIt(context, found, example),
  ];
}
