"""Every key of the service, with its type, its fields and its lifetime.

All keys of a subscriber are in one of 256 buckets, each with a fixed hash tag, so that one script can change them
together, on a cluster too. A key carries the environment's number and never a caller's text: subscribers are named by
their oids, feeds by numbers, transactions by hashes. The tags:

    {tag}        a bucket, across environments; {tag}<e>: the bucket within environment e (BucketKeys), and there
                 {tag}<e>:<feed number> each feed (FeedKeys)
    {<e>.<oid>}  the subscriptions of a topic (TopicKeys)
    {e<e>}       an environment, and {all} the installation (Keys)
    {…}gone:<hash>  beside a list: the score of a deleted member; ten minutes (lua/_retire.lua)

Keys without a lifetime below stay until their owner is deleted. A feed's channel has the name of its state key and is
sharded (SPUBLISH), so it moves with its slot.
"""

from __future__ import annotations

import hashlib
import re
from binascii import b2a_base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

BUCKETS = 256
CACHED_BUCKETS = 16 * BUCKETS

IDEMPOTENCY_TTL_SECONDS = 86_400
DISPATCH_TTL_SECONDS = 86_400
SHARE_TTL_SECONDS = 30 * 86_400
CONTENT_TTL_SECONDS = 730 * 86_400
"""Longer than a message can live: 540 days at most, then a snooze of 90, then another after it has moved to the top."""
COLLAPSE_TTL_SECONDS = 90 * 86_400
ACTIVITY_TTL_SECONDS = 30 * 86_400
JOINED_TTL_SECONDS = 86_400
NAME_LENGTH = 16
"""The length of what `digest` returns."""
LAYOUT_VERSION = 1


_TAGS = (
    "0214zpaio0ov21gcsvcj9gfp1d85hq55690g3gnbaw7rhf0y06qa0hid70k6o6o69ncnygb0lc05l151v1y7wkn7ogb8p3za"
    "4z402u0o2hes6ybo2k2ldkce5h59mdd3k55r7kcfmzft5j5li940650kramkc3z25cgbt6dm5ludjl1ys512bes3cjfpu72d"
    "emk4kr46583d2dmcbt65cg3z1125yshct1lu32dbpu7cjfes8jc4o242u0z4oce6ldk2k2yb15rqushg41h5n5lbt5bmz3kc"
    "4k68nge0h46qcb0gny29nk6o5y711v1l1hc07zaf8p3ogskn4oveio0zp421cfpgj9gsv61gqu71561hq5d8b0y3rhfaw7gn"
    "20w6x66ay2m0e9qa58iag0nfne67j777pf1i9l05iah7n18o247rt66e92ip07aa1x4fominfhn7nw730nx91ahhni50f957"
    "6xr2032mtckmaqt03eedr4bk7jsfljn85774hjm1el91354bc2j24s2i4kf5au48z50jbiec7n33bzf5m73t5me9h41xch3j"
    "of56i464sg2j8o34jbi4m82t33tb5m7bz3n3l3j5xchbd1megkm6mt6032xr0bkadr43e864374j85blj3js14bq0k5eldcu"
    "6ip2e9vt6647iin0fo82047ajx93303nwbhnq4o10f9d95ah6m02ay2x660w4nf8k786pa9qb1i37p3j7je658o9y61iaqmh"
)
TAGS = [_TAGS[start : start + 3] for start in range(0, len(_TAGS), 3)]
"""A tag of three characters for each bucket: its slot is in or nearest to the middle of one of 256 equal parts of all
slots. They are written down, since no two releases may have others, and to find them takes a moment at each start.
"""


@lru_cache(maxsize=65_536)
def bucket_of(text: str) -> int:
    """Return the bucket (0 to 255) of a subscriber id or of another name."""
    return hashlib.sha256(text.encode()).digest()[0]


def bucket_of_oid(oid: str) -> int:
    """Return the bucket that a subscriber's oid names."""
    return int(oid[8:10], 16)


_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_GLOB_SIGN = re.compile(r"[][*?^\\]")


def _escaped(sign: re.Match[str]) -> str:
    return "\\" + sign[0]


def digest(*parts: str) -> str:
    """Return a short name for texts of any length: 16 characters."""
    raw = hashlib.blake2b("\0".join(parts).encode(), digest_size=12).digest()
    return b2a_base64(raw, newline=False).translate(_URL_SAFE).decode()


def collapse_name(workflow_id: str, step_id: str, key: str) -> str:
    """Return the name of a collapse key in its feed; each step of a workflow has its own keys."""
    return digest(workflow_id, step_id, key)


