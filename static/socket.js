/** The live connection: opens, keeps itself alive, and comes back for as long as the page wants it. */

const PING_MS = 25_000; // below the idle limit of common proxies (60 s)
const REPLY_MS = 10_000; // silence after a ping, or while opening, that means the link is dead
const STABLE_MS = 5_000; // a server that accepts and drops at once must not be met at full speed
const BASE_MS = 1_000;
const CAP_MS = 30_000;
const SESSION_ENDED = [4401, 4403]; // token expired, session revoked: a new session may be let in

/**
 * How long to wait, in ms, before the next try: full jitter, so that clients cut off together do not return together.
 * @param {number} attempt failures so far @param {() => number} [random]
 */
export function backoff(attempt, random = Math.random) {
  return random() * Math.min(CAP_MS, BASE_MS * 2 ** attempt);
}

/** The socket never opened, or the service closed it for good. */
export class SocketError extends Error {}

/** @typedef {"stopped" | "connecting" | "live" | "waiting" | "refused"} SocketState */
/**
 * @typedef {object} SocketOptions
 * @property {(renew: boolean) => Promise<string>} url where to connect; `renew` when the last try never opened, which
 *   is all a browser tells of a refused token, or when the server has ended the session. A rejection with
 *   `terminal: true` ends the tries.
 * @property {(event: string, data: any) => void} onEvent
 * @property {(state: SocketState, reason?: Error) => void} onState with why it is refused or never opened
 * @property {new (url: string) => WebSocket} [WebSocket]
 * @property {{setTimeout: (run: () => void, ms: number) => any, clearTimeout: (handle: any) => void}} [timers]
 * @property {() => number} [random]
 */

export class LiveSocket {
  /** @type {SocketState} */
  state = "stopped";
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<string, any>} */
  #handles = new Map();
  #try = 0; // tells a late answer of url() from the current one
  #failures = 0;
  #renew = false;
  /** @type {((state: SocketState) => void)[]} what waits for the end of the connection */
  #endings = [];
  #options;

  /** @param {SocketOptions} options */
  constructor(options) {
    this.#options = { WebSocket: globalThis.WebSocket, timers: globalThis, random: Math.random, ...options };
  }

  start() {
    if (this.state === "stopped") this.#connect();
  }

  stop() {
    this.#drop();
    this.#become("stopped");
  }

  /** The network or the page is back: try at once, or make sure that the connection still lives. */
  wake() {
    if (this.state === "waiting") {
      this.#failures = 0;
      this.#connect();
    } else if (this.state === "live") this.#ping();
  }

  /**
   * Resolve with the state once the connection is no longer live, or after `ms`.
   * @param {number} ms @returns {Promise<SocketState>}
   */
  ended(ms) {
    return new Promise((resolve) => {
      if (this.state !== "live") return resolve(this.state);
      this.#endings.push(resolve);
      this.#options.timers.setTimeout(() => resolve(this.state), ms);
    });
  }

  async #connect() {
    this.#drop();
    const current = this.#try;
    this.#become("connecting");
    try {
      const url = await this.#options.url(this.#renew);
      if (current === this.#try) this.#open(url);
    } catch (error) {
      if (current !== this.#try) return;
      if (/** @type {any} */ (error).terminal) this.#become("refused", /** @type {Error} */ (error));
      else this.#retry(/** @type {Error} */ (error));
    }
  }

  /** @param {string} url */
  #open(url) {
    const socket = new this.#options.WebSocket(url);
    this.#socket = socket;
    this.#renew = true;
    this.#after("reply", REPLY_MS, () => this.#retry(new SocketError("The socket did not open in time")));
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
  }

  #opened() {
    this.#renew = false;
    this.#clear("reply");
    this.#after("stable", STABLE_MS, () => (this.#failures = 0));
    this.#after("ping", PING_MS, () => this.#ping());
    this.#become("live");
  }

  /** @param {number} code 4400 to 4499 mean that the same try fails again @param {string} reason */
  #closed(code, reason) {
    if (SESSION_ENDED.includes(code)) this.#renew = true;
    else if (code >= 4400 && code <= 4499) return this.#refuse(reason);
    this.#retry(this.state === "live" ? undefined : new SocketError(`The socket closed before it was open (${code})`));
  }

  /** @param {string} reason */
  #refuse(reason) {
    this.#drop();
    this.#become("refused", new SocketError(reason));
  }

  #ping() {
    this.#socket?.send("ping");
    this.#after("ping", PING_MS, () => this.#ping());
    this.#after("reply", REPLY_MS, () => this.#retry());
  }

  /** @param {unknown} frame */
  #receive(frame) {
    this.#clear("reply"); // any frame proves life
    let parsed;
    try {
      parsed = JSON.parse(String(frame));
    } catch {
      return; // `pong`
    }
    if (typeof parsed?.event === "string") this.#options.onEvent(parsed.event, parsed.data ?? {});
  }

  /** @param {Error} [reason] why this try never opened */
  #retry(reason) {
    this.#drop();
    this.#after("retry", backoff(this.#failures++, this.#options.random), () => this.#connect());
    this.#become("waiting", reason);
  }

  /** Lets go of the connection and of everything that still waits for it. */
  #drop() {
    this.#try += 1;
    for (const name of [...this.#handles.keys()]) this.#clear(name);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }

  /** @param {string} name a timer of the same name is replaced @param {number} ms @param {() => void} run */
  #after(name, ms, run) {
    this.#clear(name);
    this.#handles.set(name, this.#options.timers.setTimeout(run, ms));
  }

  /** @param {string} name */
  #clear(name) {
    this.#options.timers.clearTimeout(this.#handles.get(name));
    this.#handles.delete(name);
  }

  /** @param {SocketState} state @param {Error} [reason] */
  #become(state, reason) {
    this.state = state;
    this.#options.onState(state, reason);
    if (state !== "live") for (const resolve of this.#endings.splice(0)) resolve(state);
  }
}
