/**
 * Your own client in sixty lines: the newest notifications of one person, kept true. For browsers and Node 22
 * (Node 20: `--experimental-websocket`). ../native-protocol.md explains each step.
 *
 *     const client = new NativeClient("wss://inbox.example.com", getToken, () => show(client.counts, client.newestFirst()));
 *     client.run().catch((error) => console.error("The inbox is closed:", error.message));
 *
 * `getToken` returns a session token; it is called before every connect.
 */
export class NativeClient {
  constructor(url, getToken, onChange) {
    Object.assign(this, { url, getToken, onChange, items: new Map(), counts: {}, floor: 0, failures: 0 });
  }

  newestFirst() {
    return [...this.items.values()].sort((a, b) => b.sequence - a.sequence);
  }

  /** Stay connected. Reject when the service refuses for good. */
  async run() {
    for (;; this.failures += 1) {
      const { code, reason } = await this.connect(await this.getToken());
      if (code >= 4400 && code <= 4499 && ![4401, 4403, 4408].includes(code)) throw new Error(reason);
      await new Promise((resume) => setTimeout(resume, Math.random() * Math.min(30_000, 1_000 * 2 ** this.failures)));
    }
  }

  connect(token) {
    return new Promise((resolve) => {
      const socket = new WebSocket(`${this.url}/v1/socket`, ["inbox.v1"]);
      const end = (closed) => {
        clearTimeout(silence);
        socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
        socket.close();
        resolve(closed);
      };
      let silence = setTimeout(end, 35_000, {});
      const hello = { token, position: this.position, list: { limit: 100 } };
      socket.onopen = () => socket.send(JSON.stringify({ id: 1, connect: hello }));
      socket.onclose = end;
      socket.onerror = () => end({});
      socket.onmessage = ({ data }) => {
        clearTimeout(silence);
        silence = setTimeout(end, 35_000, {});
        if (!this.take(JSON.parse(data))) end({});
        this.onChange();
      };
    });
  }

  /** Apply a frame. Return false when something is missing: then connect again. */
  take({ result, event }) {
    if (event && event.from !== this.position) return false;
    if (result && !result.recovered) {
      this.items = new Map(result.list.data.map((item) => [item.id, item]));
      this.floor = result.list.hasMore ? result.list.data.at(-1).sequence : 0;
    }
    const told = result ?? event;
    if (told) Object.assign(this, { position: told.position, counts: told.counts, failures: 0 });
    for (const change of told?.changes ?? []) this.change(change);
    return !told || this.position !== undefined;
  }

  change({ created, updated = created, removed = [], bulk, refetch }) {
    if (updated?.sequence >= this.floor) this.items.set(updated.id, updated);
    for (const id of removed) this.items.delete(id);
    for (const [id, item] of bulk ? this.items : []) {
      const holds = ([first, last]) => item.sequence >= first && item.sequence <= last;
      if (!(bulk.sequences ?? [[0, bulk.upTo]]).some(holds)) continue;
      const firstSeenAt = item.firstSeenAt ?? bulk.set.firstSeenAt ?? null;
      const after = { ...item, ...bulk.set, firstSeenAt };
      this.items.set(id, Object.fromEntries(Object.entries(after).filter(([, value]) => value !== null)));
    }
    if (refetch) this.position = undefined; // the next connect lists anew
  }
}
