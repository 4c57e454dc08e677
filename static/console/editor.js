/** The editor of a workflow: a form for all that it has, a preview beside it, and a question before changes are lost. */

import { element } from "../pages/element.js";
import { ApiError } from "./api.js";
import { sayProblems } from "./fields.js";
import { headFields } from "./head.js";
import { link } from "./parts.js";
import { previewPane, typedSamples } from "./preview.js";
import { stepList } from "./step-list.js";
import { STEP_TYPES } from "./steps.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./console.js").Context} Context */
/** @typedef {import("./fields.js").Field} Field */
/** @typedef {import("./steps.js").Card} Card */

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
  const unknown = data.steps.find((/** @type {Json} */ { type }) => !(type in STEP_TYPES));
  if (unknown) throw new ApiError(`The step ${unknown.stepId} is of the type ${unknown.type}, which this page does not know.`);
  return data;
}

/** @param {Context} context */
export async function newWorkflow(context) {
  const from = context.query.get("from");
  if (!from) return new Editor(context, BLANK, null).nodes();
  const original = await read(context, from);
  const steps = original.steps.map((/** @type {Json} */ step) => ({ ...step, _id: undefined }));
  return new Editor(context, { ...original, steps, name: `${original.name} (copy)`, workflowId: "" }, null).nodes();
}

/** @param {Context} context */
export async function editWorkflow(context) {
  const stored = await read(context, context.id);
  return new Editor(context, stored, stored).nodes();
}

class Editor {
  #context;
  #stored;
  #head;
  #steps;
  #preview;
  #form;
  #saved;
  #knownAt; // the last change of the workflow that whoever edits it knows of
  #touched = new WeakSet(); // cards that somebody has typed in: an empty new one is not told what it lacks
  #line = element("p", { className: "problem", role: "alert" });
  #button = element("button", { className: "main" }, "Save");

  /** @param {Context} context @param {Json} workflow what the form shows @param {Json | null} stored null for a new one */
  constructor(context, workflow, stored) {
    this.#context = context;
    this.#stored = stored;
    this.#knownAt = stored?.updatedAt;
    this.#head = headFields(workflow, !stored);
    this.#steps = stepList(workflow.steps, () => this.#show(null));
    this.#preview = previewPane(context, () => this.#body(), (problems, index) => this.#tell(problems, index), stored && typedSamples.get(stored.workflowId));
    const cancel = link(stored ? pageOf(stored.workflowId) : "#/workflows", "Cancel");
    this.#form = element("form", { className: "editor", noValidate: true },
      element("div", { className: "fields" }, ...this.#head.nodes, element("h2", {}, "Steps"), ...this.#steps.nodes, this.#line,
        element("div", { className: "row" }, this.#button, cancel)), this.#preview.node);
    this.#form.addEventListener("submit", (event) => void this.#submit(event));
    this.#form.addEventListener("input", ({ target }) => this.#type(target));
    this.#form.addEventListener("focusin", ({ target }) => this.#positionOf(target) !== this.#preview.chosen() && this.#show(target));
    this.#saved = this.#state();
    context.guard(() => this.#state() !== this.#saved);
    this.#show(null);
  }

  nodes() {
    const stored = this.#stored;
    const title = element("h1", {}, stored ? `Edit ${stored.name}` : "New workflow");
    return [title, ...(stored ? [element("p", { className: "lead" }, `Identifier ${stored.workflowId}`)] : []), this.#form];
  }

  /** Return every field with its whole path. @returns {[Field, string][]} */
  #fields() {
    const ofSteps = this.#steps.cards().flatMap((card, index) => card.fields.map((field) => /** @type {[Field, string]} */ ([field, `steps.${index}.${field.path}`])));
    return [...this.#head.fields.map((field) => /** @type {[Field, string]} */ ([field, field.path])), ...ofSteps];
  }

  /** Return the workflow as the API takes it, null while a field is not valid. @returns {Json | null} */
  #body() {
    if (!this.#fields().every(([field]) => field.isReadable())) return null;
    return { ...this.#head.values(), steps: this.#steps.cards().map((card) => card.read()) };
  }

  /** Return a text that differs when anything in the form does. */
  #state() {
    const contents = this.#fields().map(([{ control }]) => (control instanceof HTMLInputElement && control.type === "checkbox" ? control.checked : control.value));
    return JSON.stringify([this.#steps.cards().map(({ type }) => type), contents]);
  }

  /** Return the position of the step that a node is in, else of the previewed one. @param {EventTarget | null} node */
  #positionOf(node) {
    const position = this.#steps.cards().findIndex((card) => card.node.contains(/** @type {Node | null} */ (node)));
    return position < 0 ? this.#preview.chosen() : position;
  }

  /** Preview the step that a node is in, else the one that was previewed. @param {EventTarget | null} node */
  #show(node) {
    this.#preview.choose(this.#steps.cards(), this.#positionOf(node));
  }

  /** @param {EventTarget | null} target */
  #type(target) {
    if (this.#preview.node.contains(/** @type {Node | null} */ (target))) return;
    const card = this.#steps.cards().find(({ node }) => node.contains(/** @type {Node | null} */ (target)));
    if (card) this.#touched.add(card);
    this.#show(target);
  }

  /** Say what a preview found at the fields of its step. @param {Record<string, string>} problems @param {number} index */
  #tell(problems, index) {
    const card = this.#steps.cards()[index];
    const concerned = this.#fields().filter(([field]) => field.isReadable() && (card?.fields.includes(field) || field.path === "payloadSchema"));
    for (const [field] of concerned) field.say("");
    if (this.#touched.has(card)) sayProblems(concerned, problems);
  }

  /** Say why nothing was saved, and go to the first field that is the reason. @param {...(Node | string)} words */
  #refuse(...words) {
    this.#line.replaceChildren(...words);
    const first = this.#form.querySelector("[aria-invalid=true]");
    (first instanceof HTMLElement ? first : this.#button).focus();
  }

  /** @param {Event} event */
  async #submit(event) {
    event.preventDefault();
    const body = this.#body();
    if (!body) return this.#refuse("Not saved: a field is not valid.");
    this.#line.replaceChildren();
    this.#form.inert = true; // what is typed now would not be saved
    const problem = await this.#save(body).catch((error) => this.#explain(error));
    this.#form.inert = false;
    if (problem) this.#refuse(...problem);
  }

  /** Save; return why not, if somebody else has changed the workflow since it was read and was not named yet. @param {Json} body */
  async #save(body) {
    const { api, signal } = this.#context;
    const stored = this.#stored;
    const current = stored && (await api.get(pathOf(stored.workflowId))).data;
    if (current && current.updatedAt !== this.#knownAt) {
      this.#knownAt = current.updatedAt;
      return ["Somebody else has changed this workflow. Save again to replace that, or ", link(pageOf(stored.workflowId), "look at it"), "."];
    }
    const { data } = await (stored ? api.send("PUT", pathOf(stored.workflowId), body) : api.send("POST", "v2/workflows", body));
    if (signal.aborted) return null;
    this.#saved = this.#state();
    this.#preview.keep(data.workflowId);
    location.hash = pageOf(data.workflowId);
    return null;
  }

  /** Say what the service refuses at the fields that it names; return the rest in words. @param {unknown} error */
  #explain(error) {
    const rest = error instanceof ApiError ? sayProblems(this.#fields(), error.fields) : [];
    return [`Not saved: ${[...new Set(rest)].join(". ") || (error instanceof Error ? error.message : error)}`];
  }
}
