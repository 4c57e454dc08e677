/** The fields of a workflow itself, without its steps, in the editor. */

import { element } from "../pages/element.js";
import { boxField, choiceField, grid, jsonField, lineField, listField, textField, valuesOf } from "./fields.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./fields.js").Field} Field */

const SEVERITIES = ["none", "low", "medium", "high"];

/** Let an identifier follow the name until somebody types another one. @param {Field} name @param {Field} identifier */
function suggest(name, identifier) {
  let suggested = "";
  const follow = () => {
    if (identifier.control.value !== suggested) return;
    suggested = name.control.value.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
    identifier.control.value = suggested;
  };
  follow();
  name.control.addEventListener("input", follow);
}

/** Return the fields of the preferences and how to read them; exceptions for channels stay while nobody changes them. @param {Json} preferences */
function preferenceFields(preferences) {
  const level = preferences?.user ?? preferences?.default;
  const isDelivered = level?.channels.in_app.enabled ?? true;
  const delivers = boxField("preferences.delivers", "Delivers to people who have chosen nothing", isDelivered);
  const critical = boxField("preferences.critical", "Critical: nobody can switch it off", level?.all.readOnly ?? false);
  const value = () => {
    const readOnly = critical.value();
    const isKept = level && delivers.value() === isDelivered;
    const changed = isKept ? { all: { ...level.all, readOnly }, channels: level.channels } : { all: { enabled: delivers.value(), readOnly } };
    return { workflow: preferences?.default, [preferences?.user ? "user" : "workflow"]: changed };
  };
  return { fields: [delivers, critical], value };
}

/**
 * Return the fields, how they are shown, and how to read them.
 * @param {Json} workflow @param {boolean} isNew
 */
export function headFields(workflow, isNew) {
  const name = lineField("name", "Name", workflow.name);
  const identifier = lineField("workflowId", "Identifier", workflow.workflowId, "Triggers name the workflow by it. It cannot be changed later.");
  if (isNew) suggest(name, identifier);
  const tags = listField("tags", "Tags", workflow.tags, "One on each line.");
  const preferences = preferenceFields(workflow.preferences);
  const main = [
    name, ...(isNew ? [identifier] : []), tags, choiceField("severity", "Severity", workflow.severity, SEVERITIES),
    boxField("active", "Active: triggers deliver", workflow.active),
  ];
  const more = [
    textField("description", "Description", workflow.description),
    jsonField("payloadSchema", "Schema of the payload", workflow.payloadSchema, "A JSON Schema. Previews take their examples from it."),
    boxField("validatePayload", "Refuse payloads that do not fit the schema", workflow.validatePayload ?? false),
  ];
  const values = () => ({
    ...valuesOf([...main, ...more]),
    name: name.value() ?? "",
    ...(isNew ? { workflowId: identifier.value() ?? "" } : {}),
    tags: tags.value() ?? [],
    preferences: preferences.value(),
    isTranslationEnabled: workflow.isTranslationEnabled,
  });
  const folded = element("details", {}, element("summary", {}, "Description, payload and preferences"), grid([...more, ...preferences.fields]));
  return { fields: [...main, ...more, ...preferences.fields], nodes: [grid(main), folded], values };
}
