/** The steps of a workflow in the editor: a card for each, with the controls of its type. */

import { element } from "../pages/element.js";
import { choiceField, grid, jsonField, lineField, numberField, textField, valueAt, valuesOf } from "./fields.js";
import { button } from "./forms.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./fields.js").Field} Field */
/** @typedef {(values: Json) => Field} Maker makes a field from the values of the controls */

/**
 * @typedef {object} Card
 * @property {HTMLElement} node
 * @property {string} type
 * @property {Field[]} fields with paths below that of the step
 * @property {() => string} title
 * @property {() => Json} read
 * @property {(position: number, count: number) => void} place say which step it is, of how many
 */

const UNITS = ["", "seconds", "minutes", "hours", "days", "weeks", "months"];
const TARGETS = ["", "_self", "_blank", "_parent", "_top", "_unfencedTop"];

/** @param {(path: string, label: string, value: Json, hint?: string) => Field} make @returns {(name: string, label: string, hint?: string) => Maker} */
const maker = (make) => (name, label, hint) => (values) => make(`controlValues.${name}`, label, valueAt(values, name), hint);
const line = maker(lineField);
const text = maker(textField);
const json = maker(jsonField);
const number = maker(numberField);
/** @param {string} name @param {string} label @param {string[]} words @param {string} [hint] @returns {Maker} */
const choice = (name, label, words, hint) => (values) => choiceField(`controlValues.${name}`, label, valueAt(values, name), words, hint);
/** @param {string} name @param {string} label */
const link = (name, label) => [line(`${name}.url`, `${label}: address`), choice(`${name}.target`, `${label}: opens in`, TARGETS)];

/** Return a maker of fields as wide as the form. @param {Maker} make @returns {Maker} */
const wide = (make) => (values) => {
  const field = make(values);
  field.node.classList.add("wide");
  return field;
};

const condition = json("skip", "Condition", "JSON logic. The step runs if it is true, or if there is none.");
const wait = [
  wide(choice("type", "Kind of wait", ["", "regular", "timed"], "regular: for an amount of time. timed: until the next time of a cron expression.")),
  number("amount", "Amount"), choice("unit", "Unit", UNITS), line("cron", "Cron expression"),
];

/** @type {Record<string, {name: string, main: Maker[], more: Record<string, Maker[]>}>} */
export const STEP_TYPES = {
  in_app: {
    name: "In-app message",
    main: [wide(line("subject", "Subject")), text("body", "Body", "Templates are Liquid: {{payload.name}}, {{subscriber.firstName}}."), wide(line("avatar", "Avatar", "The address of an image."))],
    more: {
      "Buttons and links": [
        wide(line("primaryAction.label", "Primary button")), ...link("primaryAction.redirect", "Primary button"),
        wide(line("secondaryAction.label", "Secondary button")), ...link("secondaryAction.redirect", "Secondary button"),
        ...link("redirect", "The message"),
      ],
      "Data, condition and lifetime": [
        json("data", "Data", "A JSON object for the page. Its texts are templates."), condition, choice("bodyFormat", "Format of the body", ["", "text", "markdown"]),
        line("externalReference", "External reference"), line("expiresAt", "Expires at", "A time or a duration such as PT48H."),
        line("collapseKey", "Collapse key", "Unread messages with one key become one."), line("collapseMode", "Collapse mode", "replace or count"),
      ],
    },
  },
  delay: { name: "Delay", main: [...wait, line("until", "Until", "Instead of all above: a template of a time.")], more: { Condition: [condition] } },
  digest: {
    name: "Digest",
    main: [...wait, line("digestKey", "Digest key", "Events with one key are collected together.")],
    more: {
      "Look-back": [number("lookBackWindow.amount", "Look-back: amount"), choice("lookBackWindow.unit", "Look-back: unit", UNITS)],
      Condition: [condition],
    },
  },
  throttle: {
    name: "Throttle",
    main: [number("threshold", "Events that pass"), number("amount", "Window: amount"), choice("unit", "Window: unit", UNITS), line("throttleKey", "Throttle key")],
    more: { Condition: [condition] },
  },
};

/**
 * Return the card of a step.
 * @param {Json} step as the API shows it @param {{remove: (card: Card) => void, move: (card: Card, by: number) => void}} actions
 * @returns {Card}
 */
export function stepCard({ type, name, stepId, _id, controlValues = {} }, actions) {
  const kind = STEP_TYPES[type];
  const own = [lineField("name", "Name of the step", name), lineField("stepId", "Identifier of the step", stepId, "Conditions and templates name it. Empty: made of the name.")];
  const main = kind.main.map((make) => make(controlValues));
  const more = Object.entries(kind.more).map(([title, makers]) => ({ title, fields: makers.map((make) => make(controlValues)) }));
  const controls = [...main, ...more.flatMap(({ fields }) => fields)];
  const known = new Set(controls.map(({ path }) => path.split(".")[1]));
  const kept = Object.fromEntries(Object.entries(controlValues).filter(([key]) => !known.has(key))); // what the form does not show
  const legend = element("legend");
  const up = button("Move up", () => actions.move(card, -1), "small");
  const down = button("Move down", () => actions.move(card, 1), "small");
  const remove = button("Remove", () => actions.remove(card), "small");
  const node = element("li", {}, element("fieldset", {}, legend, element("div", { className: "row" }, up, down, remove),
    grid([...own, ...main]), ...more.map(({ title, fields }) => element("details", {}, element("summary", {}, title), grid(fields)))));
  const fields = [...own, ...controls];
  /** @type {Card} */
  const card = {
    node, type, fields,
    title: () => own[0].value() ?? kind.name,
    read: () => {
      const values = valuesOf(fields, { controlValues: { ...kept } });
      return { ...values, name: values.name ?? "", type, ...(_id ? { _id } : {}) };
    },
    place: (position, count) => {
      legend.textContent = `Step ${position + 1}: ${kind.name}`;
      for (const [control, label] of /** @type {const} */ ([[up, "Move up"], [down, "Move down"], [remove, "Remove"]])) control.ariaLabel = `${label}: step ${position + 1}`;
      up.disabled = position === 0;
      down.disabled = position === count - 1;
    },
  };
  return card;
}