class _Group(Protocol):
    @property
    def base(self) -> str: ...


class _Key:
    """A key of a group of keys: the group's base and a suffix."""

    def __init__(self, suffix: str) -> None:
        self._suffix = suffix

    def __get__(self, group: _Group, _: object) -> str:
        return group.base + self._suffix


class _NamedKey:
    """A key for each name (an oid, a hash, an id): the group's base, a prefix and the name."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def __get__(self, group: _Group, _: object) -> Callable[[str], str]:
        return (group.base + self._prefix).__add__


@dataclass(frozen=True, slots=True)
class FeedKeys:
    """The keys of one feed; `state` is also the name of its channel."""

    base: str

    # hash: `p` packed state, `u` end of the next snooze, `s` the subscriber's oid, `w…` preferences (lua/_state.lua)
    state = channel = _Key("h")
    # stream: entry `n-0` is message n: `c` creation (ms), `d` content or `r` name of a shared one, `v` earlier times
    stream = _Key("s")
    # string: four bytes a message: flags, then three check bytes of its id (store/rows.py)
    rows = _Key("f")
    # hash: row → side record of a message that was changed by itself (lua/_dates.lua); `o<row>` → where it was moved;
    # `e<row>` → the time (ms, six bytes) and the content of its last edit
    side = _Key("d")
    # list: an entry for each position (lua/_log.lua); 24 h after the last change, 256 entries or more
    log = _Key("g")
    # list: what entries of the log have no room for, the ids of what went and what bulk marks did (lua/_bodies.lua)
    bodies = _Key("b")
    # list: a stamp for each bulk change (lua/_dates.lua); beyond eight the oldest are folded into `side`
    stamps = _Key("t")
    # list: batches of deleted rows whose contents are to be removed; rare
    purge = _Key("p")
    # hash: collapse key → row and check of the message's id, and its count; 90 days after the last write
    collapses = _Key("c")
    # sorted set: row of a message with an external reference → 48 bits of the reference's hash; '' → -1 if it has the
    # rows of all such messages (lua/_references.lua)
    references = _Key("r")
    # string: a mask, during one script
    scratch = _Key("w")

    def all(self) -> list[str]:
        """Return all keys that are deleted with the feed."""
        return [
            *(self.state, self.stream, self.rows, self.side, self.log, self.stamps, self.purge, self.collapses),
            *(self.references, self.bodies),
        ]


@dataclass(frozen=True, slots=True)
class BucketKeys:
    """The keys of one bucket within one environment."""

    bucket_base: str
    base: str

    # hash: subscriberId → oid
    subscribers = _Key("subscribers")
    # stream: every message by time, `<feed number><row>` packed: `m` stored, `w` moved to the top or kept by a snooze
    # beyond its age; until the environment's retention has passed
    times = _Key("times")
    # sorted set: timers by due time (store/timers.py)
    timers = _Key("timers")
    # hash: oid → subscriberId and feeds of a subscriber whose erasure is not finished; rare
    erasing = _Key("erasing")
    # stream: events that are not published yet, the newest 10,000 (store/outbox.py)
    outbox = _Key("outbox")
    # hash: `entry`, `told`, `failures`, `next` of the oldest entry; `removed` counts entries
    outbox_progress = _Key("outbox:progress")
    # hash: a subscriber: profile, `@<process>` presence, `#<contexts>` feed numbers
    subscriber = _NamedKey("s:")
    # hash: a subscriber's preferences: `w<workflow oid>`, `w*`, and `r` the number of changes
    preferences = _NamedKey("p:")
    # sorted set: the `_id`s of a subscriber's topic subscriptions, by creation; hash: `_id` → topic
    joined, joined_topics = _NamedKey("j:"), _NamedKey("k:")
    # string: content of a dispatch that does not depend on the recipient, once for the bucket; 730 days
    content = _NamedKey("r:")
    # hash: a dispatch's share of the bucket: its `cursor` and counts; 30 days
    share = _NamedKey("q:")
    # hash: the waiting runs of a transaction: `=<name>` a plan, `plans` their number, feed number → where its run
    # stands; until the last run ends
    runs = _NamedKey("n:")
    # hash: an open window of a digest: `id` (the transaction that opened it), `due`, `seq`, `count`, `kept`, `bytes`,
    # `last` (beyond those kept), `=<name>` workflows, `e<transaction>` events; until it closes
    window = _NamedKey("w:")
    # string: an event of a digest with a look-back came; until the look-back's end
    look_back = _NamedKey("b:")
    # hash: the open windows in which a transaction's events wait; a day beyond their ends
    waits_in = _NamedKey("y:")

    @property
    def feed_counter(self) -> str:
        """Return the key of the counter that gives out feed numbers, across environments."""
        return self.bucket_base + "feeds"

    def feed(self, number: int) -> FeedKeys:
        return FeedKeys(f"{self.base}{number}")

    def events(self, transaction: str, feed_number: int) -> str:
        """Return the key of a closed window (a hash, as `window`); until the run that goes on with it ends."""
        return f"{self.base}c:{transaction}.{feed_number}"

    def throttle(self, feed_number: int, name: str = "") -> str:
        """Return the key of a throttle's window (a hash: `opened`, `count`; until it ends); without a name the prefix
        of a feed's windows. What it decided for a transaction is kept as `delivered`.
        """
        return f"{self.base}v:{feed_number}.{name}"

    def delivered(self, transaction_id: str, step_id: str, feed_number: int) -> str:
        """Return the key of a message that was stored once per transaction, step and feed: its row; 24 h or longer."""
        return f"{self.base}x:{digest(transaction_id, step_id, str(feed_number))}"

    def transaction(self, transaction_id: str) -> str:
        """Return the key of the fingerprint of an explicit transactionId; 24 h."""
        return f"{self.base}t:{digest(transaction_id)}"

    def trace(self, transaction_id: str) -> str:
        """Return the key of the `traceparent` of a transaction's request; 24 h."""
        return f"{self.base}e:{digest(transaction_id)}"

    def trigger_key(self, idempotency_key: str) -> str:
        """Return the key of a trigger's fingerprint; 24 h. A NUL, which no id holds, tells it from a transaction."""
        return f"{self.base}t:{digest('', idempotency_key)}"

    def answer(self, idempotency_key: str) -> str:
        """Return the key of the response to a request with an Idempotency-Key; 24 h."""
        return f"{self.base}i:{digest(idempotency_key)}"

    def spent(self, caller: str, window: str) -> str:
        """Return the key of a caller's number of requests in a window; until its end."""
        return f"{self.base}l:{digest(caller, window)}"


