/** Server-sent events through `fetch`, so that the token goes in a header. Changes go by REST. */

import { endingOf } from "./connection.js";
import { InboxError, failure } from "./http.js";
import { TransportLink } from "./link.js";

const CONNECT_MS = 10_000;

/** @typedef {import("./connection.js").Link} Link */
/** @typedef {import("./connection.js").LinkContext} LinkContext */
/** @typedef {import("./connection.js").LinkListener} LinkListener */

/** @param {LinkContext} context @param {LinkListener} listener @returns {Link} */
export function openEvents(context, listener) {
  const link = new EventsLink(context, listener);
  void link.open();
  return link;
}

/** @implements {Link} */
class EventsLink extends TransportLink {
  transport = /** @type {const} */ ("events");
  #abort = new AbortController();
  /** @type {number | undefined} of the field `retry` */
  #retryMs;

  async open() {
    const { http } = this.context;
    const late = () => this.end({ kind: "unsupported", error: new InboxError("The stream did not start in time") });
    try {
      const token = await http.session.token();
      if (this.isClosed) return;
      this.wait(late, CONNECT_MS); // a proxy keeps it back
      const { args, window } = this.context.hello();
      const query = new URLSearchParams();
      if (args.position) query.set("position", args.position);
      if (args.list) query.set("list", JSON.stringify(args.list));
      const headers = { Accept: "text/event-stream" };
      const reply = await http.open("GET", `/events?${query}`, { token, headers, signal: this.#abort.signal, cache: "no-store" });
      const error = reply.ok ? undefined : await failure(reply);
      if (error) return this.#refuse(error, window);
      if (!reply.body || !reply.headers.get("Content-Type")?.startsWith("text/event-stream")) {
        return this.end({ kind: "unsupported", error: new InboxError("The answer is no event stream") });
      }
      await this.#read(reply.body, window);
      this.end({ kind: "lost", error: new InboxError("The stream ended"), afterMs: this.#retryMs });
    } catch (error) {
      this.end({ kind: "failed", error: /** @type {Error} */ (error), afterMs: this.#retryMs });
    }
  }

  close() {
    super.close();
    this.#abort.abort();
  }

  /** @param {InboxError} error @param {any} window */
  #refuse(error, window) {
    if (error.status === 401) return this.end({ kind: "unauthorized", error });
    if (window && [400, 422].includes(Number(error.status))) return this.end({ kind: "invalid", error, window });
    this.end({ kind: error.isFinal ? "unsupported" : "lost", error, afterMs: error.retryAfterMs });
  }

  /** @param {ReadableStream<Uint8Array>} body @param {any} window */
  async #read(body, window) {
    const reader = body.getReader();
    const parser = new EventParser((name, data) => this.#receive(name, data, window));
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.isClosed) return;
      this.listener.heard();
      parser.push(decoder.decode(value, { stream: true }));
      this.#retryMs = parser.retryMs;
    }
  }

  /** @param {string} name @param {string} data @param {any} window */
  #receive(name, data, window) {
    if (this.isClosed) return;
    if (name === "change") return this.listener.event(JSON.parse(data));
    if (name === "ping") return this.listener.ping(JSON.parse(data));
    if (name === "closed") return this.#closed(JSON.parse(data));
    if (name !== "connected") return;
    this.stopWaiting();
    this.listener.connected(JSON.parse(data), window);
  }

  /** @param {{code: number, reason: string}} close */
  #closed({ code, reason }) {
    this.end({ afterMs: this.#retryMs, ...endingOf(code, reason) });
  }
}

/** The text of an event stream, in pieces of any length → its events. */
export class EventParser {
  /** @type {number | undefined} */
  retryMs;
  #rest = "";
  #name = "";
  /** @type {string[]} */
  #data = [];
  #onEvent;

  /** @param {(name: string, data: string) => void} onEvent */
  constructor(onEvent) {
    this.#onEvent = onEvent;
  }

  /** @param {string} text */
  push(text) {
    const whole = this.#rest + text;
    const lines = whole.split(/\r\n|\n|\r(?!$)/); // a CR at the end may be half of a CR LF
    this.#rest = lines.pop() ?? "";
    lines.forEach((line) => this.#line(line));
  }

  /** @param {string} line */
  #line(line) {
    if (!line) return this.#dispatch();
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === "event") this.#name = value;
    if (field === "data") this.#data.push(value);
    if (field === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
  }

  #dispatch() {
    const [name, data] = [this.#name || "message", this.#data.join("\n")];
    const hasData = this.#data.length > 0;
    this.#name = "";
    this.#data = [];
    if (hasData) this.#onEvent(name, data);
  }
}
