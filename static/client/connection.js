/**
 * Keeps one link to the service open for as long as the page wants it: WebSocket, else server-sent events, else polling.
 * It comes back after losses, returns to a better transport, and knows when trying again is of no use.
 */

import { InboxError, SessionRefused } from "./http.js";

const BASE_MS = 1_000;
const CAP_MS = 30_000;
const SILENCE_MS = 35_000; // the service pings every 25 s
const PROBE_MS = 60_000; // after this a better transport is tried, then after twice as long …
const PROBE_CAP_MS = 1_800_000;
const TRIES = 2; // of a transport that has worked, before the next one is tried
const OFFLINE_FAILURES = 3;
const STABLE_MS = 5_000;
const RENEW_BEFORE_MS = 60_000;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** @typedef {"socket" | "events" | "polling"} Transport */
/** @typedef {import("./index.js").Status} Status */
/**
 * @typedef {object} Ending why a link ended
 * @property {"lost" | "failed" | "unsupported" | "unauthorized" | "invalid" | "final"} kind lost: it can be opened again.
 *   failed: it could not be opened. unsupported: the service or the way to it does not know this transport. invalid: the
 *   filter of a list was refused
 * @property {Error} [error]
 * @property {number} [afterMs] when to come back, in the service's words
 * @property {any} [window] whose filter was refused
 */
/**
 * @typedef {object} Link
 * @property {Transport} transport
 * @property {() => void} close
 * @property {(verb: string, args: object) => Promise<any>} [request] over the link itself
 * @property {(token: string) => Promise<{expiresAt?: string}>} [renew]
 * @property {() => Promise<void>} [poll] reads now
 */
/**
 * @typedef {object} LinkListener
 * @property {(result: any, window?: any) => void} connected result: of `connect`, null without one
 * @property {(event: any) => void} event
 * @property {(ping: {position: string}) => void} ping
 * @property {() => void} heard
 * @property {(ending: Ending) => void} ended
 */
/** @typedef {{setTimeout: (run: () => void, ms: number) => any, clearTimeout: (handle: any) => void, now: () => number}} Timers */
/**
 * @typedef {object} LinkContext what links need
 * @property {import("./http.js").Http} http
 * @property {(new (url: string, protocols?: string[]) => WebSocket) | undefined} WebSocket
 * @property {Timers} timers
 * @property {() => number} random
 * @property {() => {args: {position?: string, list?: object}, window?: any}} hello what `connect` says
 * @property {() => Promise<void>} refresh reads again what is shown
 * @property {() => number} pollMs
 */
/** @typedef {(context: LinkContext, listener: LinkListener) => Link} OpenLink */

/** Return how long to wait, in ms: full jitter, so that clients cut off together do not return together. @param {number} failures @param {() => number} random */
export function backoff(failures, random) {
  return random() * Math.min(CAP_MS, BASE_MS * 2 ** failures);
}

/**
 * Return what the service means by ending a connection.
 * @param {number} code the close code of a socket @param {string} reason
 * @param {InboxError} [error] the answer to a refused `connect`
 * @returns {Ending}
 */
export function endingOf(code, reason, error = new InboxError(reason || `The connection closed (${code})`, { status: code, code: reason })) {
  const hint = /^retry_after=(\d+)/.exec(reason);
  if (hint) return { kind: "lost", error, afterMs: Number(hint[1]) };
  if (code === 4401 || code === 4403) return { kind: "unauthorized", error }; // expired, or revoked
  // 4408: the page slept between opening and connecting, so the next attempt is another one
  const isFinal = code >= 4400 && code <= 4499 && code !== 4408;
  return { kind: isFinal ? "final" : "lost", error };
}

export class Connection {
  /** @type {Status} */
  status = "idle";
  /** @type {Link | null} */
  link = null;
  /** @type {Error | null} */
  error = null;
  #isLive = false;
  #index = 0;
  #tries = 0; // of this transport since it was last live
  #failures = 0; // waits since anything was live
  #renewals = 0;
  #probes = 0;
  #probeAt = Infinity; // outlasts losses: a link that breaks often must not put it off
  /** @type {Set<OpenLink>} transports that have been live */
  #proven = new Set();
  /** @type {Link | null} */
  #probing = null;
  /** @type {Map<string, any>} */
  #handles = new Map();
  #heardAt = 0;
  #skewMs = 0; // how far the service's clock is ahead
  #openers;
  #context;
  #listener;

