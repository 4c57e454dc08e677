/** The calls of the public API that the console makes, with the key of whoever is logged in. */

/** @typedef {any} Json a body, as the page at /docs describes it */

export class ApiError extends Error {
  /** @param {string} message @param {number} [status] absent when there was no answer */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export class Api {
  #key;

  /** @param {string} key an API key */
  constructor(key) {
    this.#key = key;
  }

  /**
   * Read one path. Throw ApiError.
   * @param {string} path @param {Record<string, string | number | undefined>} [query] what is empty is left out
   * @returns {Promise<Json>}
   */
  get(path, query = {}) {
    const url = new URL(path, document.baseURI);
    for (const [name, value] of Object.entries(query)) if (value || value === 0) url.searchParams.set(name, String(value));
    return this.#call(url, { cache: "no-store" });
  }

  /**
   * Change something. Throw ApiError.
   * @param {"POST" | "PATCH" | "DELETE"} method @param {string} path @param {Json} [body]
   * @returns {Promise<Json>}
   */
  send(method, path, body) {
    return this.#call(new URL(path, document.baseURI), { method, body: body && JSON.stringify(body) });
  }

  /** @param {URL} url @param {RequestInit} options */
  async #call(url, options) {
    const headers = { Authorization: `ApiKey ${this.#key}`, "Content-Type": "application/json" };
    const reply = await fetch(url, { ...options, headers }).catch(() => null);
    if (!reply) throw new ApiError("The service does not answer.");
    const answer = await reply.json().catch(() => ({}));
    if (!reply.ok) throw new ApiError(reasonIn(answer) || reply.statusText, reply.status);
    return answer;
  }
}

/** Return what an error says, the wrong fields included. @param {Json} answer */
function reasonIn({ message, errors = {} }) {
  const details = Object.values(errors).flatMap((/** @type {Json} */ { messages }) => messages ?? []);
  return [...new Set([message, ...details])].filter(Boolean).join(". ");
}
