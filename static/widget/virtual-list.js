/** A list of any length of which only the rows near the view are in the document. Rows may have any height. */

const ESTIMATE = 90; // px, of a row that was never shown
const MARGIN = 600; // px above and below the view that have rows too

/** @typedef {import("../client/index.js").Notification} Notification */
/** @typedef {{item: Notification, row: HTMLElement}} Known */

export class VirtualList {
  /** @type {readonly Notification[]} */
  #items = [];
  /** @type {Map<string, Known>} */
  #rows = new Map();
  /** @type {Map<string, number>} px, of rows that were shown */
  #heights = new Map();
  /** @type {number[]} px, from the top of the list to each row, and to its end */
  #tops = [0];
  /** @type {Map<string, number>} */
  #places = new Map();
  #total = 0;
  #frame = 0;
  #sizes;
  #context;

  /**
   * @param {object} context
   * @param {HTMLElement} context.scroller @param {HTMLElement} context.list
   * @param {(item: Notification, old?: Known) => HTMLElement} context.makeRow the old row if it looks the same
   * @param {(row: HTMLElement, id: string) => void} context.onAdded @param {(row: HTMLElement) => void} context.onRemoved
   * @param {() => void} context.onScroll after the rows were placed
   */
  constructor(context) {
    this.#context = context;
    this.#sizes = new ResizeObserver((entries) => this.#measured(entries));
    this.#sizes.observe(context.scroller);
    context.scroller.addEventListener("scroll", () => this.#placeSoon(), { passive: true });
  }

  get rows() {
    return [...this.#rows.values()];
  }

  /** @param {string} id */
  rowOf(id) {
    return this.#rows.get(id)?.row;
  }

  /** What lies above the view, in rows. */
  get firstShown() {
    return this.#indexAt(this.#context.scroller.scrollTop);
  }

  /** @param {readonly Notification[]} items @param {number} total how many there are, -1 if nobody knows */
  render(items, total) {
    this.#total = total;
    if (items !== this.#items) {
      this.#places = new Map(items.map(({ id }, place) => [id, place]));
      this.#keepPlace(() => (this.#items = items));
    }
    this.#place();
  }

  /** Bring a notification into view, and return its row. @param {number} place */
  reveal(place) {
    const item = this.#items[place];
    if (!item) return undefined;
    const { scroller } = this.#context;
    const [top, bottom] = [this.#tops[place], this.#tops[place + 1]];
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (bottom > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = bottom - scroller.clientHeight;
    this.#place();
    const row = this.rowOf(item.id);
    row?.scrollIntoView({ block: "nearest" }); // its height may have been an estimate
    return row;
  }

  /** @param {string} id @returns {number} -1 if it is not in the list */
  placeOf(id) {
    return this.#places.get(id) ?? -1;
  }

  #placeSoon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#place();
      this.#context.onScroll();
    });
  }

  /** Change the list under the rows that are in view: they stay where they are. @param {() => void} change */
  #keepPlace(change) {
    const { scroller } = this.#context;
    const before = scroller.scrollTop;
    const held = before > 0 ? this.#items.slice(this.#indexAt(before), this.#indexAt(before) + 50) : [];
    const tops = new Map(held.map(({ id }, n) => [id, this.#tops[this.#indexAt(before) + n]]));
    change();
    this.#tops = [0];
    for (const { id } of this.#items) this.#tops.push((this.#tops.at(-1) ?? 0) + (this.#heights.get(id) ?? ESTIMATE));
    this.#context.list.style.height = `${this.#tops.at(-1)}px`;
    const anchor = held.find(({ id }) => this.#places.has(id));
    if (!anchor) return;
    const moved = this.#tops[this.placeOf(anchor.id)] - /** @type {number} */ (tops.get(anchor.id));
    if (moved) scroller.scrollTop = before + moved;
  }

  /** @param {number} px @returns {number} the place of the row there */
  #indexAt(px) {
    let [low, high] = [0, this.#items.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#tops[middle] <= px) low = middle;
      else high = middle - 1;
    }
    return Math.max(low, 0);
  }

  /** Put the rows near the view into the document, in order, and take the others out. */
  #place() {
    const { scroller, list } = this.#context;
    const { scrollTop, clientHeight } = scroller;
    const places = new Set();
    if (this.#items.length) {
      const last = this.#indexAt(scrollTop + clientHeight + MARGIN);
      for (let place = this.#indexAt(scrollTop - MARGIN); place <= last; place += 1) places.add(place);
    }
    const root = /** @type {ShadowRoot} */ (list.getRootNode());
    for (const [id, { row }] of this.#rows) {
      if (this.#places.has(id) && row.contains(root.activeElement)) places.add(this.#places.get(id)); // it keeps the focus
    }
    const wanted = [...places].sort((one, other) => one - other);
    const ids = new Set(wanted.map((place) => this.#items[place].id));
    for (const id of [...this.#rows.keys()]) if (!ids.has(id)) this.#drop(id);
    const rows = wanted.map((place) => this.#row(place)); // all before the order: some take the place of old ones
    let next = list.firstElementChild;
    for (const [n, row] of rows.entries()) {
      if (row === next) next = next.nextElementSibling;
      else list.insertBefore(row, next);
      this.#move(row, wanted[n]);
    }
  }

  /** @param {number} place */
  #row(place) {
    const item = this.#items[place];
    const known = this.#rows.get(item.id);
    const row = known?.item === item ? known.row : this.#context.makeRow(item, known);
    if (row !== known?.row) {
      if (known) this.#forget(known.row);
      known?.row.replaceWith(row);
      this.#sizes.observe(row);
      this.#context.onAdded(row, item.id);
    }
    this.#rows.set(item.id, { item, row });
    row.ariaPosInSet = String(place + 1);
    row.ariaSetSize = String(this.#total);
    return row;
  }

  /** @param {string} id */
  #drop(id) {
    const row = this.rowOf(id);
    this.#rows.delete(id);
    if (!row) return;
    this.#forget(row);
    row.remove();
  }

  /** @param {HTMLElement} row */
  #forget(row) {
    this.#sizes.unobserve(row);
    this.#context.onRemoved(row);
  }

  /** @param {ResizeObserverEntry[]} entries */
  #measured(entries) {
    let isChanged = false;
    for (const { target, borderBoxSize } of entries) {
      const { id } = /** @type {HTMLElement} */ (target).dataset;
      const height = borderBoxSize[0].blockSize;
      if (id === undefined || !target.isConnected || !height || this.#heights.get(id) === height) continue;
      this.#heights.set(id, height);
      isChanged = true;
    }
    if (isChanged) this.#keepPlace(() => {});
    for (const [id, { row }] of this.#rows) this.#move(row, this.placeOf(id));
    this.#placeSoon(); // rows added here would be measured in another frame, which browsers complain about
  }

  /** @param {HTMLElement} row @param {number} place */
  #move(row, place) {
    row.style.transform = `translateY(${this.#tops[place]}px)`;
  }
}
