/** The list of a workflow's steps in the editor: cards that come, go and move. */

import { element } from "../pages/element.js";
import { button } from "./forms.js";
import { STEP_TYPES, stepCard } from "./steps.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./steps.js").Card} Card */

/** Return the list of step cards with the buttons that add one. @param {Json[]} steps @param {() => void} changed after a step came, went or moved */
export function stepList(steps, changed) {
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
