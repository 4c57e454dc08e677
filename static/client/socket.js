/** The WebSocket of the native protocol: `connect`, events, and requests over the same socket. */

import { endingOf } from "./connection.js";
import { InboxError } from "./http.js";
import { TransportLink } from "./link.js";

const CONNECT_MS = 10_000;

/** @typedef {import("./connection.js").Link} Link */
/** @typedef {import("./connection.js").LinkContext} LinkContext */
/** @typedef {import("./connection.js").LinkListener} LinkListener */

/** @param {LinkContext} context @param {LinkListener} listener @returns {Link} */
export function openSocket(context, listener) {
  const link = new SocketLink(context, listener);
  void link.open();
  return link;
}

/** @implements {Link} */
class SocketLink extends TransportLink {
  transport = /** @type {const} */ ("socket");
  /** @type {WebSocket | null} */
  #socket = null;
  #next = 1;
  /** @type {Map<number, {resolve: (result: any) => void, reject: (error: Error) => void}>} */
  #requests = new Map();
  /** @type {InboxError | undefined} the answer to a refused `connect` */
  #refusal;
  /** @type {any} that asked for its list in `connect` */
  #window;

  async open() {
    const { WebSocket, http } = this.context;
    if (!WebSocket) return this.end({ kind: "unsupported" });
    let token = "";
    try {
      token = await http.session.token();
      if (this.isClosed) return;
      this.#socket = new WebSocket(`${http.base.replace(/^http/, "ws")}/v1/socket`, ["inbox.v1"]);
    } catch (error) {
      return this.end({ kind: "failed", error: /** @type {Error} */ (error) });
    }
    const silent = () => this.end({ kind: "lost", error: new InboxError("The socket did not connect in time") });
    this.wait(silent, CONNECT_MS);
    this.#socket.onopen = () => this.#connect(token);
    this.#socket.onmessage = ({ data }) => this.#receive(data);
    this.#socket.onclose = ({ code, reason }) => this.#closed(code, reason);
  }

  /**
   * @param {string} verb @param {object} args @returns {Promise<any>} the result; rejects with an InboxError, whose
   *   code is `lost` if the socket ended before the answer
   */
  request(verb, args) {
    if (this.isClosed || !this.#socket) return Promise.reject(lost());
    const id = this.#next++;
    const answered = new Promise((resolve, reject) => this.#requests.set(id, { resolve, reject }));
    this.#socket.send(JSON.stringify({ id, [verb]: args }));
    return answered;
  }

  /** @param {string} token @returns {Promise<{expiresAt?: string}>} */
  renew(token) {
    return this.request("renew", { token });
  }

  close() {
    super.close();
    for (const { reject } of this.#requests.values()) reject(lost());
    this.#requests.clear();
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }

  /** @param {string} token */
  async #connect(token) {
    const { args, window } = this.context.hello();
    this.#window = window;
    const result = await this.request("connect", { token, ...args }).catch((error) => {
      this.#refusal = error; // the service closes the socket and says whether to come back
    });
    if (!result || this.isClosed) return;
    this.stopWaiting();
    this.listener.connected(result, window);
  }

  /** @param {unknown} data */
  #receive(data) {
    let frame;
    try {
      frame = JSON.parse(String(data));
    } catch {
      return this.end({ kind: "lost", error: new InboxError("A frame was no JSON") });
    }
    this.listener.heard();
    if (frame.event) this.listener.event(frame.event);
    if (frame.ping) this.listener.ping(frame.ping);
    const request = this.#requests.get(frame.id);
    if (!request) return;
    this.#requests.delete(frame.id);
    if (frame.error) request.reject(refused(frame.error));
    else request.resolve(frame.result);
  }

  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    const [error, window] = [this.#refusal, this.#window];
    if (error?.code === "invalid" && window) return this.end({ kind: "invalid", error, window });
    this.end(endingOf(code, reason, error));
  }
}

const lost = () => new InboxError("The connection was lost before the answer", { code: "lost" });

/** @param {{code: string, message: string, retry?: boolean}} error */
function refused({ code, message, retry }) {
  return new InboxError(message, { code, isFinal: !retry, status: code === "unauthorized" ? 401 : undefined });
}
