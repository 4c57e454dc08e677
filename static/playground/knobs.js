/** Everything that can be set on the elements, one row each. The playground makes its knobs and its code from these rows. */

/**
 * @typedef {object} Knob
 * @property {string} name
 * @property {"attribute" | "property" | "style"} kind
 * @property {"text" | "choice" | "words" | "flag" | "json" | "color" | "code"} type of its value
 * @property {string} group
 * @property {string[]} [options] of a choice or of words; suggestions for a text
 * @property {string} [example] what the field shows while it is empty; code: what is used
 * @property {"inbox-bell" | "inbox-feed"} [only] the element that has it, if not both have
 */

const TABS = '[{"label": "All"}, {"label": "Comments", "tags": ["comments"]}, {"label": "Urgent", "severity": "high"}]';
const STRINGS = '{"bell.title": "Post", "empty.all": "No post today."}';
const RENDER = `(notification, h) =>
  h("div", {}, h("b", {}, notification.subject ?? ""), h("p", {}, notification.body))`;

/** @type {Knob[]} */
export const KNOBS = [
  { group: "Who", name: "application-identifier", kind: "attribute", type: "text" },
  { group: "Who", name: "subscriber", kind: "attribute", type: "text", options: ["alice", "bob", "carol"] },
  { group: "Who", name: "subscriber-hash", kind: "attribute", type: "text", example: "production requires it" },
  { group: "Who", name: "token", kind: "property", type: "text", example: "a session token, in place of the three above" },
  { group: "Who", name: "context", kind: "attribute", type: "json", example: '{"tenant": "acme"}' },
  { group: "Who", name: "context-hash", kind: "attribute", type: "text" },
  { group: "Who", name: "base-url", kind: "attribute", type: "text", example: "where the script came from" },

  { group: "List", name: "tabs", kind: "attribute", type: "json", example: TABS },
  { group: "List", name: "filters", kind: "attribute", type: "words", options: ["all", "unread", "archived", "snoozed"] },
  { group: "List", name: "alerts", kind: "attribute", type: "words", options: ["sound", "desktop", "title", "favicon"] },
  { group: "List", name: "renderItem", kind: "property", type: "code", example: RENDER },

  { group: "Words", name: "locale", kind: "attribute", type: "text", options: ["en", "de", "es", "fr", "ar", "ja"] },
  { group: "Words", name: "dir", kind: "attribute", type: "choice", options: ["ltr", "rtl"] },
  { group: "Words", name: "strings", kind: "property", type: "json", example: STRINGS },

  { group: "Looks", name: "open", kind: "attribute", type: "flag", only: "inbox-bell" },
  {
    group: "Looks",
    name: "placement",
    kind: "attribute",
    type: "choice",
    options: ["bottom-end", "bottom-start", "top-end", "top-start"],
    only: "inbox-bell",
  },
  { group: "Looks", name: "theme", kind: "attribute", type: "choice", options: ["light", "dark"] },
  { group: "Looks", name: "density", kind: "attribute", type: "choice", options: ["compact"] },

  ...["accent", "on-accent", "background", "text", "muted", "border", "hover", "badge"].map(
    (name) => /** @type {Knob} */ ({ group: "Colours", name: `--inbox-${name}`, kind: "style", type: "color" }),
  ),
  { group: "Measures", name: "--inbox-radius", kind: "style", type: "text", example: "12px" },
  { group: "Measures", name: "--inbox-height", kind: "style", type: "text", example: "38rem" },
  { group: "Measures", name: "--inbox-width", kind: "style", type: "text", example: "26rem", only: "inbox-bell" },
  { group: "Measures", name: "--inbox-font", kind: "style", type: "text", example: "Georgia, serif" },
];

/** @typedef {"inbox-bell" | "inbox-feed"} Tag */
/** @typedef {Record<string, string>} Settings values by the names of their knobs; what is not set is absent */

/** @param {Tag} tag @returns {Knob[]} the knobs that this element has */
export const knobsOf = (tag) => KNOBS.filter(({ only }) => !only || only === tag);
