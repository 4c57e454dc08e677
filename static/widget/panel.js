/** Where the panel stands: in the top layer, beside its bell, where the window has room for it. */

const GAP = 8; // px, to the bell and to the edges of the window
const ENOUGH = 320; // px below the bell that are enough to open downwards

export class Panel {
  #panel;
  #bell;
  /** @type {AbortController | null} listens while the panel is open */
  #following = null;
  #placement = "";

  /** @param {HTMLElement} panel @param {HTMLElement} bell */
  constructor(panel, bell) {
    this.#panel = panel;
    this.#bell = bell;
    if ("popover" in panel) panel.popover = "manual"; // else it is an ordinary element above its neighbours
  }

  /** @param {boolean} open @param {string} [placement] such as `top-start`, where that has room */
  toggle(open, placement = this.#placement) {
    this.#placement = placement;
    if (!this.#panel.isConnected) open = false;
    if (open === Boolean(this.#following)) return open ? this.#place() : undefined;
    this.#panel.hidden = !open;
    if (open) this.#show();
    else this.#hide();
  }

  #show() {
    this.#following = new AbortController();
    const { signal } = this.#following;
    const place = () => this.#place();
    window.addEventListener("resize", place, { signal });
    document.addEventListener("scroll", place, { signal, capture: true, passive: true }); // of whatever holds the bell
    this.#panel.showPopover?.();
    this.#place();
  }

  #hide() {
    this.#following?.abort();
    this.#following = null;
    if (this.#panel.isConnected) this.#panel.hidePopover?.();
  }

  /** Below the bell, or above it where that has more room; their ends aligned, or their starts. */
  #place() {
    const [width, height] = [document.documentElement.clientWidth, window.innerHeight];
    const bell = this.#bell.getBoundingClientRect();
    const [below, above] = [height - bell.bottom - 2 * GAP, bell.top - 2 * GAP];
    const isBelow = this.#placement.startsWith("top") ? above < ENOUGH && below > above : below >= ENOUGH || below >= above;
    const fits = (/** @type {number} */ left) => left >= GAP && left + this.#panel.offsetWidth <= width - GAP;
    const sides = [bell.right - this.#panel.offsetWidth, bell.left];
    const isRtl = getComputedStyle(this.#bell).direction === "rtl";
    if (isRtl !== this.#placement.endsWith("start")) sides.reverse();
    const left = sides.find(fits) ?? Math.max(GAP, Math.min(sides[0], width - GAP - this.#panel.offsetWidth));
    this.#set("--left", left);
    this.#set("--room", Math.max(isBelow ? below : above, 0));
    this.#set("--top", isBelow ? Math.max(bell.bottom + GAP, GAP) : undefined);
    this.#set("--bottom", isBelow ? undefined : Math.max(height - bell.top + GAP, GAP));
  }

  /** @param {string} name @param {number} [px] */
  #set(name, px) {
    this.#panel.style.setProperty(name, px === undefined ? "auto" : `${px}px`);
  }
}
