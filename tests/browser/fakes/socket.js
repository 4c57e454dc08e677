/** A clock that is moved by hand and a WebSocket whose other end is the test. */

export class Clock {
  now = 0;
  #timers = new Map();
  #next = 1;

  setTimeout = (run, ms) => {
    this.#timers.set(this.#next, { run, at: this.now + ms });
    return this.#next++;
  };

  clearTimeout = (handle) => this.#timers.delete(handle);

  get pending() {
    return this.#timers.size;
  }

  /** Moves to the next timer and runs it, letting promises settle before and after. @returns {Promise<boolean>} */
  async step(end = Infinity) {
    await settle();
    const next = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
    if (!next) return false;
    this.#timers.delete(next[0]);
    this.now = next[1].at;
    next[1].run();
    await settle();
    return true;
  }

  async advance(ms) {
    const end = this.now + ms;
    while (await this.step(end));
    this.now = end;
  }
}

export async function settle() {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

/** Everything a LiveSocket needs, and a record of what it did with it. */
export function harness({ random = () => 1, url = async () => "ws://inbox.test/ws" } = {}) {
  const clock = new Clock();
  const log = { sockets: [], events: [], states: [], renewals: [] };
  class FakeSocket {
    sent = [];
    closed = null;
    constructor(address) {
      this.address = address;
      log.sockets.push(this);
    }
    send(text) {
      this.sent.push(text);
    }
    close(code) {
      this.closed = code;
    }
  }
  const options = {
    url: (renew) => (log.renewals.push(renew), url(renew)),
    onEvent: (event, data) => log.events.push([event, data]),
    onState: (state, reason) => log.states.push(reason ? `${state}: ${reason.message}` : state),
    WebSocket: FakeSocket,
    timers: clock,
    random,
  };
  const last = () => log.sockets.at(-1);
  /** The connection breaks; how many ms later the next one is tried. */
  const retryAfterLoss = async () => {
    const [lost, count] = [clock.now, log.sockets.length];
    last().onclose({ code: 1006, reason: "" });
    while (log.sockets.length === count && (await clock.step()));
    return clock.now - lost;
  };
  return { clock, log, options, last, retryAfterLoss };
}
