/** A place of the page that shows one count. All elements of the page share it: the largest of their counts stands there. */
export class PageCount {
  /** @type {Map<object, number>} */
  #counts = new Map();
  #show;

  /** @param {(unread: number) => void} show 0 leaves the page as it was */
  constructor(show) {
    this.#show = show;
  }

  /** @param {object} owner @param {number} unread */
  set(owner, unread) {
    this.#counts.set(owner, unread);
    this.#update();
  }

  /** @param {object} owner */
  delete(owner) {
    if (this.#counts.delete(owner)) this.#update();
  }

  #update() {
    this.#show(Math.max(0, ...this.#counts.values()));
  }
}
