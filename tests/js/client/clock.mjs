/** A clock that is moved by hand. */

export class Clock {
  #now = Date.parse("2026-11-30T12:00:00Z");
  #timers = new Map();
  #next = 1;

  now = () => this.#now;

  setTimeout = (run, ms) => {
    this.#timers.set(this.#next, { run, at: this.#now + ms });
    return this.#next++;
  };

  clearTimeout = (handle) => this.#timers.delete(handle);

  /** How many ms until the next timer; Infinity without one. */
  get next() {
    return Math.min(Infinity, ...[...this.#timers.values()].map(({ at }) => at - this.#now));
  }

  /** Move on by that time, and let everything happen that is due in it. */
  async advance(ms) {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.#now = Math.max(this.#now, due[1].at);
      due[1].run();
      await settle();
    }
    this.#now = end;
  }
}

/** Let promises and streams that wait for nothing else come to rest. */
export async function settle() {
  for (let turn = 0; turn < 6; turn += 1) await new Promise((resume) => setImmediate(resume));
}

/** Numbers between 0 and 1, the same for the same seed. */
export function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A promise, and what resolves it. */
export function deferred() {
  let resolve, reject;
  const promise = new Promise((...settlers) => ([resolve, reject] = settlers));
  return { promise, resolve, reject };
}
