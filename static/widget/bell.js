/** `<inbox-bell>`: a bell with a badge, and a panel with the list that opens at it. */

import { button, icon, make, shortCount, show } from "./dom.js";
import { InboxElement } from "./element.js";

const BELL = "M6 16V10a6 6 0 0 1 12 0v6l2 2H4z M10 21h4 M12 4V2.5";
const URGENCY = /** @type {const} */ (["high", "medium", "low"]);

export class InboxBell extends InboxElement {
  static observedAttributes = [...InboxElement.observedAttributes, "open", "placement"];
  /** @type {import("./panel.js").Panel | null} */
  #panel = null;
  #bell;
  #badge;

  constructor() {
    super();
    this.#badge = make("span", { class: "badge", part: "badge", "aria-hidden": "true", hidden: "" });
    const picture = make("slot", { name: "bell" }, icon(BELL));
    const load = () => this.loadView().catch(() => {}); // soon it will be pressed
    const attributes = { part: "bell", "aria-haspopup": "dialog", onpointerenter: load, onfocus: load };
    this.#bell = button("bell", () => (this.open ? this.hide() : this.show()), attributes, picture, this.#badge);
    this.root.append(this.#bell);
  }

  connectedCallback() {
    super.connectedCallback();
    const { signal } = this.listening;
    document.addEventListener("pointerdown", (event) => event.composedPath().includes(this) || this.hide(), { signal });
    this.root.addEventListener("keydown", (event) => this.#key(/** @type {KeyboardEvent} */ (event)), { signal });
    if (this.open) void this.#opened();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#panel?.toggle(false);
  }

  /** @param {string} name @param {string | null} [before] */
  attributeChangedCallback(name, before) {
    if (name !== "open" && name !== "placement") return super.attributeChangedCallback(name);
    if (!this.isConnected) return;
    if (name === "open" && this.open !== (before !== null)) void (this.open ? this.#opened() : this.#closed());
    this.draw();
  }

  /** Whether the panel is open; also the attribute `open`. */
  get open() {
    return this.hasAttribute("open");
  }

  set open(open) {
    if (open) void this.show();
    else this.hide();
  }

  /** Open the panel and give it the focus. */
  async show() {
    if (!this.open && !this.dispatch("inbox-open")) return;
    this.setAttribute("open", "");
    if (!(await this.#opened())) return;
    this.#panel?.toggle(true);
    this.view?.element.focus();
  }

  hide() {
    if (this.open && this.dispatch("inbox-close")) this.removeAttribute("open");
  }

  /** @returns {Promise<import("./view.js").View>} */
  async makeView() {
    const { View, Panel } = await import("./view.js");
    const view = new View(this, () => this.#leave());
    const attributes = { id: "panel", role: "dialog", tabindex: "-1", hidden: "", part: "panel" };
    for (const [name, value] of Object.entries(attributes)) view.element.setAttribute(name, value);
    view.element.classList.add("panel");
    this.#panel = new Panel(view.element, this.#bell);
    this.#bell.setAttribute("aria-controls", "panel");
    return view;
  }

  /** @param {import("./view.js").View} view */
  dropView(view) {
    this.#panel?.toggle(false);
    super.dropView(view);
  }

  render() {
    const { status, counts, busy } = this.state;
    const { unread, severity } = counts;
    this.#bell.dataset.status = status;
    this.#bell.title = this.isUnloaded ? this.t("bell.unloaded") : "";
    this.#bell.dataset.busy = String(busy);
    this.#bell.ariaExpanded = String(this.open);
    const label = unread ? this.t("bell.unread", { count: unread }) : this.t("bell.title");
    this.#bell.ariaLabel = severity.high ? `${label}, ${this.t("bell.high", { count: severity.high })}` : label;
    this.#badge.dataset.severity = URGENCY.find((name) => severity[name]) ?? "none";
    show(this.#badge, shortCount(unread));
    this.#panel?.toggle(this.open, this.getAttribute("placement") ?? "");
    if (this.open) super.render();
  }

  /** @returns {Promise<boolean>} whether it is still open once there is something to show */
  async #opened() {
    const { status, loaded, busy } = this.state;
    if (!busy && status !== "idle" && (status !== "live" || !loaded)) this.refresh(); // no event keeps it true meanwhile
    this.loadAgain();
    const view = await this.loadView().catch(() => this.announce(this.t("bell.unloaded")));
    if (!view) this.removeAttribute("open");
    if (!view || !this.open) return false;
    view.arrange({ isShown: true });
    this.render();
    return true;
  }

  #closed() {
    this.view?.arrange({ isShown: false });
    this.#panel?.toggle(false);
  }

  #leave() {
    this.hide();
    if (!this.open) this.#bell.focus();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== "Escape" || !this.open) return;
    event.stopPropagation();
    if (!this.view?.leave()) this.#leave();
  }
}
