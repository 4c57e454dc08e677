/** Calls of the inbox API with the token of one subscriber, and the token itself. */

const TIMEOUT_MS = 15_000;
const CACHED = 50; // answers that are kept to be asked for with If-None-Match
const TEMPORARY = [408, 425, 429];

/** @typedef {import("./index.js").InboxOptions & {timers: import("./connection.js").Timers}} HttpOptions */

/** The service, or the way to it, answered with something other than success. */
export class InboxError extends Error {
  /**
   * @param {string} message @param {object} [more]
   * @param {number} [more.status] of the HTTP answer, or the close code of a socket @param {string} [more.code]
   * @param {boolean} [more.isFinal] whether the same attempt will fail again @param {number} [more.retryAfterMs]
   * @param {unknown} [more.cause]
   */
  constructor(message, { status, code, isFinal = false, retryAfterMs, cause } = {}) {
    super(message, { cause });
    this.name = "InboxError";
    this.status = status;
    this.code = code;
    this.isFinal = isFinal;
    this.retryAfterMs = retryAfterMs;
  }
}

/** There is no token, or the service opens no session with these credentials. */
export class SessionRefused extends InboxError {}

/** The token: a string, a function that returns one, or a session that is opened with the credentials of a subscriber. */
export class Session {
  /** @type {Promise<string> | null} */
  #token = null;
  isOver = false; // the service has ended it for good: a new one would bring a deleted subscriber back
  #options;
  #http;

  /** @param {HttpOptions} options @param {Http} http */
  constructor(options, http) {
    this.#options = options;
    this.#http = http;
    if (!options.token && !options.session) throw new TypeError("token or session is required");
  }

  get isRenewable() {
    return typeof this.#options.token !== "string";
  }

  /** Return the token that is in use, or a new one. @returns {Promise<string>} */
  token() {
    return (this.#token ??= this.#open().catch((error) => {
      this.#token = null;
      throw error.isFinal ? new SessionRefused(error.message, error) : error;
    }));
  }

  /** The next caller gets a new token, unless there already is one. @param {string} [refused] */
  async renew(refused) {
    const current = this.#token;
    if (!current || !this.isRenewable) return;
    const known = await current.catch(() => undefined);
    if (this.#token === current && (refused === undefined || known === refused)) this.#token = null;
  }

  async #open() {
    const { token, session } = this.#options;
    if (this.isOver) throw new InboxError("The session has ended", { isFinal: true });
    const found = typeof token === "function" ? await this.#inTime(token()) : token;
    if (found) return found;
    if (!session) throw new InboxError("There is no token", { status: 401, isFinal: true });
    const { applicationIdentifier, subscriberId, subscriberHash, context, contextHash } = session;
    const body = { applicationIdentifier, subscriber: { subscriberId }, subscriberHash, context, contextHash };
    return (await this.#http.send("POST", "/session", { body })).data.token;
  }

  /** @param {string | Promise<string>} token @returns {Promise<string>} */
  #inTime(token) {
    const { timers } = this.#options;
    return new Promise((resolve, reject) => {
      const late = timers.setTimeout(() => reject(new InboxError("No token came in time")), TIMEOUT_MS);
      Promise.resolve(token).then(resolve, reject).finally(() => timers.clearTimeout(late));
    });
  }
}

export class Http {
  hasEtags = false; // whether a reading that finds nothing new is cheap
  /** @type {Map<string, {etag: string, body: any}>} */
  #answers = new Map();
  #fetch;

  /** @param {HttpOptions} options */
  constructor(options) {
    const page = globalThis.location?.href;
    this.base = (page ? new URL(options.url, page).href : options.url).replace(/\/+$/, "");
    this.#fetch = options.fetch ?? ((/** @type {any} */ url, /** @type {any} */ init) => globalThis.fetch(url, init));
    this.session = new Session(options, this);
  }

  /**
   * Call with the token. A 401 is repeated once with a new one.
   * @param {string} method @param {string} path below /v1/inbox @param {object} [body]
   * @returns {Promise<any>} the body of the answer; undefined if it has none
   */
  async call(method, path, body) {
    const token = await this.session.token();
    try {
      return await this.send(method, path, { body, token });
    } catch (error) {
      if (/** @type {InboxError} */ (error).status !== 401 || !this.session.isRenewable) throw error;
      await this.session.renew(token);
      return this.send(method, path, { body, token: await this.session.token() });
    }
  }

  /** @param {string} method @param {string} path @param {{body?: object, token?: string}} options */
  async send(method, path, { body, token }) {
    const known = method === "GET" ? this.#answers.get(path) : undefined;
    const reply = await this.open(method, path, {
      token,
      headers: { ...(body && { "Content-Type": "application/json" }), ...(known && { "If-None-Match": known.etag }) },
      body: body && JSON.stringify(body),
      keepalive: method !== "GET", // a change is kept although its link leads away from the page
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (reply.status === 304 && known) return known.body;
    if (!reply.ok) throw await failure(reply);
    if (reply.status === 204) return undefined;
    const answer = await reply.json().catch(unreachable); // it was cut off, or is of something in between
    const etag = method === "GET" && reply.headers.get("ETag");
    if (etag) this.#keep(path, etag, answer);
    return answer;
  }

  /** @param {string} method @param {string} path @param {RequestInit & {token?: string}} options @returns {Promise<Response>} */
  open(method, path, { token, headers, ...init }) {
    const all = { ...headers, ...(token && { Authorization: `Bearer ${token}` }) };
    const answered = this.#fetch(`${this.base}/v1/inbox${path}`, { method, headers: all, credentials: "omit", ...init });
    return answered.catch(unreachable);
  }

  /** @param {string} path @param {string} etag @param {any} body */
  #keep(path, etag, body) {
    this.hasEtags = true;
    this.#answers.delete(path);
    this.#answers.set(path, { etag, body });
    for (const oldest of this.#answers.keys()) if (this.#answers.size > CACHED) this.#answers.delete(oldest);
  }
}

/** @param {unknown} cause @returns {never} */
function unreachable(cause) {
  throw new InboxError("The service cannot be reached", { code: "unreachable", cause });
}

/** @param {Response} reply @returns {Promise<InboxError>} */
export async function failure(reply) {
  const { message, code } = await reply.json().catch(() => ({}));
  const seconds = Number(reply.headers.get("Retry-After") ?? NaN);
  const { status } = reply;
  return new InboxError(String(message ?? `The service answered ${status}`), {
    status,
    code,
    isFinal: status >= 400 && status < 500 && !TEMPORARY.includes(status),
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1_000 : undefined,
  });
}