@lru_cache(maxsize=CACHED_BUCKETS)
def _bucket_keys(prefix: str, environment: int, bucket: int) -> BucketKeys:
    base = f"{prefix}{{{TAGS[bucket]}}}"
    return BucketKeys(base, f"{base}{environment}:")


@dataclass(frozen=True, slots=True)
class TopicKeys:
    """The keys of one topic's subscriptions."""

    base: str

    # hash: `_id` → subscription; hash: identifier → `_id`
    content, names = _Key("c"), _Key("n")
    # sorted set: `_id` by creation; sorted set: `<subscriber oid>:<_id>` in the order of the text
    order, by_subscriber = _Key("o"), _Key("s")
    # sorted set by ms: the newest 100 transactions of triggers to the topic, each behind a byte: 1 if it went to this
    # topic alone, 0 if there were further recipients; 30 days from the last
    triggers = _Key("t")

    def all(self) -> list[str]:
        """Return all keys that are deleted with the topic, in the order that the scripts take them."""
        return [self.content, self.names, self.order, self.by_subscriber]


class _EnvironmentKey:
    """A key of each environment."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, keys: Keys, _: object) -> Callable[[int], str]:
        return lambda environment: keys.of_environment(environment) + self._name


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys under one prefix (INBOX_KEY_PREFIX): of the installation, of environments, and of smaller groups."""

    prefix: str

    # string: the version of this layout
    layout = _Key("layout")
    # hash: number → environment; hash: SHA-256 of an API key → its record; counter of the changes of both
    environments, api_keys = _Key("environments"), _Key("keys")
    environments_version = _Key("version")
    # hash: generated secrets
    secrets = _Key("secrets")
    # sorted set: processes by the end of their leases
    processes = _Key("processes")
    # sorted sets: buckets by the time at which a timer is due, or with something in the outbox (store/due_buckets.py)
    due_timers, due_outboxes = _Key("alarms"), _Key("outbox:alarms")
    # strings: claims of recent sweeps; until the next sweep
    due_timers_swept, due_outboxes_swept = _Key("alarms:swept"), _Key("outbox:swept")
    retention_swept = _Key("retention:swept")
    # hash: `bucket` audits of counts that have begun, each of one bucket; `drift` feeds that they have corrected
    audit = _Key("audit")
    # string: the claim of an audit; until the next one is due
    audited = _Key("audit:claim")

    # hash: identifier → workflow; counter of changes
    workflows, version = _EnvironmentKey("workflows"), _EnvironmentKey("version")
    # hash: `<workflow _id>:<tenant _id>` → override
    workflow_overrides = _EnvironmentKey("workflow-overrides")
    # sorted sets: every subscriber's oid (12 bytes) by creation and by last change (ms; store/listing.py)
    subscribers, subscribers_updated = _EnvironmentKey("subscribers"), _EnvironmentKey("subscribers:updated")
    # string: the claim of a comparison of these with the records; a day
    subscribers_swept = _EnvironmentKey("subscribers:swept")
    # hashes: notification groups; name → named feed; the organization's fields
    groups, named_feeds = _EnvironmentKey("groups"), _EnvironmentKey("named-feeds")
    organization = _EnvironmentKey("organization")
    # hash: contexts; sorted set: their order
    contexts, contexts_order = _EnvironmentKey("contexts"), _EnvironmentKey("contexts:order")
    # hash: tenants; sorted set: their order
    tenants, tenants_order = _EnvironmentKey("tenants"), _EnvironmentKey("tenants:order")
    # sorted set: running dispatches in the order they were accepted
    dispatches = _EnvironmentKey("dispatches")
    # string: the number of the newest block of activity
    activity_newest = _EnvironmentKey("activity")
    # string: the claim of a comparison of activity with the messages; ten minutes
    activity_swept = _EnvironmentKey("activity:swept")

    @property
    def base(self) -> str:
        return f"{self.prefix}{{all}}"

    def of_environment(self, environment: int) -> str:
        """Return the beginning of an environment's keys."""
        return f"{self.prefix}{{e{environment}}}"

    def bucket(self, environment: int, bucket: int) -> BucketKeys:
        return _bucket_keys(self.prefix, environment, bucket)

    def topic(self, environment: int, oid: str) -> TopicKeys:
        return TopicKeys(f"{self.prefix}{{{environment}.{oid}}}")

    def held(self, bucket: int, process: str) -> str:
        """Return the key of the set of `<environment>.<oid>` that a process holds sockets of, in one bucket."""
        return f"{self.prefix}{{{TAGS[bucket]}}}held:{process}"

    def activity_rows(self, environment: int, block: int) -> str:
        """Return the key of a block's rows of 32 bytes (string); this and the next two: 30 days after the last row."""
        return f"{self.activity_newest(environment)}:{block}"

    def activity_records(self, environment: int, block: int) -> str:
        """Return the key of a block's records by row (hash)."""
        return f"{self.activity_rows(environment, block)}:records"

    def activity_transactions(self, environment: int, block: int) -> str:
        """Return the key of the first three bytes of each row's transaction tag (string)."""
        return f"{self.activity_rows(environment, block)}:transactions"

    def events(self, environment: int) -> list[str]:
        """Return the keys of the event stream (the newest 10,000), and of each bucket's cursor in it (hash)."""
        base = f"{self.of_environment(environment)}events"
        return [base, f"{base}:cursors"]

    def failed(self, environment: int) -> list[str]:
        """Return the keys of the newest 1,000 failed events (hash) and of their order (sorted set)."""
        base = f"{self.of_environment(environment)}failed"
        return [base, f"{base}:order"]

    def dispatch(self, environment: int, dispatch_id: str) -> list[str]:
        """Return the keys of a dispatch (hash: plan, state, total, counts; 24 h after its end), of its open shares
        (sorted set: buckets by the end of their leases), and of the running dispatches.
        """
        base = f"{self.of_environment(environment)}dispatch:{dispatch_id}"
        return [base, f"{base}:shares", self.dispatches(environment)]

    def topics(self, environment: int) -> list[str]:
        """Return the keys of topics: records (hash by key), keys by oid (hash); sorted sets: oids by creation, oids by
        last change, and SHA-1 of the name with the oid.
        """
        base = f"{self.of_environment(environment)}topics"
        return [base, f"{base}:keys", f"{base}:created", f"{base}:updated", f"{base}:named"]

    def answers_and_shares(self, environment: int) -> str:
        """Return a glob of the stored responses, shares of dispatches and throttle windows of an environment."""
        return f"{_GLOB_SIGN.sub(_escaped, self.prefix)}{{*}}{environment}:[iqv]:*"

    def write_probe(self, process: str) -> str:
        """Return the key by which a process checks that the store accepts writes; a second."""
        return f"{self.base}probe:write:{process}"

    def replication_probe(self, tag: str, process: str) -> str:
        """Return the key in a bucket whose write a process waits for at the replicas; a second."""
        return f"{self.prefix}{{{tag}}}probe:replicas:{process}"

    def probe(self, process: str) -> str:
        """Return the channel on which a process publishes to itself (readiness)."""
        return f"{self.base}probe:{process}"
