/** A menu at a button: in the top layer, moved through by arrows, left by Escape, closed by a press elsewhere. */

import { button, icon, make } from "./dom.js";
import { CHECK } from "./icons.js";

const GAP = 4; // px

/** Attributes of a button that opens a menu. */
export const OPENS_MENU = { "aria-haspopup": "menu", "aria-expanded": "false" };

/**
 * @typedef {object} Choice
 * @property {string} label
 * @property {string} [hint] at the end of the line
 * @property {boolean} [isChecked] there for one of several that exclude each other
 * @property {() => void} run
 */

export class Menu {
  #list = make("div", { role: "menu" });
  #element = make("div", { class: "menu", part: "menu", hidden: "", popover: "manual" }, this.#list);
  /** @type {HTMLElement | null} */
  #anchor = null;
  #following = new AbortController(); // listens while the menu is open
  #host;
  #find;

  /**
   * @param {HTMLElement} host what the menu belongs to
   * @param {(anchor: HTMLElement) => Element} find the control that has taken the place of one
   */
  constructor(host, find) {
    this.#host = host;
    this.#find = find;
    host.append(this.#element);
    this.#element.addEventListener("keydown", (event) => this.#key(event));
    this.#element.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && relatedTarget !== this.#anchor && !this.#element.contains(relatedTarget)) this.close(false);
    });
  }

  /**
   * Open it at a button, or close it if it is open there.
   * @param {HTMLElement} anchor @param {string} label @param {Choice[]} choices @param {Node[]} [more] below them
   */
  toggle(anchor, label, choices, more = []) {
    const isSame = this.#anchor === anchor;
    this.close(false);
    if (isSame) return;
    this.#anchor = anchor;
    this.#list.replaceChildren(...choices.map((choice) => this.#choice(choice)));
    this.#list.ariaLabel = label;
    this.#element.replaceChildren(this.#list, ...more);
    this.#element.hidden = false;
    this.#element.showPopover?.();
    if (anchor.ariaHasPopup) anchor.ariaExpanded = "true"; // else it was opened by a key
    this.#follow(anchor);
    const checked = this.#element.querySelector('[aria-checked="true"]') ?? this.#list.firstElementChild;
    if (checked instanceof HTMLElement) checked.focus();
  }

  /** @param {boolean} [returnFocus] to the button */
  close(returnFocus = true) {
    const anchor = this.#anchor;
    if (!anchor) return;
    this.#anchor = null;
    this.#following.abort();
    if (anchor.ariaHasPopup) anchor.ariaExpanded = "false";
    const control = anchor.isConnected ? anchor : this.#find(anchor);
    if (returnFocus && control instanceof HTMLElement) control.focus();
    if (this.#element.isConnected) this.#element.hidePopover?.();
    this.#element.hidden = true;
  }

  /** @param {Choice} choice */
  #choice({ label, hint, isChecked, run }) {
    const role = isChecked === undefined ? "menuitem" : "menuitemradio";
    const choose = () => {
      this.close();
      run();
    };
    const item = button("menu-item", choose, { role, tabindex: "-1" }, make("span", {}, label));
    if (isChecked !== undefined) item.ariaChecked = String(isChecked);
    if (isChecked) item.append(icon(CHECK));
    if (hint) item.append(make("span", { class: "menu-hint" }, hint));
    return item;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Escape") this.close();
    else if (event.target instanceof HTMLInputElement) return event.stopPropagation(); // arrows change what is in it
    else if (event.key === "ArrowDown") this.#move(1);
    else if (event.key === "ArrowUp") this.#move(-1);
    else if (event.key === "Home" || event.key === "End") this.#move(event.key === "Home" ? -Infinity : Infinity);
    else return event.stopPropagation(); // no shortcut of the list
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number} step */
  #move(step) {
    const items = [...this.#element.querySelectorAll("button, input")];
    const root = /** @type {ShadowRoot} */ (this.#element.getRootNode());
    const at = root.activeElement ? items.indexOf(root.activeElement) : -1;
    const next = Number.isFinite(step) ? (at + step + items.length) % items.length : step > 0 ? items.length - 1 : 0;
    const item = items[next];
    if (item instanceof HTMLElement) item.focus();
  }

  /** Stay at the button, and close at a press elsewhere on the page. @param {HTMLElement} anchor */
  #follow(anchor) {
    this.#following = new AbortController();
    const { signal } = this.#following;
    const place = () => anchor.isConnected && this.#place(anchor);
    const press = (/** @type {Event} */ event) => {
      const path = event.composedPath();
      if (!path.includes(this.#element) && !path.includes(anchor)) this.close(false);
    };
    addEventListener("resize", place, { signal });
    document.addEventListener("scroll", place, { signal, capture: true, passive: true }); // of whatever holds the button
    document.addEventListener("pointerdown", press, { signal, capture: true }); // a page may keep it from going further
    place();
  }

  /** Below the button or above it, within the window; their starts aligned, or their ends where that stays in the view. @param {HTMLElement} anchor */
  #place(anchor) {
    this.#element.style.setProperty("--menu-left", "0px"); // there it is as wide as it likes
    const box = anchor.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.#element;
    const view = this.#host.getBoundingClientRect();
    const sides = [box.left, box.right - width];
    if (getComputedStyle(anchor).direction === "rtl") sides.reverse();
    const side = sides.find((one) => one >= view.left && one + width <= view.right) ?? sides[1];
    const left = Math.max(GAP, Math.min(side, innerWidth - width - GAP));
    const below = box.bottom + GAP;
    const top = below + height <= innerHeight ? below : Math.max(GAP, box.top - height - GAP);
    this.#element.style.setProperty("--menu-left", `${left}px`);
    this.#element.style.setProperty("--menu-top", `${top}px`);
  }
}
