/** Those who want to hear of a change. */
export class Subscribers {
  /** @type {Set<(value?: any) => void>} */
  #all = new Set();

  get size() {
    return this.#all.size;
  }

  /** @param {(value?: any) => void} run @returns {() => void} ends the subscription */
  add(run) {
    const own = (/** @type {any} */ value) => run(value); // the same function may subscribe twice
    this.#all.add(own);
    return () => void this.#all.delete(own);
  }

  /** @param {any} [value] */
  tell(value) {
    for (const run of [...this.#all]) {
      try {
        run(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error; // a defect of the page, which must not become one of the connection
        });
      }
    }
  }
}
