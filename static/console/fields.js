/** Labelled fields of a form: what they hold, and what is wrong with it. */

import { element } from "../pages/element.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Control */

/**
 * @typedef {object} Field
 * @property {string} path of its value in the body, such as `primaryAction.label`
 * @property {HTMLElement} node
 * @property {Control} control
 * @property {() => Json} value what it began with while nobody has changed it; undefined if it is empty or cannot be read
 * @property {() => boolean} isReadable
 * @property {(problem: string) => void} say what is wrong, "" for nothing
 */

let count = 0;

/**
 * @param {string} path @param {string} label @param {Control} control @param {string} hint
 * @param {Json} stored what the control began with, of which it may not show all: it has its own line breaks, numbers and words
 * @param {(text: string) => Json} [parse] a text of the control that is not empty; throws if it cannot be read
 * @returns {Field}
 */
function labelled(path, label, control, hint, stored, parse = (text) => text) {
  const unchanged = control.value;
  const id = `field-${(count += 1)}`;
  const problem = element("p", { id: `${id}-problem`, className: "problem" });
  const help = hint ? [element("p", { id: `${id}-hint`, className: "hint" }, hint)] : [];
  control.id = id;
  control.setAttribute("aria-describedby", [...help, problem].map((one) => one.id).join(" "));
  const text = element("label", { htmlFor: id }, label);
  const isBox = control instanceof HTMLInputElement && control.type === "checkbox";
  const node = element("div", { className: isBox ? "field box" : "field" }, ...(isBox ? [control, text] : [text, control]), ...help, problem);
  const say = (/** @type {string} */ words) => {
    problem.textContent = words;
    control.ariaInvalid = words ? "true" : "false";
    for (let part = words ? node.parentElement : null; part; part = part.parentElement) {
      if (part instanceof HTMLDetailsElement) part.open = true;
    }
  };
  const check = () => {
    if (control.value === unchanged) return { value: stored ?? undefined, problem: "" };
    try {
      return { value: control.value ? parse(control.value) : undefined, problem: "" };
    } catch (error) {
      return { value: undefined, problem: `Not valid: ${error instanceof Error ? error.message : error}` };
    }
  };
  control.addEventListener("input", () => say(check().problem));
  return { path, node, control, say, isReadable: () => !check().problem, value: () => check().value };
}

/** Return a field of one line, or of more if the value has more. @param {string} path @param {string} label @param {Json} value @param {string} [hint] */
export function lineField(path, label, value, hint = "") {
  if (/[\r\n]/.test(value ?? "")) return textField(path, label, value, hint);
  return labelled(path, label, element("input", { value: value ?? "", autocomplete: "off", spellcheck: false }), hint, value);
}

/** @param {string} path @param {string} label @param {Json} value @param {string} [hint] */
export function textField(path, label, value, hint = "") {
  return labelled(path, label, element("textarea", { value: value ?? "", rows: 3, spellcheck: false }), hint, value);
}

/** Return a field for texts, each on a line of its own. @param {string} path @param {string} label @param {string[]} values @param {string} [hint] */
export function listField(path, label, values, hint = "") {
  const control = element("textarea", { value: values.join("\n"), rows: 2, spellcheck: false });
  return labelled(path, label, control, hint, values, (text) => text.split("\n").map((one) => one.trim()).filter(Boolean));
}

/** @param {string} path @param {string} label @param {Json} value @param {string} [hint] */
export function numberField(path, label, value, hint = "") {
  return labelled(path, label, element("input", { type: "number", min: "1", step: "1", value: value ?? "" }), hint, value, Number);
}

/**
 * @param {string} path @param {string} label @param {Json} value @param {string[]} words the first may be "": nothing is chosen
 * @param {string} [hint]
 */
export function choiceField(path, label, value, words, hint = "") {
  const options = words.map((word) => element("option", { value: word }, word || "not set"));
  const control = element("select", {}, ...options);
  control.value = value ?? words[0];
  return labelled(path, label, control, hint, value);
}

/** @param {string} path @param {string} label @param {boolean} value @param {string} [hint] */
export function boxField(path, label, value, hint = "") {
  const control = element("input", { type: "checkbox", checked: value });
  return { ...labelled(path, label, control, hint, value), value: () => control.checked };
}

/** Return a field for a JSON object, which is checked while it is typed. @param {string} path @param {string} label @param {Json} value @param {string} [hint] */
export function jsonField(path, label, value, hint = "") {
  const control = element("textarea", { className: "code", value: value ? JSON.stringify(value, null, 2) : "", rows: 3, spellcheck: false });
  return labelled(path, label, control, hint, value, (text) => {
    if (!text.trim()) return undefined;
    const parsed = JSON.parse(text);
    if (typeof parsed !== "object" || !parsed || Array.isArray(parsed)) throw new Error("an object such as {\"a\": 1} is needed");
    return parsed;
  });
}

/** Show fields in columns. @param {Field[]} fields */
export const grid = (fields) => element("div", { className: "grid" }, ...fields.map(({ node }) => node));

/** Return the value at a path of an object. @param {Json} values @param {string} path */
export function valueAt(values, path) {
  return path.split(".").reduce((/** @type {Json} */ inner, name) => inner?.[name], values);
}

/** Return an object with the values of fields at their paths, on top of others. @param {Field[]} fields @param {Json} [base] */
export function valuesOf(fields, base = {}) {
  const values = { ...base };
  for (const { path, value } of fields) {
    const found = value();
    if (found === undefined) continue;
    const names = path.split(".");
    const last = /** @type {string} */ (names.pop());
    names.reduce((/** @type {Json} */ inner, name) => (inner[name] ??= {}), values)[last] = found;
  }
  return values;
}

/** Say problems at the fields that they name, or at the nearest. @param {[Field, string][]} fields each with its whole path @param {Record<string, string>} problems @returns {string[]} those that no field has */
export function sayProblems(fields, problems) {
  return Object.entries(problems).flatMap(([path, problem]) => {
    const ranked = fields.map(([field, own]) => ({ field, rank: own === path ? Infinity : `${path}.`.startsWith(`${own}.`) ? own.length : `${own}.`.startsWith(`${path}.`) ? 0 : -1 }));
    const best = ranked.reduce((one, other) => (other.rank > one.rank ? other : one), { field: ranked[0]?.field, rank: -1 });
    if (best.rank < 0) return [problem];
    best.field.say(problem);
    return [];
  });
}
