/** The calls of the public API that the console makes, with the key of whoever is logged in. */

/** @typedef {any} Json a body, as the page at /docs describes it */

export class ApiError extends Error {
  /**
   * @param {string} message @param {number} [status] absent when there was no answer
   * @param {Record<string, string>} [fields] what is wrong with each field
   */
  constructor(message, status, fields = {}) {
    super(message);
    this.status = status;
    this.fields = fields;
  }
}

export class Api {
  #key;
  #signal;
  #refused;

  /**
   * @param {string} key an API key @param {AbortSignal} signal ends what is being read, when its page is left
   * @param {() => Promise<string | null>} refused asked for another key when this one is refused; null if there is none
   */
  constructor(key, signal, refused) {
    this.#key = key;
    this.#signal = signal;
    this.#refused = refused;
  }

  /**
   * Read one path. Throw ApiError.
   * @param {string} path @param {Record<string, string | number | undefined>} [query] what is empty is left out
   * @returns {Promise<Json>}
   */
  get(path, query = {}) {
    const filled = Object.entries(query).filter(([, value]) => value || value === 0).map(([name, value]) => [name, String(value)]);
    return this.#call(path, { cache: "no-store", signal: this.#signal }, new URLSearchParams(filled));
  }

  /**
   * Change something. Throw ApiError.
   * @param {"POST" | "PUT" | "PATCH" | "DELETE"} method @param {string} path @param {Json} [body] @param {AbortSignal} [signal] ends it
   * @returns {Promise<Json>}
   */
  send(method, path, body, signal) {
    return this.#call(path, { method, body: body && JSON.stringify(body), signal });
  }

  /** @param {string} path @param {RequestInit} options @param {URLSearchParams} [query] @returns {Promise<Json>} */
  async #call(path, options, query) {
    const dots = path.split("/").find((part) => part === "." || part === "..");
    if (dots) throw new ApiError(`A browser cannot ask for "${dots}": it takes that for a step in the address. Use the API by another client.`);
    const url = new URL(path, document.baseURI);
    url.search = String(query ?? "");
    const key = this.#key;
    const headers = { Authorization: `ApiKey ${key}`, "Content-Type": "application/json" };
    const reply = await fetch(url, { ...options, headers }).catch(() => null);
    if (!reply) throw new ApiError("The service does not answer.");
    const answer = await reply.json().catch(() => ({}));
    if (reply.status === 401 && !this.#signal.aborted) {
      if (key === this.#key) this.#key = (await this.#refused()) ?? key; // else another call has asked in the meantime
      if (key !== this.#key) return this.#call(path, options, query);
    }
    if (!reply.ok) throw new ApiError(reasonIn(answer) || reply.statusText, reply.status, fieldsIn(answer));
    return answer;
  }
}

/** Return what an error says, the wrong fields included. @param {Json} answer */
function reasonIn({ message, errors = {} }) {
  const details = Object.values(errors).flatMap((/** @type {Json} */ { messages }) => messages ?? []);
  return [...new Set([message, ...details])].filter(Boolean).join(". ");
}

/** Return what is wrong with each field; a wrong type is said in general, with the field's path in the words. @param {Json} answer */
function fieldsIn({ errors = {} }) {
  return Object.fromEntries(Object.entries(errors).map(([name, { messages = [] }]) => {
    const words = messages.join(". ");
    const [, path] = (name === "general" && /at `\$\.(.*?)`/.exec(words)) || [];
    return [path ? path.replace(/\[(\d+)\]/g, ".$1") : name, words];
  }));
}
