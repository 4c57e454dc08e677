/** The changes that a person makes: they show at once, settle with the service's answer, and are rolled back on failure. */

import { acted, marked, snoozed } from "./effects.js";
import { matcher } from "./filter.js";

const MAX_IDS = 100; // of one request over the socket
const AT_ONCE = 10; // REST calls of one change
/** @type {Record<string, string>} */
const PATHS = { archived: "archive", unarchived: "unarchive", read_archived: "read-archive" };
/** @type {Record<string, ("unread" | "unseen")[]>} counts that are 0 after a change of all */
const CLEARED = { read: ["unread", "unseen"], archived: ["unread", "unseen"], seen: ["unseen"], delete: ["unread", "unseen"] };

/** @typedef {import("./index.js").Filter} Filter */
/** @typedef {import("./store.js").Pending} Pending */
/** @typedef {string | readonly string[]} Ids */
/** @typedef {{method: string, path: string, body?: object}} Call */
/**
 * @typedef {object} Request
 * @property {string} verb of the socket
 * @property {object} args of the verb, without ids
 * @property {import("./effects.js").Effect} effect
 * @property {(id: string) => Call} one the REST call for one notification
 * @property {(ids: string[]) => Call} [many] the REST call for several
 */

export class Changes {
  #store;
  #http;
  #context;

  /**
   * @param {import("./store.js").Store} store @param {import("./http.js").Http} http
   * @param {{link: () => import("./connection.js").Link | null, onError: (error: Error) => void}} context
   */
  constructor(store, http, context) {
    this.#store = store;
    this.#http = http;
    this.#context = context;
  }

  /** @param {Ids} ids @param {"read" | "unread" | "seen" | "archived" | "unarchived"} mark */
  mark(ids, mark) {
    const one = (/** @type {string} */ id) => patch(id, PATHS[mark] ?? mark);
    const many = (/** @type {string[]} */ notificationIds) => post("seen", { notificationIds });
    const effect = marked(mark);
    return this.#change(ids, { verb: "mark", args: { as: mark }, effect, one, ...(mark === "seen" && { many }) });
  }

  /** @param {Ids} ids @param {Date | string} until */
  async snooze(ids, until) {
    const snoozeUntil = new Date(until).toISOString();
    const effect = snoozed(snoozeUntil);
    const one = (/** @type {string} */ id) => patch(id, "snooze", { snoozeUntil });
    return this.#change(ids, { verb: "snooze", args: { until: snoozeUntil }, effect, one });
  }

  /** @param {Ids} ids */
  unsnooze(ids) {
    const one = (/** @type {string} */ id) => patch(id, "unsnooze");
    return this.#change(ids, { verb: "unsnooze", args: {}, effect: marked("unsnoozed"), one });
  }

  /** @param {string} id @param {"primary" | "secondary"} type @param {"done" | "pending"} status */
  act(id, type = "primary", status) {
    const effect = acted(type, status === "done");
    const one = () => patch(id, status === "done" ? "complete" : "revert", { actionType: type });
    return this.#change(id, { verb: "act", args: { id, type, status }, effect, one });
  }

  /** @param {Ids} ids @param {PromiseLike<boolean>} [confirmed] */
  delete(ids, confirmed) {
    const one = (/** @type {string} */ id) => ({ method: "DELETE", path: `${pathOf(id)}/delete` });
    return this.#change(ids, { verb: "delete", args: {}, effect: () => null, one }, confirmed);
  }

  /** @param {Filter} where only tags and data @param {"read" | "seen" | "archived" | "read_archived"} mark */
  markAll(where, mark) {
    const args = { where, as: mark };
    return this.#changeAll(where, mark, marked(mark), "mark", args, PATHS[mark] ?? mark);
  }

  /** @param {Filter} where only tags and data */
  deleteAll(where) {
    return this.#changeAll(where, "delete", () => null, "delete", { where }, "delete");
  }

