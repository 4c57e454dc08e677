/** The form of the knobs: a field for each, and what the fields hold. */

import { element } from "../pages/element.js";

/** @typedef {import("./knobs.js").Knob} Knob */

/** @param {Knob} knob @param {string} value @returns {HTMLElement} */
function control({ name, type, options = [], example = "" }, value) {
  if (type === "choice") {
    const names = ["", ...options].map((option) => element("option", { value: option, selected: option === value }, option || "not set"));
    return element("select", { name }, ...names);
  }
  if (type === "json") return element("textarea", { name, value, rows: 2, placeholder: example, spellcheck: false });
  const field = element("input", { name, value, placeholder: example, autocomplete: "off", spellcheck: false });
  if (options.length) {
    field.setAttribute("list", `${name}-options`);
    return element("span", {}, field, element("datalist", { id: `${name}-options` }, ...options.map((option) => element("option", { value: option }))));
  }
  return field;
}

/** @param {Knob} knob @param {string} value */
function words({ name, options = [] }, value) {
  const chosen = value.split(" ");
  const boxes = options.map((option) =>
    element("label", {}, element("input", { type: "checkbox", name, value: option, checked: chosen.includes(option) }), option));
  return element("fieldset", { className: "words" }, element("legend", {}, name), ...boxes);
}

/** A colour that can be unset: the text is the value, the swatch fills it in. @param {Knob} knob @param {string} value */
function color({ name }, value) {
  const text = element("input", { name, value, placeholder: "not set", autocomplete: "off", spellcheck: false });
  const swatch = element("input", { type: "color", ariaLabel: `Choose ${name}`, value: value || "#808080" });
  swatch.addEventListener("input", () => (text.value = swatch.value));
  return element("div", { className: "color" }, element("label", {}, element("span", {}, name), text), swatch);
}

/** @param {Knob} knob @param {import("./knobs.js").Settings} settings */
function field(knob, settings) {
  const value = settings[knob.name] ?? "";
  if (knob.type === "words") return words(knob, value);
  if (knob.type === "color") return color(knob, value);
  const isTicked = knob.type === "flag" || knob.type === "code";
  const input = isTicked ? element("input", { name: knob.name, type: "checkbox", checked: knob.name in settings }) : control(knob, value);
  const label = element("label", { className: isTicked ? "ticked" : "" }, element("span", {}, knob.name), input);
  if (knob.type !== "json") return label;
  const fill = element("button", { type: "button", className: "small" }, "Use the example");
  fill.setAttribute("aria-label", `Use the example for ${knob.name}`);
  fill.addEventListener("click", () => {
    const area = /** @type {HTMLTextAreaElement} */ (label.querySelector("textarea"));
    area.value = knob.example ?? "";
    area.dispatchEvent(new Event("input", { bubbles: true }));
  });
  return element("div", { className: "json" }, label, fill);
}

/**
 * Return the fields of the knobs, one group after the other.
 * @param {Knob[]} knobs @param {import("./knobs.js").Settings} settings
 */
export function fieldsOf(knobs, settings) {
  const groups = [...new Set(knobs.map(({ group }) => group))];
  return groups.map((group) => {
    const own = knobs.filter((knob) => knob.group === group).map((knob) => field(knob, settings));
    const isOpen = group !== "Colours" && group !== "Measures";
    return element("details", { open: isOpen }, element("summary", {}, group), element("div", { className: "fields" }, ...own));
  });
}

/** @param {Knob[]} knobs @param {FormData} data @returns {import("./knobs.js").Settings} */
export function settingsOf(knobs, data) {
  /** @type {import("./knobs.js").Settings} */
  const settings = {};
  for (const { name, type, example = "" } of knobs) {
    const values = data.getAll(name).map(String).filter(Boolean);
    if (!values.length) continue;
    if (type === "flag") settings[name] = "";
    else settings[name] = type === "code" ? example : values.join(" ");
  }
  return settings;
}
