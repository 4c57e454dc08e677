/** The in-app preferences of one subscriber, with switches. */

import { element } from "../pages/element.js";
import { attempts } from "./forms.js";
import { table } from "./parts.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./console.js").Context} Context */

/** @param {Json} level */
const isOn = ({ enabled, channels }) => enabled && channels.in_app !== false;

/** @param {string} id */
const pathOf = (id) => `v2/subscribers/${encodeURIComponent(id)}/preferences`;

/** Read what is chosen, and which workflows leave no choice. @param {Context} context */
export async function readPreferences({ api, id }) {
  const [{ data: chosen }, { data: critical }] = await Promise.all([
    api.get(pathOf(id)), api.get(pathOf(id), { criticality: "critical" }),
  ]);
  return { ...chosen, critical: critical.workflows };
}

/** Return the table with a switch for each level. @param {Context} context @param {Json} first */
export function preferences(context, first) {
  const { problem, attempt } = attempts();
  const list = element("div");

  /** @param {Json} level @param {string} name @param {string} [workflowId] */
  function toggle(level, name, workflowId) {
    const box = element("input", { type: "checkbox", role: "switch", checked: isOn(level), ariaLabel: `In-app messages: ${name}` });
    box.addEventListener("change", () => void attempt(async () => {
      try {
        await context.api.send("PATCH", pathOf(context.id), { workflowId, channels: { in_app: box.checked } });
      } finally {
        await renew(workflowId);
      }
    }));
    box.dataset.workflow = workflowId ?? "";
    return element("label", { className: "switch" }, box, isOn(level) ? "on" : "off");
  }

  /** Show what is stored now, and leave the focus where it was. @param {string} [workflowId] */
  async function renew(workflowId) {
    const stored = await readPreferences(context);
    if (context.signal.aborted) return;
    fill(stored);
    [...list.querySelectorAll("input")].find((box) => box.dataset.workflow === (workflowId ?? ""))?.focus();
  }

  /** @param {Json} stored */
  function fill({ global, workflows, critical }) {
    list.replaceChildren(table(`In-app preferences of ${context.id}`, ["Workflow", "In-app"], [
      ["All workflows", toggle(global, "all workflows")],
      ...workflows.map((/** @type {Json} */ one) => [one.workflow.name, toggle(one, one.workflow.name, one.workflow.identifier)]),
      ...critical.map((/** @type {Json} */ one) => [one.workflow.name, "on: the workflow is critical, nobody can switch it off"]),
    ]));
  }

  fill(first);
  return element("div", {}, element("p", { className: "lead" }, "A switch for all workflows replaces the choices for single ones."), problem, list);
}
