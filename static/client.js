/** The inbox's HTTP face: one subscriber's session and the calls made with its token. */

const TIMEOUT_MS = 15_000;
const PAGE_LIMIT = 100; // the most the service returns at once

/** The service answered with something other than success. */
export class HttpError extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The service will not open this session, however often it is asked: wrong identifier, subscriber or hash. */
export class SessionRefused extends HttpError {
  terminal = true;
}

/** @typedef {{applicationIdentifier: string, subscriberId: string, subscriberHash?: string, baseUrl: string}} Config */
/** @typedef {import("./feed.js").Notification} Notification */
/** @typedef {{data: Notification[], hasMore: boolean}} Page */

export class InboxClient {
  /** @type {Promise<string> | null} the session's token, asked for when first needed */
  #token = null;
  #config;
  #base;
  #socketEnd;

  /**
   * @param {Config} config
   * @param {() => Promise<string>} socketEnd the socket's state once it has ended, or should have
   */
  constructor(config, socketEnd) {
    this.#config = config;
    this.#socketEnd = socketEnd;
    this.#base = config.baseUrl.replace(/\/+$/, "");
  }

  /**
   * The address of the live connection. `renew` asks for a new session first.
   * @param {boolean} renew
   * @throws {SessionRefused | HttpError | TypeError} refused; failed; no network
   */
  async socketUrl(renew) {
    if (renew) this.#token = null;
    const token = await this.#session();
    return `${this.#base.replace(/^http/, "ws")}/ws?token=${encodeURIComponent(token)}`;
  }

  /**
   * The newest `count` notifications, newest first, or those older than `after`.
   * @param {number} count @param {string} [after] @returns {Promise<Page>}
   */
  async list(count, after) {
    /** @type {Page} */
    const window = { data: [], hasMore: true };
    while (window.hasMore && window.data.length < count) {
      const query = new URLSearchParams({ archived: "false", snoozed: "false" });
      query.set("limit", String(Math.min(count - window.data.length, PAGE_LIMIT)));
      const last = window.data.at(-1)?.id ?? after;
      if (last) query.set("after", last);
      const page = await this.#request("GET", `/notifications?${query}`);
      window.data.push(...page.data);
      window.hasMore = page.hasMore && page.data.length > 0;
    }
    return window;
  }

  /** Unread and not snoozed, at most 100. @returns {Promise<number>} */
  async countUnread() {
    const filters = encodeURIComponent(JSON.stringify([{ read: false, snoozed: false }]));
    return (await this.#request("GET", `/notifications/count?filters=${filters}`)).data[0].count;
  }

  /**
   * @param {string} id @param {"read" | "unread" | "complete" | "revert"} change
   * @param {"primary" | "secondary"} [actionType] which button, for `complete` and `revert`
   * @returns {Promise<Notification>} as it is afterwards
   */
  async change(id, change, actionType) {
    const path = `/notifications/${encodeURIComponent(id)}/${change}`;
    return (await this.#request("PATCH", path, actionType && { actionType })).data;
  }

  /** @param {string[]} notificationIds at most 20 */
  markSeen(notificationIds) {
    return this.#request("POST", "/notifications/seen", { notificationIds });
  }

  markAllRead() {
    return this.#request("POST", "/notifications/read");
  }

  /** @param {string} method @param {string} path @param {object} [body] */
  async #request(method, path, body) {
    const pending = this.#session();
    const reply = await this.#send(method, path, body, await pending);
    if (reply.status !== 401) return parse(reply);
    const isOver = (await this.#socketEnd()) === "refused"; // a new session would bring a deleted subscriber back
    if (isOver) return parse(reply);
    if (this.#token === pending) this.#token = null; // expired or revoked: one new session for all who meet this
    return parse(await this.#send(method, path, body, await this.#session()));
  }

  #session() {
    this.#token ??= this.#openSession();
    return this.#token;
  }

  async #openSession() {
    const { applicationIdentifier, subscriberId, subscriberHash } = this.#config;
    try {
      const body = { applicationIdentifier, subscriber: { subscriberId }, subscriberHash };
      return (await parse(await this.#send("POST", "/session", body))).data.token;
    } catch (error) {
      this.#token = null;
      throw isFinal(error) ? new SessionRefused(error.status, error.message) : error;
    }
  }

  /** @param {string} method @param {string} path @param {object} [body] @param {string} [token] */
  #send(method, path, body, token) {
    return fetch(`${this.#base}/v1/inbox${path}`, {
      method,
      headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
      body: body && JSON.stringify(body),
      credentials: "omit",
      keepalive: method !== "GET", // a change is kept although its link leads away from the page
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  }
}

/** @param {Response} reply */
async function parse(reply) {
  if (reply.status === 204) return undefined;
  if (reply.ok) return reply.json();
  const { message } = await reply.json().catch(() => ({}));
  throw new HttpError(reply.status, String(message ?? reply.statusText));
}

/** @param {unknown} error @returns {error is HttpError} whether asking again cannot help */
function isFinal(error) {
  if (!(error instanceof HttpError)) return false;
  return error.status >= 400 && error.status < 500 && ![408, 425, 429].includes(error.status);
}