  /** @param {Ids} given @param {Request} request @param {PromiseLike<boolean>} [confirmed] whether to send what shows already */
  async #change(given, request, confirmed) {
    const ids = [given].flat();
    if (!ids.length) return;
    const pending = this.#store.begin({ ids, effect: request.effect, clears: [] });
    await this.#carryOut(pending, async () => {
      if (confirmed && !(await confirmed)) return this.#store.rollBack(pending);
      const link = this.#context.link();
      try {
        if (link?.request) return await this.#overSocket(link, pending, ids, request);
      } catch (error) {
        if (/** @type {any} */ (error).code !== "lost") throw error; // it may be stored: to set it again is harmless
      }
      await this.#overRest(pending, ids, request);
    });
  }

  /**
   * @param {Filter} where @param {string} name @param {import("./effects.js").Effect} effect
   * @param {string} verb @param {object} args @param {string} path
   */
  async #changeAll(where, name, effect, verb, args, path) {
    const clears = Object.keys(where).length ? [] : (CLEARED[name] ?? []);
    const pending = this.#store.begin({ matches: matcher(where), effect, clears });
    await this.#carryOut(pending, async () => {
      const link = this.#context.link();
      if (link?.request) return this.#store.settle(pending, (await link.request(verb, args)).position);
      const { tags, data } = where;
      await this.#call(post(path, { tags, data: data && JSON.stringify(data) }));
      this.#store.commit(pending);
    });
  }

  /** @param {Pending} pending @param {() => Promise<void>} send */
  async #carryOut(pending, send) {
    try {
      await send();
    } catch (error) {
      this.#store.rollBack(pending);
      this.#context.onError(/** @type {Error} */ (error));
      throw error;
    }
    void this.#context.link()?.poll?.(); // nothing else brings what follows from it
  }

  /** @param {import("./connection.js").Link} link @param {Pending} pending @param {string[]} ids @param {Request} request */
  async #overSocket(link, pending, ids, { verb, args }) {
    let position = "";
    for (let from = 0; from < ids.length; from += MAX_IDS) {
      const target = "id" in args ? {} : { ids: ids.slice(from, from + MAX_IDS) };
      ({ position } = await /** @type {any} */ (link).request(verb, { ...args, ...target }));
    }
    this.#store.settle(pending, position);
  }

  /** @param {Pending} pending @param {string[]} ids @param {Request} request */
  async #overRest(pending, ids, { one, many, verb }) {
    /** @type {import("./index.js").Notification[]} */
    const items = [];
    /** @type {string[]} */
    const done = [];
    /** @type {unknown} */
    let failed;
    const calls = many ? [{ call: many(ids), ids }] : ids.map((id) => ({ call: one(id), ids: [id] }));
    for (let from = 0; from < calls.length && !failed; from += AT_ONCE) {
      const run = async (/** @type {{call: Call, ids: string[]}} */ { call, ids: own }) => {
        try {
          const answer = await this.#call(call);
          if (answer?.data) items.push(answer.data);
        } catch (error) {
          if (verb !== "delete" || /** @type {any} */ (error).status !== 404) throw error; // else it is gone already
        }
        done.push(...own);
      };
      const ended = await Promise.allSettled(calls.slice(from, from + AT_ONCE).map(run));
      for (const one of ended) if (one.status === "rejected") failed ??= one.reason;
    }
    pending.ids = done;
    this.#store.commit(pending, items);
    if (failed) throw failed;
  }

  /** @param {Call} call */
  #call({ method, path, body }) {
    return this.#http.call(method, path, body);
  }
}

/** @param {string} id */
const pathOf = (id) => `/notifications/${encodeURIComponent(id)}`;

/** @param {string} id @param {string} change @param {object} [body] @returns {Call} */
const patch = (id, change, body) => ({ method: "PATCH", path: `${pathOf(id)}/${change}`, body });

/** @param {string} change @param {object} body @returns {Call} */
const post = (change, body) => ({ method: "POST", path: `/notifications/${change}`, body });