  /**
   * @param {OpenLink[]} openers best first @param {LinkContext} context
   * @param {object} listener
   * @param {(result: any, window?: any) => void} listener.onConnected
   * @param {(event: any) => boolean} listener.onEvent returns whether the event continued what is held
   * @param {(position: string) => void} listener.onPosition
   * @param {(window: any, error: Error) => void} listener.onInvalid the filter of this list was refused
   * @param {() => void} listener.onStatus
   */
  constructor(openers, context, listener) {
    this.#openers = openers;
    this.#context = context;
    this.#listener = listener;
  }

  get isRunning() {
    return !["idle", "unauthorized", "failed"].includes(this.status);
  }

  start() {
    if (this.isRunning) return;
    this.#index = this.#tries = this.#failures = this.#renewals = this.#probes = 0;
    this.#probeAt = Infinity;
    this.#context.http.session.isOver = false;
    this.#attempt("connecting");
  }

  stop() {
    this.#leave("idle", null);
  }

  /** The network or the page is back: try now, or make sure that the link still lives. @param {boolean} [wasOffline] */
  wake(wasOffline = false) {
    if (!this.isRunning) return;
    const isSilent = this.#context.timers.now() - this.#heardAt > SILENCE_MS && this.link?.transport !== "polling";
    this.#probes = 0;
    this.#probeAt = Infinity;
    if (this.#isLive && !isSilent && !wasOffline) {
      void this.link?.poll?.();
      this.#scheduleProbe();
    } else if (this.#isLive || this.#handles.has("retry")) {
      this.#failures = 0;
      this.#attempt("reconnecting");
    }
  }

  /** The network is gone; the link may outlive it. */
  sleep() {
    if (this.isRunning) this.#become("offline", this.error);
  }

