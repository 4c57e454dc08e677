/**
 * An inbox that stays right: it reads the list and the badge again after every connect and after every event.
 * For browsers and Node 22 (Node 20: `--experimental-websocket`). ../sockets.md explains each step.
 *
 *     const show = ({ items, unread }) => console.log(unread, items.map((item) => item.subject));
 *     const inbox = new InboxClient("https://inbox.example.com", askMyBackend, show);
 *     inbox.run().catch((error) => console.error("The inbox is closed:", error.message));
 *
 * `askMyBackend` returns the body of `POST /v1/inbox/session`. It is called before every connect.
 */
const LIST = "/notifications?archived=false&snoozed=false&limit=20";
const BADGE = `/notifications/count?filters=${encodeURIComponent('[{"read":false,"snoozed":false}]')}`;
const failure = (status, message) => Object.assign(new Error(message), { status });
const isFinal = ({ status }) => status >= 400 && status < 500 && ![401, 408, 429].includes(status);

export class InboxClient {
  #token; #socket; #reading; #isStale; #isStopped;

  constructor(url, credentials, onChange) {
    Object.assign(this, { url, credentials, onChange });
  }

  /** Stay connected until `stop()`. Reject when the service refuses this subscriber for good. */
  async run() {
    for (let failures = 0; !this.#isStopped; failures += 1) {
      await this.#live(() => (failures = 0)).catch((error) => isFinal(error) && Promise.reject(error));
      await new Promise((resume) => setTimeout(resume, Math.random() * Math.min(30_000, 1_000 * 2 ** failures)));
    }
  }

  stop() {
    this.#isStopped = true;
    this.#socket?.close();
  }

  /** Change one notification: "read", "unread", "archive" … The event that follows makes it visible. */
  change(id, change) {
    return this.#call("PATCH", `/notifications/${id}/${change}`);
  }

  /**
   * One connection, until it ends or something cannot be read; what was missed is read after the next connect. A 401
   * ends nothing: the service is about to close the socket, and its reason tells whether to come back.
   */
  async #live(onOpen) {
    this.#token = (await this.#call("POST", "/session", await this.credentials())).data.token;
    const socket = new WebSocket(`${this.url.replace(/^http/, "ws")}/ws?token=${this.#token}`);
    this.#socket = socket;
    let [isAlive, pings] = [false];
    await new Promise((resolve, reject) => {
      socket.onopen = onOpen;
      socket.onclose = ({ code, reason }) => (code === 4410 ? reject(failure(410, reason)) : resolve());
      socket.onmessage = ({ data }) => {
        isAlive = true;
        if (data !== "pong") this.#refresh().catch((error) => error.status === 401 || reject(error));
      };
      pings = setInterval(() => {
        if (!isAlive) return resolve(); // nothing has come since the last ping, or since the start
        isAlive = false;
        socket.send("ping");
      }, 25_000);
    }).finally(() => {
      clearInterval(pings);
      socket.onopen = socket.onclose = socket.onmessage = null;
      socket.close();
    });
  }

  /** Read list and badge. A call during a reading makes one more reading follow. */
  #refresh() {
    this.#isStale = true;
    return (this.#reading ??= this.#read());
  }

  async #read() {
    try {
      while (this.#isStale) {
        this.#isStale = false;
        const [list, counts] = await Promise.all([this.#call("GET", LIST), this.#call("GET", BADGE)]);
        this.onChange({ items: list.data, unread: counts.data[0].count });
      }
    } finally {
      this.#reading = null;
    }
  }

  async #call(method, path, body) {
    const answer = await fetch(`${this.url}/v1/inbox${path}`, {
      method,
      headers: { "Content-Type": "application/json", ...(!body && { Authorization: `Bearer ${this.#token}` }) },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    });
    const content = await answer.json();
    if (!answer.ok) throw failure(answer.status, content.message);
    return content;
  }
}
