/**
 * A service in this process with one feed: the inbox API, the native socket and the event stream, as the protocol says.
 * Its network can be cut at any point.
 */

const FLAGS = { read: "isRead", seen: "isSeen", archived: "isArchived", snoozed: "isSnoozed" };

export class Service {
  /** What each way to it does: "open", "blocked" (a proxy), or an HTTP status. */
  ways = { socket: "open", events: "open", rest: "open" };
  items = new Map();
  sequence = 0;
  counter = 0;
  life = 1_000;
  log = []; // {counter, ids}
  tokens = new Set(["token-1"]);
  sessions = 0;
  requests = [];
  sockets = [];
  streams = new Set();
  withEtags = false;
  isInvalid = () => false; // whether it refuses a filter
  expiresAt = undefined;
  /** Frames and answers are kept back until `deliver`. */
  isHeld = false;
  held = [];

  constructor(clock) {
    this.clock = clock;
    const service = this;
    this.WebSocket = class {
      constructor(url, protocols) {
        Object.assign(this, { url, protocols, frames: [], isOpen: false, isConnected: false });
        service.sockets.push(this);
        queueMicrotask(() => service.#openSocket(this));
      }
      send(text) {
        service.#receive(this, JSON.parse(text));
      }
      close() {
        this.isOpen = this.isConnected = false;
      }
    };
  }

  get position() {
    return `${this.life}-${this.counter}`;
  }

  get options() {
    const { WebSocket, clock } = this;
    return { url: "https://inbox.test/", timers: clock, random: () => 1, WebSocket, fetch: (url, init) => this.fetch(url, init) };
  }

  get openSockets() {
    return this.sockets.filter(({ isConnected }) => isConnected);
  }

  // ---- what happens in the feed

  add(fields = {}) {
    this.sequence += 1;
    const id = `n${this.sequence}`;
    const item = { id, sequence: this.sequence, body: `Body ${id}`, createdAt: this.#date(), tags: [], severity: "none" };
    this.items.set(id, { ...item, isRead: false, isSeen: false, isArchived: false, isSnoozed: false, ...fields });
    this.#publish([id], [{ created: this.items.get(id) }]);
    return id;
  }

  /** The end of a snooze or a collapse: it goes to the top. */
  lift(id) {
    this.sequence += 1;
    const fresh = { sequence: this.sequence, isSnoozed: false, isRead: false, isSeen: false };
    this.#set(id, { ...fresh, snoozedUntil: null, readAt: null });
    this.#publish([id], [{ created: this.items.get(id) }]);
  }

  change(ids, fields, request) {
    const known = ids.filter((id) => this.items.has(id));
    for (const id of known) this.#set(id, fields);
    this.#publish(known, known.map((id) => ({ updated: this.items.get(id) })), request);
  }

  mark(ids, as, request) {
    this.change(ids, this.#fields(as), request);
  }

  /** All that match, as one change with the rows that it is about. */
  markAll(where, as, request) {
    const found = this.#find({ ...where, ...(as === "read_archived" && { read: true }) });
    const fields = this.#fields(as === "read_archived" ? "archived" : as);
    for (const { id } of found) this.#set(id, fields);
    const target = where.tags ? { sequences: found.map(({ sequence }) => [sequence, sequence]) } : { upTo: this.sequence };
    if (as === "read_archived") target.sequences = found.map(({ sequence }) => [sequence, sequence]);
    this.#publish(found.map(({ id }) => id), [{ bulk: { set: fields, ...target } }], request);
  }

  remove(ids, request) {
    ids.forEach((id) => this.items.delete(id));
    this.#publish(ids, [{ removed: ids }], request);
  }

  publish(change) {
    this.#publish([], [change]);
  }

  /** The store comes back from an older copy: another life, in which later changes never happened. */
  backup() {
    return { items: new Map(this.items), sequence: this.sequence, counter: this.counter };
  }

  restore(copy) {
    this.cut();
    Object.assign(this, copy, { items: new Map(copy.items), life: this.life + 1_000, log: [] });
  }

  /** The log no longer reaches back. */
  forget() {
    this.log = [];
  }

  // ---- what it answers

  list(query) {
    const { limit = 10, after } = query;
    const before = after === undefined ? Infinity : (this.items.get(after)?.sequence ?? Number(after.slice(1)));
    const found = this.#find(query).filter(({ sequence }) => sequence < before);
    return { data: found.slice(0, limit), hasMore: found.length > limit, filter: {} };
  }

  get counts() {
    const unread = this.#find({ read: false, snoozed: false });
    const of = (name) => unread.filter(({ severity }) => severity === name).length;
    const severity = { high: of("high"), medium: of("medium"), low: of("low"), none: of("none") };
    return { unseen: this.#find({ seen: false }).length, unread: unread.length, severity };
  }

  count(filters) {
    return { data: filters.map((filter) => ({ filter, count: Math.min(100, this.#find(filter).length) })) };
  }

  connect({ position, list }) {
    const [life, counter] = (position ?? "0-0").split("-").map(Number);
    const oldest = this.log[0]?.counter ?? this.counter + 1;
    const recovered = position !== undefined && life === this.life && counter <= this.counter && counter >= oldest - 1;
    const result = { position: this.position, time: this.#date(), counts: this.counts, pingSeconds: 25, recovered };
    if (this.expiresAt) result.expiresAt = new Date(this.expiresAt).toISOString();
    if (!recovered) return { ...result, ...(list && { list: this.list(list) }) };
    const last = new Map();
    for (const entry of this.log) if (entry.counter > counter) for (const id of entry.ids) last.set(id, entry);
    const ordered = [...last].sort(([, a], [, b]) => a.counter - b.counter);
    const changes = ordered.map(([id, { kind }]) => {
      const item = this.items.get(id);
      if (!item) return { removed: [id] };
      return kind === "created" ? { created: item } : { updated: item };
    });
    return { ...result, changes };
  }

  async fetch(url, { method, headers, body, signal } = {}) {
    const { pathname, searchParams } = new URL(url);
    const path = pathname.replace(/^.*\/v1\/inbox/, "");
    this.requests.push(`${method} ${path}`);
    this.lastQuery = searchParams;
    const way = path === "/events" ? this.ways.events : this.ways.rest;
    if (way === "blocked") throw new TypeError("fetch failed");
    if (way !== "open") return answer(way, { message: `Status ${way}` }, this.retryAfter ? { "Retry-After": this.retryAfter } : {});
    if (path === "/session") {
      this.sessions += 1;
      if (this.sessionStatus) return answer(this.sessionStatus, { message: "No session" });
      const token = `session-${this.sessions}`;
      this.tokens.add(token);
      return answer(201, { data: { token } });
    }
    if (!this.tokens.has(headers.Authorization?.replace("Bearer ", ""))) return answer(401, { message: "Unauthorized" });
    const filters = [fromQuery(searchParams), ...["list", "filters"].flatMap((name) => JSON.parse(searchParams.get(name) ?? "[]"))];
    if (filters.some((filter) => this.isInvalid(filter))) return answer(400, { message: "Unknown filter" });
    if (path === "/events") return this.#openStream(searchParams, signal);
    const parsed = body && JSON.parse(body);
    const reply = this.#rest(method, path, searchParams, parsed, headers);
    if (!this.isHeld) return reply;
    return new Promise((resolve) => this.held.push(() => resolve(reply)));
  }

  /** Let what was kept back arrive, in order. */
  deliver() {
    this.isHeld = false;
    this.held.splice(0).forEach((run) => run());
  }

  // ---- what happens to the network

  ping() {
    for (const socket of this.openSockets) this.#send(socket, { ping: { position: this.position, time: this.#date() } });
    for (const stream of this.streams) stream.write(frame("ping", { position: this.position }));
  }

  cut(code = 1006, reason = "") {
    for (const socket of this.sockets.filter(({ isOpen }) => isOpen)) {
      socket.isOpen = socket.isConnected = false;
      socket.onclose?.({ code, reason });
    }
    for (const stream of this.streams) {
      if (code >= 4000) stream.write(`event: closed\ndata: ${JSON.stringify({ code, reason })}\n\n`);
      stream.end();
    }
  }

  #openSocket(socket) {
    if (this.ways.socket !== "open") return socket.onclose?.({ code: 1006, reason: "" });
    socket.isOpen = true;
    socket.onopen?.();
  }

  #receive(socket, { id, ...verbs }) {
    const [[verb, args]] = Object.entries(verbs);
    this.requests.push(verb);
    socket.frames.push({ id, [verb]: args });
    const reply = (value) => {
      if (!this.isHeld) return this.#send(socket, { id, ...value });
      this.held.push(() => this.#send(socket, { id, ...value }));
    };
    if (verb !== "connect" && [args, ...(args.filters ?? [])].some((filter) => this.isInvalid(filter))) {
      return reply({ error: { code: "invalid", message: "Unknown filter", retry: false } });
    }
    if (this.refuse?.[verb]) return reply({ error: this.refuse[verb] });
    if (verb === "connect") {
      if (!this.tokens.has(args.token)) {
        reply({ error: { code: "unauthorized", message: "Unauthorized", retry: false } });
        return this.cut(4401, "token_expired");
      }
      if (args.list && this.isInvalid(args.list)) {
        reply({ error: { code: "invalid", message: "Unknown filter", retry: false } });
        return setImmediate(() => this.cut(4400, "invalid"));
      }
      const connect = () => {
        socket.isConnected = socket.isOpen; // events follow the answer
        this.#send(socket, { id, result: this.connect(args) });
      };
      return this.isHeld ? this.held.push(connect) : connect();
    }
    if (verb === "renew") return reply({ result: { expiresAt: new Date((this.expiresAt += 3_600_000)).toISOString() } });
    if (verb === "list") return reply({ result: { ...this.list(args), position: this.position } });
    if (verb === "count") return reply({ result: this.count(args.filters) });
    if (verb === "mark" && args.ids) this.mark(args.ids, args.as, id);
    if (verb === "mark" && args.where) this.markAll(args.where, args.as, id);
    if (verb === "snooze") this.change(args.ids, { ...this.#fields("snoozed"), snoozedUntil: args.until }, id);
    if (verb === "unsnooze") this.change(args.ids, this.#fields("unsnoozed"), id);
    if (verb === "delete") this.remove(args.ids ?? this.#find(args.where).map((item) => item.id), id);
    if (verb === "act") {
      const button = `${args.type}Action`;
      this.change([args.id], { [button]: { ...this.items.get(args.id)[button], isCompleted: args.status === "done" } }, id);
    }
    return reply({ result: { position: this.position } });
  }

  #rest(method, path, query, body, headers) {
    if (path === "/notifications") return this.#tagged(this.list(fromQuery(query)), path + query, headers);
    if (path === "/notifications/count") return this.#tagged(this.count(JSON.parse(query.get("filters"))), path + query, headers);
    const [, , id, verb] = path.split("/");
    if (method === "POST") {
      const where = { ...(body.tags && { tags: body.tags }) };
      if (body.notificationIds) this.mark(body.notificationIds, "seen");
      else if (id === "delete") this.remove(this.#find(where).map((item) => item.id));
      else this.markAll(where, { read: "read", seen: "seen", archive: "archived", "read-archive": "read_archived" }[id]);
      return answer(204);
    }
    if (!this.items.has(id)) return answer(404, { message: "Notification not found" });
    if (method === "DELETE") {
      this.remove([id]);
      return answer(204);
    }
    if (verb === "snooze") this.change([id], { ...this.#fields("snoozed"), snoozedUntil: body.snoozeUntil });
    else this.mark([id], { archive: "archived", unarchive: "unarchived", unsnooze: "unsnoozed" }[verb] ?? verb);
    return answer(200, { data: this.items.get(id) });
  }

  #tagged(value, key, headers) {
    if (!this.withEtags) return answer(200, value);
    const etag = `"${this.position}-${key.length}"`;
    return headers["If-None-Match"] === etag ? answer(304) : answer(200, value, { ETag: etag });
  }

  #openStream(query, signal) {
    const encoder = new TextEncoder();
    const stream = {};
    const body = new ReadableStream({
      start: (controller) => {
        stream.write = (text) => controller.enqueue(encoder.encode(text));
        stream.end = () => this.streams.delete(stream) && controller.close();
        signal.addEventListener("abort", () => this.streams.delete(stream));
      },
    });
    this.streams.add(stream);
    const list = query.get("list");
    const args = { position: query.get("position") ?? undefined, list: list ? JSON.parse(list) : undefined };
    stream.write(`retry: ${this.retryMs ?? 700}\n\n${frame("connected", this.connect(args))}`);
    return answer(200, body, { "Content-Type": "text/event-stream" });
  }

  #publish(ids, changes, request) {
    const from = this.position;
    this.counter += 1;
    const kind = "created" in (changes[0] ?? {}) ? "created" : "updated";
    this.log.push({ counter: this.counter, ids, kind });
    const event = { from, position: this.position, counts: this.counts, changes, ...(request && { request }) };
    for (const socket of this.openSockets) this.#send(socket, { event });
    for (const stream of this.streams) stream.write(frame("change", event));
  }

  #send(socket, value) {
    if (socket.isOpen) socket.onmessage?.({ data: JSON.stringify(value) });
  }

  #find(filter) {
    const groups = filter.tags ? [filter.tags] : [];
    return [...this.items.values()]
      .filter((item) => Object.entries(FLAGS).every(([name, flag]) => filter[name] === undefined || item[flag] === filter[name]))
      .filter((item) => groups.every((group) => group.some((tag) => item.tags.includes(tag))))
      .filter((item) => filter.severity === undefined || [filter.severity].flat().includes(item.severity))
      .sort((a, b) => b.sequence - a.sequence);
  }

  #fields(as) {
    const now = this.#date();
    const read = { isRead: true, isSeen: true, readAt: now, firstSeenAt: now };
    return {
      seen: { isSeen: true, firstSeenAt: now },
      read,
      unread: { isRead: false, isSeen: true, isArchived: false, readAt: null, archivedAt: null },
      archived: { ...read, isArchived: true, archivedAt: now },
      unarchived: { ...read, isArchived: false, archivedAt: null },
      snoozed: { isSeen: true, isSnoozed: true, isArchived: false, archivedAt: null },
      unsnoozed: { isSeen: true, isSnoozed: false, isArchived: false, archivedAt: null, snoozedUntil: null },
    }[as];
  }

  #set(id, fields) {
    const item = this.items.get(id);
    const next = { ...item, ...fields, ...(item.firstSeenAt && { firstSeenAt: item.firstSeenAt }) }; // the first one stays
    for (const [name, value] of Object.entries(next)) if (value === null) delete next[name];
    this.items.set(id, next);
  }

  #date() {
    return new Date(this.clock.now()).toISOString();
  }
}

function answer(status, body, headers = {}) {
  const isRaw = body === undefined || body instanceof ReadableStream;
  return new Response(isRaw ? (body ?? null) : JSON.stringify(body), { status, headers });
}

function frame(name, value) {
  return `event: ${name}\nid: ${value.position}\ndata: ${JSON.stringify(value)}\n\n`;
}

function fromQuery(query) {
  const filter = {};
  for (const name of Object.keys(FLAGS)) if (query.has(name)) filter[name] = query.get(name) === "true";
  if (query.has("tags[]")) filter.tags = query.getAll("tags[]");
  if (query.has("severity[]")) filter.severity = query.getAll("severity[]");
  return { ...filter, limit: Number(query.get("limit")), after: query.get("after") ?? undefined };
}