  /** @param {Status} status */
  #attempt(status) {
    this.#drop();
    this.#become(status, this.error);
    const opener = this.#openers[this.#index];
    this.link = this.#open(opener, {
      connected: (result) => {
        this.#proven.add(opener);
        this.#connected(result);
      },
      ended: (ending) => this.#ended(ending),
    });
  }

  /**
   * Open a link whose reports count only until it is dropped.
   * @param {OpenLink} opener
   * @param {{connected: (result: any) => void, ended: (ending: Ending) => void}} listener
   */
  #open(opener, { connected, ended }) {
    const isCurrent = () => link === this.link || link === this.#probing;
    /** @type {Link} */
    const link = opener(this.#context, {
      connected: (result, window) => {
        if (!isCurrent()) return;
        connected(result);
        this.#listener.onConnected(result, window);
        this.#become("live", null);
      },
      event: (event) => {
        if (link === this.link && !this.#listener.onEvent(event)) this.#lose("An event was missed");
      },
      ping: ({ position }) => link === this.link && this.#isLive && this.#listener.onPosition(position),
      heard: () => link === this.link && this.#heard(),
      ended: (ending) => void Promise.resolve().then(() => isCurrent() && ended(ending)), // it may end before it is returned
    });
    return link;
  }

  /** @param {any} result */
  #connected(result) {
    this.#isLive = true;
    this.#tries = 0;
    // a service that accepts and drops at once must not be met at full speed
    this.#after("stable", STABLE_MS, () => (this.#failures = this.#renewals = 0));
    this.#heard();
    if (result?.time) this.#skewMs = Date.parse(result.time) - this.#context.timers.now();
    this.#scheduleRenewal(result?.expiresAt);
    this.#scheduleProbe();
  }

  #heard() {
    this.#heardAt = this.#context.timers.now();
    if (this.#isLive && this.link?.transport !== "polling") {
      this.#after("silence", SILENCE_MS, () => this.#lose("Nothing was heard for 35 s"));
    }
  }

  /** @param {string} message */
  #lose(message) {
    this.#ended({ kind: "lost", error: new InboxError(message) });
  }

  /** @param {Ending} ending */
  #ended({ kind, error = new InboxError("The connection was lost"), afterMs, window }) {
    const wasLive = this.#isLive;
    if (error instanceof SessionRefused) return this.#leave("unauthorized", error);
    if (kind === "final") return this.#leave("failed", error);
    if (kind === "unauthorized") return void this.#renew(error);
    if (kind === "invalid") {
      this.#listener.onInvalid(window, error);
      return this.#attempt(this.status);
    }
    if (afterMs !== undefined) return this.#retry(error, afterMs);
    if (!wasLive) this.#tries += 1;
    const isHopeless = kind === "unsupported" || (!wasLive && this.#tries >= (this.#isProven ? TRIES : 1));
    if (!isHopeless) return this.#retry(error);
    this.#tries = 0;
    this.#index = (this.#index + 1) % this.#openers.length;
    if (this.#index > 0) this.#attempt(this.status); // the next one may get through, now
    else this.#retry(error);
  }

  get #isProven() {
    return this.#proven.has(this.#openers[this.#index]);
  }

  /** One try with a new token for each time it was live. @param {Error} error */
  async #renew(error) {
    const { session } = this.#context.http;
    if (!session.isRenewable || this.#renewals > 0) return this.#leave("unauthorized", error);
    this.#renewals += 1;
    const { status } = this;
    this.#drop();
    await session.renew();
    if (this.isRunning && !this.link) this.#attempt(status === "live" ? "reconnecting" : status);
  }

  /** @param {Error} error @param {number} [afterMs] */
  #retry(error, afterMs) {
    this.#drop();
    const { random } = this.#context;
    this.#after("retry", afterMs ?? backoff(this.#failures, random), () => this.#attempt(this.status));
    this.#failures += 1;
    const isOffline = this.#failures >= OFFLINE_FAILURES || this.status === "offline";
    this.#become(isOffline ? "offline" : this.status === "connecting" ? "connecting" : "reconnecting", error);
  }

  /** Try the better transports beside the one that is live. */
  #scheduleProbe() {
    if (this.#index === 0) return this.#clear("probe");
    const now = this.#context.timers.now();
    const ms = Math.min(PROBE_CAP_MS, PROBE_MS * 2 ** this.#probes) * (0.5 + 0.5 * this.#context.random());
    if (this.#probeAt === Infinity) this.#probeAt = now + ms;
    this.#after("probe", Math.max(0, this.#probeAt - now), () => this.#probe(0));
  }

  /** @param {number} index */
  #probe(index) {
    if (!this.#isLive || index >= this.#index) {
      this.#probes += 1;
      this.#probeAt = Infinity;
      this.#probing = null;
      if (this.#isLive) this.#scheduleProbe();
      return;
    }
    const opener = this.#openers[index];
    const link = this.#open(opener, {
      connected: (result) => {
        this.#probing = null;
        this.#drop();
        this.link = link;
        this.#index = index;
        this.#probes = 0;
        this.#probeAt = Infinity;
        this.#proven.add(opener);
        this.#connected(result);
      },
      ended: (ending) => (link === this.link ? this.#ended(ending) : this.#probe(index + 1)),
    });
    this.#probing = link;
  }

  /** @param {string} expiresAt @returns {number} ms */
  #left(expiresAt) {
    return Date.parse(expiresAt) - this.#context.timers.now() - this.#skewMs;
  }

  /** @param {string} [expiresAt] */
  #scheduleRenewal(expiresAt) {
    if (!expiresAt || !this.#context.http.session.isRenewable) return this.#clear("renewal");
    const left = this.#left(expiresAt);
    const ms = Math.max(BASE_MS, left - Math.min(RENEW_BEFORE_MS, left / 2));
    if (ms > MAX_TIMER_MS) return this.#after("renewal", MAX_TIMER_MS, () => this.#scheduleRenewal(expiresAt));
    this.#after("renewal", ms, () => this.#renewInTime(expiresAt));
  }

  /** @param {string} expiresAt */
  async #renewInTime(expiresAt) {
    const { link } = this;
    const { session } = this.#context.http;
    try {
      await session.renew();
      const token = await session.token();
      if (link !== this.link || !this.#isLive || !link) return;
      if (!link.renew) return this.#attempt("reconnecting");
      const renewed = await link.renew(token);
      if (link === this.link) this.#scheduleRenewal(renewed?.expiresAt);
    } catch {
      const left = this.#left(expiresAt);
      if (link === this.link && left > BASE_MS) this.#after("renewal", left / 2, () => this.#renewInTime(expiresAt));
    }
  }

  /** @param {Status} status @param {Error | null} error */
  #leave(status, error) {
    this.#context.http.session.isOver = status === "failed";
    this.#drop();
    this.#become(status, error);
  }

  /** Let go of the link and of everything that waits. */
  #drop() {
    for (const name of [...this.#handles.keys()]) this.#clear(name);
    const links = [this.link, this.#probing];
    this.link = this.#probing = null;
    this.#isLive = false;
    for (const link of links) link?.close();
  }

  /** @param {string} name a timer of the same name is replaced @param {number} ms @param {() => void} run */
  #after(name, ms, run) {
    this.#clear(name);
    const ring = () => {
      this.#handles.delete(name);
      run();
    };
    this.#handles.set(name, this.#context.timers.setTimeout(ring, ms));
  }

  /** @param {string} name */
  #clear(name) {
    this.#context.timers.clearTimeout(this.#handles.get(name));
    this.#handles.delete(name);
  }

  /** @param {Status} status @param {Error | null} error */
  #become(status, error) {
    this.status = status;
    this.error = error;
    this.#listener.onStatus();
  }
}
