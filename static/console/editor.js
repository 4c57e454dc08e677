/** The editor of a workflow: a form for all that it has, a preview beside it, and a question before changes are lost. */

import { element } from "../pages/element.js";
import { ApiError } from "./api.js";
import { boxField, choiceField, grid, jsonField, lineField, sayProblems, textField, valuesOf } from "./fields.js";
import { button } from "./forms.js";
import { link } from "./parts.js";
import { previewPane, typedSamples } from "./preview.js";
import { STEP_TYPES, stepCard } from "./steps.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./console.js").Context} Context */
/** @typedef {import("./fields.js").Field} Field */
/** @typedef {import("./steps.js").Card} Card */

const SEVERITIES = ["none", "low", "medium", "high"];
const V1_ORIGIN = "novu-cloud-v1";
const BLANK = { name: "", workflowId: "", tags: [], active: true, severity: "none", steps: [{ type: "in_app", name: "In-app message" }] };

/** @param {string} id */
const pathOf = (id) => `v2/workflows/${encodeURIComponent(id)}`;
/** @param {string} id */
const pageOf = (id) => `#/workflows/${encodeURIComponent(id)}`;

/** Return a workflow that can be edited here. @param {Context} context @param {string} id */
async function read({ api }, id) {
  const { data } = await api.get(pathOf(id));
  if (data.origin === V1_ORIGIN) throw new ApiError("This workflow was made by the v1 API, whose templates are other ones. Change it there.");
  return data;
}

/** @param {Context} context */
export async function newWorkflow(context) {
  const from = context.query.get("from");
  if (!from) return editor(context, BLANK, null);
  const original = await read(context, from);
  const steps = original.steps.map((/** @type {Json} */ step) => ({ ...step, _id: undefined }));
  return editor(context, { ...original, steps, name: `${original.name} (copy)`, workflowId: "" }, null);
}

/** @param {Context} context */
export async function editWorkflow(context) {
  const stored = await read(context, context.id);
  return editor(context, stored, stored);
}

/** Return the fields of the workflow itself, how they are shown, and how to read them. @param {Json} workflow @param {boolean} isNew */
function headFields(workflow, isNew) {
  const level = workflow.preferences?.user ?? workflow.preferences?.default;
  const isDelivered = level?.channels.in_app.enabled ?? true;
  const name = lineField("name", "Name", workflow.name);
  const identifier = lineField("workflowId", "Identifier", workflow.workflowId, "Triggers name the workflow by it. It cannot be changed later.");
  let suggested = "";
  const suggest = () => {
    if ((identifier.value() ?? "") !== suggested) return; // somebody has typed another one
    suggested = String(name.value() ?? "").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
    identifier.control.value = suggested;
  };
  if (isNew) {
    suggest();
    name.control.addEventListener("input", suggest);
  }
  const tags = lineField("tags", "Tags", workflow.tags.join(", "), "Separated by commas.");
  const delivers = boxField("preferences.delivers", "Delivers to people who have chosen nothing", isDelivered);
  const critical = boxField("preferences.critical", "Critical: nobody can switch it off", level?.all.readOnly ?? false);
  const main = [
    name, ...(isNew ? [identifier] : []), tags, choiceField("severity", "Severity", workflow.severity, SEVERITIES),
    boxField("active", "Active: triggers deliver", workflow.active),
  ];
  const more = [
    textField("description", "Description", workflow.description),
    jsonField("payloadSchema", "Schema of the payload", workflow.payloadSchema, "A JSON Schema. Previews take their examples from it."),
    boxField("validatePayload", "Refuse payloads that do not fit the schema", workflow.validatePayload ?? false),
  ];
  const preferences = () => {
    const all = { enabled: delivers.value(), readOnly: critical.value() };
    const changed = delivers.value() === isDelivered && level ? { all: { ...level.all, readOnly: all.readOnly }, channels: level.channels } : { all };
    return { workflow: workflow.preferences?.default, [workflow.preferences?.user ? "user" : "workflow"]: changed };
  };
  const values = () => ({
    ...valuesOf([...main, ...more]), name: name.value() ?? "", preferences: preferences(), isTranslationEnabled: workflow.isTranslationEnabled,
    tags: String(tags.value() ?? "").split(",").map((tag) => tag.trim()).filter(Boolean),
    ...(isNew ? { workflowId: identifier.value() ?? "" } : {}),
  });
  const nodes = [grid(main), element("details", {}, element("summary", {}, "Description, payload and preferences"), grid([...more, delivers, critical]))];
  return { fields: [...main, ...more, delivers, critical], nodes, values };
}

