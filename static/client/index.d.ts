/** The JavaScript client of inbox: one subscriber's notifications, kept true while they change. */

export interface Link {
  url: string;
  target?: string;
}

export interface Action {
  label: string;
  isCompleted: boolean;
  redirect?: Link;
}

export type Severity = "high" | "medium" | "low" | "none";

/** A notification as `/v1/inbox/notifications` shows it. What has no value is absent. */
export interface Notification {
  readonly id: string;
  /** Its place in the feed: larger is newer. */
  readonly sequence: number;
  readonly transactionId?: string;
  readonly subject?: string;
  readonly body: string;
  /** Absent for plain text. */
  readonly bodyFormat?: "text" | "markdown";
  readonly to?: { id: string; subscriberId: string; firstName?: string; lastName?: string; avatar?: string };
  readonly isRead: boolean;
  readonly isSeen: boolean;
  readonly isArchived: boolean;
  readonly isSnoozed: boolean;
  readonly createdAt: string;
  readonly deliveredAt?: readonly string[];
  readonly readAt?: string;
  readonly firstSeenAt?: string;
  readonly archivedAt?: string;
  readonly snoozedUntil?: string;
  readonly expiresAt?: string;
  readonly avatar?: string;
  readonly severity?: Severity;
  readonly tags?: readonly string[];
  readonly data?: Readonly<Record<string, unknown>>;
  readonly redirect?: Link;
  readonly primaryAction?: Action;
  readonly secondaryAction?: Action;
  readonly workflow?: Readonly<Record<string, unknown>>;
}

export type Tags = readonly string[] | readonly (readonly string[])[] | { or: readonly string[] } | { and: readonly { or: readonly string[] }[] };

/** Which notifications; all parts must match. An absent part matches everything. */
export interface Filter {
  read?: boolean;
  seen?: boolean;
  archived?: boolean;
  snoozed?: boolean;
  tags?: Tags;
  severity?: Severity | readonly Severity[];
  /** What the notification's `data` must hold: two levels, no lists. */
  data?: Readonly<Record<string, unknown>>;
  /** Milliseconds since 1970. */
  createdGte?: number;
  createdLte?: number;
}

/** Which notifications a change of all is about. */
export type Where = Pick<Filter, "tags" | "data">;

export interface Counts {
  readonly unseen: number;
  /** Unread and not snoozed: the badge. */
  readonly unread: number;
  readonly severity: Readonly<Record<Severity, number>>;
}

export type TransportName = "socket" | "events" | "polling";

/**
 * - `idle`: not started, or stopped
 * - `connecting`: the first attempt
 * - `live`: what is held is true
 * - `reconnecting`: the connection was lost and is tried again
 * - `offline`: there is no network, or three attempts failed; it goes on trying
 * - `unauthorized`: no token is accepted; `start()` tries again
 * - `failed`: the service refuses for good; `start()` tries again
 */
export type Status = "idle" | "connecting" | "live" | "reconnecting" | "offline" | "unauthorized" | "failed";

export interface InboxSnapshot {
  readonly status: Status;
  /** What the connection goes over while it is live. */
  readonly transport: TransportName | null;
  /** Why there is no connection. */
  readonly error: Error | null;
  readonly counts: Counts;
}

export interface ListSnapshot {
  /** Newest first. */
  readonly items: readonly Notification[];
  readonly hasMore: boolean;
  /** Whether the list was read at least once. */
  readonly isLoaded: boolean;
  readonly isLoading: boolean;
  readonly error: Error | null;
}

export interface NotificationList {
  getSnapshot(): ListSnapshot;
  /** Keep the list up to date and call `run` after each change. Return what ends this. */
  subscribe(run: () => void): () => void;
  /** Read the next page. Does nothing at the end of the list. */
  more(): Promise<void>;
  /** Read the list now. */
  refresh(): Promise<ListSnapshot>;
}

export interface FilterCount {
  /** undefined until it was counted; at most 100 */
  getSnapshot(): number | undefined;
  subscribe(run: () => void): () => void;
}

export type Channel = "in_app" | "email" | "sms" | "chat" | "push";

/** Which notifications a subscriber wants: in general, or of one workflow. */
export interface Preference {
  readonly level: "global" | "template";
  /** Only the channels that active workflows use. */
  readonly channels: Readonly<Partial<Record<Channel, boolean>>>;
  /** The global one may have a schedule. */
  readonly schedule?: Schedule;
  /** Whose choices a critical workflow does not heed. */
  readonly workflow?: { id: string; identifier: string; name: string; critical: boolean; tags?: readonly string[]; severity: Severity; data?: Readonly<Record<string, unknown>> };
}

/** When channels other than the inbox may deliver. */
export interface Schedule {
  isEnabled: boolean;
  weeklySchedule?: Partial<Record<"monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday" | "sunday", ScheduleDay>>;
}

