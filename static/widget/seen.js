/** Which notifications a person has had before their eyes: half of it in view for a second. */

const DWELL_MS = 1_000;

export class SeenTracker {
  /** @type {Set<Element>} */
  #visible = new Set();
  /** @type {WeakMap<Element, string>} */
  #ids = new WeakMap();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #observer;
  #report;

  /** @param {Element} root what scrolls @param {(ids: string[]) => void} report what is in view, known or not */
  constructor(root, report) {
    this.#report = report;
    this.#observer = new IntersectionObserver((entries) => this.#follow(entries), { root, threshold: [0, 0.25, 0.5] });
  }

  /** @param {Element} row @param {string} id */
  observe(row, id) {
    this.#ids.set(row, id);
    this.#observer.observe(row);
  }

  /** @param {Element} row */
  forget(row) {
    this.#observer.unobserve(row);
    this.#visible.delete(row);
  }

  /** Reports what is in view once it has stayed there; a page in the background is not looked at. */
  check() {
    if (document.hidden || !this.#visible.size) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const ids = [...this.#visible].filter((row) => row.isConnected).map((row) => this.#ids.get(row) ?? "");
      if (!document.hidden) this.#report(ids);
    }, DWELL_MS);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #follow(entries) {
    for (const { target, isIntersecting, intersectionRatio, intersectionRect, rootBounds } of entries) {
      const fills = intersectionRect.height >= (rootBounds?.height ?? Infinity) / 2; // taller than the list
      if (isIntersecting && (intersectionRatio >= 0.5 || fills)) this.#visible.add(target);
      else this.#visible.delete(target);
    }
    this.check();
  }
}