/** Return the list of step cards with the buttons that add one. @param {Json[]} steps @param {() => void} changed after a step came, went or moved */
function stepList(steps, changed) {
  /** @type {Card[]} */
  let cards = [];
  const list = element("ol", { className: "cards" });
  const renumber = () => {
    cards.forEach((card, position) => card.place(position, cards.length));
    changed();
  };
  const actions = {
    remove: (/** @type {Card} */ card) => {
      const position = cards.indexOf(card);
      cards = cards.filter((one) => one !== card);
      card.node.remove();
      renumber();
      (cards[Math.min(position, cards.length - 1)]?.fields[0].control ?? add.querySelector("button"))?.focus();
    },
    move: (/** @type {Card} */ card, /** @type {number} */ by) => {
      const position = cards.indexOf(card);
      const focused = document.activeElement;
      cards.splice(position, 1);
      cards.splice(position + by, 0, card);
      list.append(...cards.map(({ node }) => node));
      renumber();
      if (focused instanceof HTMLButtonElement && !focused.disabled) focused.focus();
      else card.fields[0].control.focus();
    },
  };
  const add = element("div", { className: "row wrap" }, ...Object.entries(STEP_TYPES).map(([type, { name }]) => {
    const append = () => {
      const card = stepCard({ type, name }, actions);
      cards.push(card);
      list.append(card.node);
      renumber();
      card.fields[0].control.focus();
    };
    return button(`Add: ${name}`, append, "small");
  }));
  cards = steps.map((step) => stepCard(step, actions));
  list.append(...cards.map(({ node }) => node));
  cards.forEach((card, position) => card.place(position, cards.length));
  return { nodes: [list, add], cards: () => cards };
}

/** @param {Context} context @param {Json} workflow what the form shows @param {Json | null} stored null for a new one */
function editor(context, workflow, stored) {
  const head = headFields(workflow, !stored);
  const steps = stepList(workflow.steps, () => preview.choose(steps.cards(), preview.chosen()));
  const touched = new WeakSet(); // cards that somebody has typed in: an empty new one is not told what it lacks
  const fields = () => /** @type {[Field, string][]} */ ([
    ...head.fields.map((field) => [field, field.path]),
    ...steps.cards().flatMap((card, index) => card.fields.map((field) => [field, `steps.${index}.${field.path}`])),
  ]);
  const body = () => ({ ...head.values(), steps: steps.cards().map((card) => card.read()) });
  const readable = () => (fields().every(([field]) => field.isReadable()) ? body() : null);
  const preview = previewPane(context, readable, (problems, index) => {
    const card = steps.cards()[index];
    const concerned = fields().filter(([field]) => field.isReadable() && (card?.fields.includes(field) || field.path === "payloadSchema"));
    for (const [field] of concerned) field.say("");
    if (touched.has(card)) sayProblems(concerned, problems);
  }, stored && typedSamples.get(stored.workflowId));
  const line = element("p", { className: "problem", role: "alert" });
  const save = element("button", { className: "main" }, "Save");
  const cancel = link(stored ? pageOf(stored.workflowId) : "#/workflows", "Cancel");
  const form = element("form", { className: "editor", noValidate: true },
    element("div", { className: "fields" }, ...head.nodes, element("h2", {}, "Steps"), ...steps.nodes, line,
      element("div", { className: "row" }, save, cancel)), preview.node);

  const state = () => JSON.stringify([steps.cards().map(({ type }) => type), fields().map(([{ control }]) => (control instanceof HTMLInputElement && control.type === "checkbox" ? control.checked : control.value))]);
  let saved = state();
  let overwritten = stored?.updatedAt;
  context.guard(() => state() !== saved);

  /** @param {string} words @param {...(Node | string)} more */
  const refuse = (words, ...more) => {
    line.replaceChildren(words, ...more);
    const first = form.querySelector("[aria-invalid=true]");
    if (first instanceof HTMLElement) first.focus();
  };

  /** Return whether nobody else has changed the workflow since it was read; ask once if so. */
  async function isUnchanged() {
    if (!stored) return true;
    const { data } = await context.api.get(pathOf(stored.workflowId));
    if (data.updatedAt === overwritten) return true;
    overwritten = data.updatedAt;
    refuse("Somebody else has changed this workflow. Save again to replace that, or ", link(pageOf(stored.workflowId), "look at it"), ".");
    return false;
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    line.replaceChildren();
    const sent = readable();
    if (!sent) return refuse("Not saved: a field is not valid.");
    save.disabled = true;
    try {
      if (!(await isUnchanged())) return;
      const { data } = await (stored ? context.api.send("PUT", pathOf(stored.workflowId), sent) : context.api.send("POST", "v2/workflows", sent));
      saved = state();
      preview.keep(data.workflowId);
      location.hash = pageOf(data.workflowId);
    } catch (error) {
      const rest = error instanceof ApiError ? sayProblems(fields(), error.fields) : [];
      refuse(`Not saved: ${[...new Set(rest)].join(". ") || (error instanceof Error ? error.message : error)}`);
    } finally {
      save.disabled = false;
    }
  });
  const show = (/** @type {EventTarget | null} */ target) => {
    const index = steps.cards().findIndex(({ node }) => node.contains(/** @type {Node} */ (target)));
    return index < 0 ? preview.chosen() : index;
  };
  form.addEventListener("input", ({ target }) => {
    if (preview.node.contains(/** @type {Node} */ (target))) return;
    const card = steps.cards().find(({ node }) => node.contains(/** @type {Node} */ (target)));
    if (card) touched.add(card);
    preview.choose(steps.cards(), show(target));
  });
  form.addEventListener("focusin", ({ target }) => {
    if (show(target) !== preview.chosen()) preview.choose(steps.cards(), show(target));
  });
  preview.choose(steps.cards(), 0);
  return [
    element("h1", {}, stored ? `Edit ${stored.name}` : "New workflow"),
    ...(stored ? [element("p", { className: "lead" }, `Identifier ${stored.workflowId}`)] : []),
    form,
  ];
}