export interface ScheduleDay {
  isEnabled: boolean;
  /** Times such as `09:00 AM`. */
  hours?: readonly { start: string; end: string }[];
}

export interface PreferenceFilter {
  /** `nonCritical` by default. */
  criticality?: "nonCritical" | "critical" | "all";
  tags?: readonly string[];
  severity?: Severity | readonly Severity[];
}

/** What opens a session: `POST /v1/inbox/session`. */
export interface SessionParameters {
  applicationIdentifier: string;
  subscriberId: string;
  /** Your backend makes it; required in production. */
  subscriberHash?: string;
  context?: Record<string, unknown>;
  contextHash?: string;
}

export interface InboxOptions {
  /** The service, such as `https://inbox.example.com`. */
  url: string;
  /** A session token, or a function that gets one within 15 s; it is called again when the token expires. */
  token?: string | (() => string | Promise<string>);
  /** In place of `token`: the client opens the session by itself. */
  session?: SessionParameters;
  /** Which transports, best first. */
  transports?: readonly TransportName[];
  /** Time between two polls; by default 5 s, or 15 s where answers come without their `ETag`. 30 s while the page is hidden. */
  pollMs?: number;
  fetch?: typeof fetch;
  /** For a runtime without `WebSocket`, such as Node 20. */
  WebSocket?: new (url: string, protocols?: string[]) => WebSocket;
  /** For tests. */
  timers?: { setTimeout(run: () => void, ms: number): unknown; clearTimeout(handle: any): void; now(): number };
  random?: () => number;
}

export class InboxError extends Error {
  /** Of the HTTP answer, or the close code of a socket. */
  status?: number;
  /** `unreachable`, `lost` (the socket ended before the answer), or the code of the service. */
  code?: string;
  /** Whether the same attempt will fail again. */
  isFinal: boolean;
}

export interface Failure {
  operation: "connect" | "load" | "change";
  error: Error;
}

export type Ids = string | readonly string[];

export class Inbox {
  constructor(options: InboxOptions);
  /** Connect, and stay connected until `stop()`. */
  start(): void;
  /** Close the connection. What is held stays, and `start()` goes on from it. */
  stop(): void;

  /** The same object while nothing in it changes. */
  getSnapshot(): InboxSnapshot;
  /** Call `run` after each change of the snapshot. Return what ends this. */
  subscribe(run: () => void): () => void;
  /** A new notification, or one that came back on top. */
  on(event: "received", run: (notification: Notification) => void): () => void;
  /** The preferences changed, here or elsewhere. What is given leaves out critical workflows. */
  on(event: "preferences", run: (preferences: Preference[]) => void): () => void;
  on(event: "error", run: (failure: Failure) => void): () => void;

  /** A list of a filter; the same object for the same filter. By default what is neither archived nor snoozed, 20 a page. */
  list(filter?: Filter & { limit?: number }): NotificationList;
  /** A count of a filter; the same object for the same filter. */
  count(filter: Filter): FilterCount;

  // Changes show at once. They are rolled back when the promise rejects.
  read(ids: Ids): Promise<void>;
  unread(ids: Ids): Promise<void>;
  seen(ids: Ids): Promise<void>;
  archive(ids: Ids): Promise<void>;
  unarchive(ids: Ids): Promise<void>;
  snooze(ids: Ids, until: Date | string): Promise<void>;
  unsnooze(ids: Ids): Promise<void>;
  /** Mark a button as done. */
  act(id: string, type?: "primary" | "secondary"): Promise<void>;
  /** Mark it as pending again. */
  revert(id: string, type?: "primary" | "secondary"): Promise<void>;
  /**
   * With `confirmed` it shows at once, is sent when that is true, and taken back when it is false: for an undo.
   * A `confirmed` that rejects is a change that failed: it is taken back, and this promise rejects with the same error.
   */
  delete(ids: Ids, confirmed?: PromiseLike<boolean>): Promise<void>;
  readAll(where?: Where): Promise<void>;
  seenAll(where?: Where): Promise<void>;
  archiveAll(where?: Where): Promise<void>;
  /** Archive what is read. */
  archiveRead(where?: Where): Promise<void>;
  deleteAll(where?: Where): Promise<void>;

  /** The global preference, then those of workflows, as `GET /v1/inbox/preferences` shows them. */
  preferences(filter?: PreferenceFilter): Promise<Preference[]>;
  /** Change the global preference, which also has the schedule, or that of a workflow. */
  setPreferences(channels: Partial<Record<Channel, boolean>> & { schedule?: Schedule }, workflow?: string): Promise<Preference>;
}

/** A change of the native protocol. */
export type Change =
  | { created: Notification }
  | { updated: Notification }
  | { removed: string[] }
  | { bulk: { set: Record<string, unknown>; upTo?: number; sequences?: [number, number][] } }
  | { preferences: unknown }
  | { refetch: true };
