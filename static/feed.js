/** What the page knows of one feed: the newest notifications and the unread count. No DOM, no network. */

/** @typedef {{label: string, isCompleted: boolean, redirect?: {url: string, target?: string}}} Action */
/**
 * @typedef {object} Notification as the inbox API gives it
 * @property {string} id
 * @property {number} sequence larger is newer; it changes when the notification goes to the top
 * @property {string} [subject]
 * @property {string} body
 * @property {boolean} isRead
 * @property {boolean} isSeen
 * @property {boolean} isArchived
 * @property {boolean} isSnoozed
 * @property {string} createdAt ISO 8601
 * @property {string} [avatar]
 * @property {string} [severity]
 * @property {Record<string, unknown>} [data]
 * @property {{url: string, target?: string}} [redirect]
 * @property {Action} [primaryAction]
 * @property {Action} [secondaryAction]
 */

/**
 * What events said while a request was under way: the state of each notification, null when it went. What they name
 * stands over the answer, since a later event follows wherever the answer is the newer of the two.
 * @typedef {{items: Map<string, Notification | null>, unread: boolean}} Watch
 */

export class Feed {
  /** @type {Notification[]} newest first, without gaps */
  items = [];
  /** Whether older ones exist that were not loaded. */
  hasMore = false;
  loaded = false;
  unread = 0;
  /** @type {Set<Watch>} */
  #watches = new Set();

  /** Notes what events say until `forget`. @returns {Watch} */
  watch() {
    const watch = { items: new Map(), unread: false };
    this.#watches.add(watch);
    return watch;
  }

  /** @param {Watch} watch */
  forget(watch) {
    this.#watches.delete(watch);
  }

  /**
   * Applies an event of the socket; unknown ones change nothing.
   * @param {string} event @param {any} data
   * @returns {{received?: Notification, refetch?: boolean}} what is new; whether to load the window again
   */
  apply(event, data) {
    if (event === "unread_count_changed") this.#countEvent(data.counts?.total ?? data.unreadCount);
    if (event === "notification_updated" && data.removed) this.#remove(data.removed);
    if (event === "notification_updated" && data.refetch) return { refetch: true };
    if ((event === "notification_received" || event === "notification_updated") && data.message) {
      const item = fromMessage(data.message);
      const known = this.items.some(({ id }) => id === item.id);
      this.#note(item.id, item);
      if (this.#reaches(item)) this.#put([item]);
      if (event === "notification_received" && !known) return { received: item };
    }
    return {};
  }

  /** @param {Notification[]} items the newest ones as loaded @param {boolean} hasMore @param {Watch} watch */
  replace(items, hasMore, watch) {
    this.items = [];
    this.append(items, hasMore, watch);
    this.loaded = true;
  }

  /** @param {Notification[]} items what follows the oldest one @param {boolean} hasMore @param {Watch} watch */
  append(items, hasMore, watch) {
    const oldest = hasMore ? items.at(-1) : undefined;
    const told = [...watch.items.values()].filter((item) => item !== null);
    const within = told.filter((item) => !oldest || newestFirst(item, oldest) <= 0);
    this.#put([...items.filter(({ id }) => !watch.items.has(id)), ...within]);
    this.hasMore = hasMore;
  }

  /** @param {Notification} item as it is after a change @param {Watch} watch */
  merge(item, watch) {
    if (!watch.items.has(item.id) && this.#reaches(item)) this.#put([item]);
  }

  /** @param {number} unread as counted by a request @param {Watch} watch */
  setUnread(unread, watch) {
    if (!watch.unread) this.unread = unread;
  }

  /** @param {string[]} ids */
  markSeen(ids) {
    for (const item of this.items) if (ids.includes(item.id)) item.isSeen = true;
  }

  /** @param {number} unread */
  #countEvent(unread) {
    this.unread = unread;
    for (const watch of this.#watches) watch.unread = true;
  }

  /** @param {string} id @param {Notification | null} item */
  #note(id, item) {
    for (const watch of this.#watches) watch.items.set(id, item);
  }

  /** @param {string[]} ids */
  #remove(ids) {
    ids.forEach((id) => this.#note(id, null));
    this.items = this.items.filter(({ id }) => !ids.includes(id));
  }

  /** Whether its place is in the window; one older comes when its page is loaded. @param {Notification} item */
  #reaches(item) {
    const oldest = this.items.at(-1);
    return !this.hasMore || !oldest || newestFirst(item, oldest) <= 0 || this.items.some(({ id }) => id === item.id);
  }

  /** Puts each at its place, over its earlier state; archived and snoozed ones leave. @param {Notification[]} items */
  #put(items) {
    const byId = new Map(this.items.map((item) => [item.id, item]));
    for (const item of items) {
      if (item.isArchived || item.isSnoozed) byId.delete(item.id);
      else byId.set(item.id, item);
    }
    this.items = [...byId.values()].sort(newestFirst);
  }
}

/** @param {Notification} a @param {Notification} b */
function newestFirst(a, b) {
  return b.sequence - a.sequence;
}

/**
 * The notification in a pushed message, which has the shape of the server's API.
 * @param {any} message @returns {Notification}
 */
export function fromMessage(message) {
  const { data: link, action } = message.cta;
  return {
    id: message._id,
    sequence: message.sequence,
    subject: message.subject,
    body: message.content,
    isRead: message.read,
    isSeen: message.seen,
    isArchived: message.archived,
    isSnoozed: Boolean(message.snoozedUntil),
    createdAt: message.createdAt,
    avatar: message.avatar,
    severity: message.severity,
    data: message.data,
    redirect: link?.url ? { url: link.url, target: link.target } : undefined,
    primaryAction: pickAction(action, "primary"),
    secondaryAction: pickAction(action, "secondary"),
  };
}

/** @param {any} action the message's `cta.action` @param {string} type @returns {Action | undefined} */
function pickAction(action, type) {
  const button = action?.buttons?.find((/** @type {any} */ one) => one.type === type);
  return (
    button && {
      label: button.content,
      isCompleted: action.status === "done" && action.result?.type === type,
      redirect: button.url ? { url: button.url, target: button.target } : undefined,
    }
  );
}
