// Novu's headless client (@novu/js), unmodified, at the service; INBOX_FLAVOUR says by which kind of socket it listens.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { Novu } from "@novu/js";
import { WebSocket } from "ws";
import { apiKey, identifier, url } from "../sdk/common.mjs";

globalThis.WebSocket ??= WebSocket; // as a browser has it

const flavour = process.env.INBOX_FLAVOUR;
assert.ok(["plain", "socket.io"].includes(flavour), "INBOX_FLAVOUR says which socket is used");
export const socketOptions =
  flavour === "plain"
    ? { socketUrl: `${url.replace("http", "ws")}/ws`, socketOptions: { socketType: "cloud" } }
    : { socketUrl: url };

/** A page of a subscriber, as a browser opens it. */
export function open(subscriberId, options = {}) {
  return new Novu({
    applicationIdentifier: identifier,
    subscriber: { subscriberId },
    subscriberHash: createHmac("sha256", apiKey).update(subscriberId).digest("hex"),
    apiUrl: url,
    useCache: false,
    ...socketOptions,
    ...options,
  });
}

/** What a call gave; fails when it gave an error. */
export async function got(result) {
  const { data, error } = await result;
  assert.equal(error, undefined, error && `${error.message} ${error.originalError?.message}`);
  return data;
}

/** The error of a call that was refused. */
export async function refusal(result) {
  const { data, error } = await result;
  assert.equal(data, undefined);
  return error.originalError;
}

/** What a page hears: `next(name)` is the next event of that name, in order; fails after twenty seconds. */
export class Ear {
  #heard = new Map();
  #waiting = new Map();

  #opened;

  constructor(novu) {
    this.#opened = new Promise((resolve) => novu.on("socket.connect.resolved", resolve));
    for (const name of ["notification_received", "unread_count_changed", "unseen_count_changed"]) {
      this.#heard.set(name, []);
      this.#waiting.set(name, []);
      novu.on(`notifications.${name}`, ({ result }) => this.#hear(name, result));
    }
  }

  #hear(name, result) {
    const waiting = this.#waiting.get(name).shift();
    if (waiting) waiting(result);
    else this.#heard.get(name).push(result);
  }

  async next(name) {
    const heard = this.#heard.get(name);
    if (heard.length) return heard.shift();
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no ${name} came`)), 20_000);
    });
    try {
      return await Promise.race([new Promise((resolve) => this.#waiting.get(name).push(resolve)), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Both counts after the next change: unseen, and unread in all. */
  async counts() {
    const unseen = await this.next("unseen_count_changed");
    return [unseen, (await this.next("unread_count_changed")).total];
  }

  /** The counts that come with the open socket. */
  async connected() {
    await this.#opened;
    return this.counts();
  }
}

const headers = { authorization: `ApiKey ${apiKey}`, "content-type": "application/json" };

/** What a backend posts. */
export async function post(path, body) {
  const answer = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await answer.text();
  assert.equal(answer.status, 201, text);
  return JSON.parse(text).data;
}

export async function workflow(workflowId, fields = {}, controls = {}) {
  const controlValues = {
    subject: "Order {{payload.order}}",
    body: "Order {{payload.order}} left",
    primaryAction: { label: "Track", redirect: { url: "/orders/{{payload.order}}", target: "_self" } },
    secondaryAction: { label: "Dismiss" },
    data: { order: "{{payload.order}}" },
    ...controls,
  };
  const steps = [{ name: "In-app", type: "in_app", controlValues }];
  return post("/v2/workflows", { name: workflowId, workflowId, steps, ...fields });
}

export function trigger(name, to, order, fields = {}) {
  return post("/v1/events/trigger", { name, to, payload: { order }, ...fields });
}
