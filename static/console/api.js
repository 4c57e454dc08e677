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
  async get(path, query = {}) {
    const url = new URL(path, document.baseURI);
    for (const [name, value] of Object.entries(query)) if (value || value === 0) url.searchParams.set(name, String(value));
    const headers = { Authorization: `ApiKey ${this.#key}` };
    const reply = await fetch(url, { headers, cache: "no-store" }).catch(() => null);
    if (!reply) throw new ApiError("The service does not answer.");
    const answer = await reply.json().catch(() => ({}));
    if (!reply.ok) throw new ApiError(answer.message ?? reply.statusText, reply.status);
    return answer;
  }
}
