"""Every key and channel of the service, and how long each lives.

All keys of a subscriber lie in one of 256 buckets, each with a fixed hash tag, so that what belongs together (feeds,
presence, idempotency, index) can change in one script, on a cluster too. A key carries the environment's number and
never a caller's text: subscribers are named by their oid, feeds by a number, transactions by a hash.

    {tag}                      bucket, across environments
      feeds                    counter that gives out feed numbers
      held:<process>           set of `<environment>:<oid>`: subscribers a process holds sockets of (presence)
    {tag}<e>:                  bucket within environment e
      subscribers              hash subscriberId → oid
      s:<oid>                  hash: one subscriber: profile, presence, feed numbers
      p:<oid>                  hash: a subscriber's preferences, by workflow oid and `*`
      j:<oid>, k:<oid>         a subscriber's topic subscriptions: sorted set by creation; hash `_id` → topic
      times                    stream: every message of the bucket by time, `<feed number><n>` packed: `m` stored,
                               `w` moved to the top, or kept beyond its age by a snooze; until the environment's age
      timers                   sorted set: what is due when (store/timers.py)
      erasing                  hash oid → subscriberId and feeds: whom an erasure is not done with; usually not there
      outbox                   stream: what happened and is still to be told (store/outbox.py), the newest 10,000;
                               …:progress: hash: how far telling it has come
      x:<hash>                 a transaction's step delivered to a feed; 24 h
      t:<hash>                 the recipients of an explicit transactionId; a trigger's request, by its
                               Idempotency-Key; 24 h
      i:<hash>                 the answer to a request with an Idempotency-Key; 24 h
      r:<hash>                 content of a dispatch that names nobody, for all its messages of the bucket; 730 days
      q:<id>                   how far the bucket's share of a dispatch has come, and its counts; 30 days
      n:<hash>                 hash: the runs of a transaction that wait: `=<name>` a plan, `plans` how many, and by
                               feed number where each stands; until the last of them ends
      w:<hash>                 hash: an open window of a digest: `id` (who opened it), `due`, `seq`, `count`, `kept`,
                               `bytes`, `last` beyond those kept, `=<name>` workflows, `e<transaction>` events
      c:<hash>.<feed>          the same of a closed window, until the run that goes on with it ends
      b:<hash>                 an event of a digest with a look-back came; until the look-back's end
      y:<hash>                 hash: the open windows that a transaction's events wait in; a day beyond their end
      l:<hash>                 requests of an API key or subscriber in the current window; until its end
      <feed><letter>           h state · s stream · f rows · d side hash · g change log (24 h) · t stamps · w scratch
                               · p rows whose content is still to be removed after a bulk deletion
                               · c collapse keys: which message each names, and its count (90 days after the last)
    {e<e>}                     an environment: workflows (hash), version (counter)
      subscribers, …:updated   sorted sets: every subscriber's oid by creation and by last change (store/listing.py)
      …:swept                  when these were last compared with the records; a day
      groups, contexts         hashes: notification groups; contexts, and their order in …:order
      dispatches               sorted set: running dispatches in the order they were accepted
      dispatch:<id>            hash: plan, state, total and counts; 24 h after its end. …:shares: sorted set of the
                               buckets still to be carried out, by the end of their lease
      events                   stream: what was told, the newest 10,000; …:cursors: hash: how far each bucket has come
      failed                   hash: events that could not be delivered, the newest 1,000; …:order: sorted set by time
      activity                 number of the newest block of activity; activity:<block>: its rows of 32 bytes,
                               …:records: hash row → record; …:transactions: of each row the first three bytes of its
                               transaction's tag; 30 days after the last row
      activity:swept           rows were compared with the messages lately; ten minutes
      workflow-overrides       hash: <workflow _id>:<tenant _id> → override
      named-feeds              hash: name → named feed
      organization             hash: what the environment shows as its organization
      topics                   hash: topic key → topic; topics:keys leads from the oid to the key
      topics:created, :updated sorted sets: every topic's oid by creation and by last change
      topics:named             sorted set: SHA-1 of a topic's name and its oid, those of one name together
      tenants, tenants:order   hash: identifier → tenant; sorted set of identifiers by creation
    {<e>.<oid>}                a topic's subscriptions
      c, n                     hashes: `_id` → subscription, identifier → `_id`
      o, s                     sorted sets: `_id` by creation, `<subscriber oid>:<_id>` in the order of the text
    {all}                      the installation: layout, environments, keys (by SHA-256), version, secrets, processes,
                               alarms (sorted set: buckets in which a timer is due, by time), outbox:alarms (those
                               that have something to tell)
    {…}gone:<hash>             beside a list: the place of what was deleted from it; ten minutes (store/lua/_retire.lua)
The channel of a feed has the name of its state key (`h`) and is sharded (SPUBLISH), so it moves with its slot.
"""

from __future__ import annotations

import base64
import hashlib
import re
from binascii import crc_hqx
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

BUCKETS = 256
SLOTS = 16_384
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"

IDEMPOTENCY_TTL_SECONDS = 86_400
DISPATCH_TTL_SECONDS = 86_400
SHARE_TTL_SECONDS = 30 * 86_400
CONTENT_TTL_SECONDS = 730 * 86_400
"""Longer than a message can live: 540 days at most, a snooze of 90 before it moves to the top and another after."""
COLLAPSE_TTL_SECONDS = 90 * 86_400
ACTIVITY_TTL_SECONDS = 30 * 86_400
JOINED_TTL_SECONDS = 86_400
NAME_LENGTH = 16
"""Of what `digest` gives."""
LAYOUT_VERSION = 1


def slot_of(tag: str) -> int:
    """The cluster slot of a hash tag (CRC-16/XMODEM modulo 16,384)."""
    return crc_hqx(tag.encode(), 0) % SLOTS


def _bucket_tags() -> list[str]:
    """256 three-character tags whose slots are the middles of 256 equal parts of the slot space, or the nearest."""
    by_slot: dict[int, str] = {}
    for letters in product(ALPHABET, repeat=3):
        tag = "".join(letters)
        by_slot.setdefault(slot_of(tag), tag)
    step = SLOTS // BUCKETS
    middles = (part * step + step // 2 for part in range(BUCKETS))
    return [next(by_slot[slot] for slot in _around(middle, step // 2) if slot in by_slot) for middle in middles]


def _around(middle: int, width: int) -> Iterator[int]:
    for distance in range(width):
        yield middle + distance
        yield middle - distance


TAGS = _bucket_tags()


@lru_cache(maxsize=65_536)
def bucket_of(text: str) -> int:
    """The bucket (0 to 255) of a subscriber id or of another name."""
    return hashlib.sha256(text.encode()).digest()[0]


_GLOB_SIGN = re.compile(r"[][*?^\\]")


def _escaped(sign: re.Match[str]) -> str:
    return "\\" + sign[0]


def digest(*parts: str) -> str:
    """A short name for texts of any length: 16 characters."""
    raw = hashlib.blake2b("\0".join(parts).encode(), digest_size=12).digest()
    return base64.urlsafe_b64encode(raw).decode()


def collapse_name(workflow_id: str, step_id: str, key: str) -> str:
    """What a collapse key is called in its feed: it is one of a workflow's step."""
    return digest(workflow_id, step_id, key)


@dataclass(frozen=True, slots=True)
class FeedKeys:
    """The keys of one feed; `state` is also its channel."""

    base: str

    @property
    def state(self) -> str:
        return self.base + "h"

    @property
    def channel(self) -> str:
        return self.state

    @property
    def stream(self) -> str:
        return self.base + "s"

    @property
    def rows(self) -> str:
        return self.base + "f"

    @property
    def side(self) -> str:
        return self.base + "d"

    @property
    def log(self) -> str:
        return self.base + "g"

    @property
    def stamps(self) -> str:
        return self.base + "t"

    @property
    def purge(self) -> str:
        return self.base + "p"

    @property
    def collapses(self) -> str:
        return self.base + "c"

    @property
    def scratch(self) -> str:
        return self.base + "w"

    def all(self) -> list[str]:
        """Everything that goes when the feed goes."""
        return [self.state, self.stream, self.rows, self.side, self.log, self.stamps, self.purge, self.collapses]


@dataclass(frozen=True, slots=True)
class BucketKeys:
    """The keys of one bucket within one environment."""

    bucket_base: str
    base: str

    @property
    def feed_counter(self) -> str:
        return self.bucket_base + "feeds"

    @property
    def subscribers(self) -> str:
        return self.base + "subscribers"

    @property
    def times(self) -> str:
        return self.base + "times"

    @property
    def timers(self) -> str:
        return self.base + "timers"

    @property
    def erasing(self) -> str:
        return self.base + "erasing"

    @property
    def outbox(self) -> str:
        return self.base + "outbox"

    @property
    def outbox_progress(self) -> str:
        return self.base + "outbox:progress"

    def subscriber(self, oid: str) -> str:
        return f"{self.base}s:{oid}"

    def preferences(self, oid: str) -> str:
        return f"{self.base}p:{oid}"

    def joined(self, oid: str) -> str:
        return f"{self.base}j:{oid}"

    def joined_topics(self, oid: str) -> str:
        return f"{self.base}k:{oid}"

    def feed(self, number: int) -> FeedKeys:
        return FeedKeys(f"{self.base}{number}")

    def delivered(self, transaction_id: str, step_id: str, feed_number: int) -> str:
        return f"{self.base}x:{digest(transaction_id, step_id, str(feed_number))}"

    def transaction(self, transaction_id: str) -> str:
        return f"{self.base}t:{digest(transaction_id)}"

    def trigger_key(self, idempotency_key: str) -> str:
        """Apart from the transactions by a NUL, which no id holds."""
        return f"{self.base}t:{digest('', idempotency_key)}"

    def answer(self, idempotency_key: str) -> str:
        return f"{self.base}i:{digest(idempotency_key)}"

    def content(self, name: str) -> str:
        return f"{self.base}r:{name}"

    def share(self, dispatch_id: str) -> str:
        return f"{self.base}q:{dispatch_id}"

    def is_share(self, key: str) -> bool:
        """Whether a key is that of a share of this bucket."""
        return key.startswith(self.share(""))

    def runs(self, transaction: str) -> str:
        return f"{self.base}n:{transaction}"

    def window(self, name: str) -> str:
        return f"{self.base}w:{name}"

    def events(self, transaction: str, feed_number: int) -> str:
        return f"{self.base}c:{transaction}.{feed_number}"

    def look_back(self, window: str) -> str:
        return f"{self.base}b:{window}"

    def waits_in(self, transaction: str) -> str:
        return f"{self.base}y:{transaction}"

    def spent(self, caller: str, window: str) -> str:
        return f"{self.base}l:{digest(caller, window)}"


@dataclass(frozen=True, slots=True)
class TopicKeys:
    """The keys of one topic's subscriptions; they share a slot of their own."""

    base: str

    @property
    def content(self) -> str:
        return self.base + "c"

    @property
    def names(self) -> str:
        return self.base + "n"

    @property
    def order(self) -> str:
        return self.base + "o"

    @property
    def by_subscriber(self) -> str:
        return self.base + "s"

    def all(self) -> list[str]:
        """Everything that goes when the topic goes, in the order the scripts take them."""
        return [self.content, self.names, self.order, self.by_subscriber]


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys under one prefix (INBOX_KEY_PREFIX)."""

    prefix: str

    def bucket(self, environment: int, bucket: int) -> BucketKeys:
        base = f"{self.prefix}{{{TAGS[bucket]}}}"
        return BucketKeys(base, f"{base}{environment}:")

    def held(self, bucket: int, process: str) -> str:
        return f"{self.prefix}{{{TAGS[bucket]}}}held:{process}"

    def answers_and_shares(self, environment: int) -> str:
        """A glob that takes the kept answers and the shares of dispatches in every bucket of an environment."""
        return f"{_GLOB_SIGN.sub(_escaped, self.prefix)}{{*}}{environment}:[iq]:*"

    def workflows(self, environment: int) -> str:
        return f"{self.prefix}{{e{environment}}}workflows"

    def version(self, environment: int) -> str:
        return f"{self.prefix}{{e{environment}}}version"

    def subscribers(self, environment: int) -> str:
        """Every subscriber's oid (12 bytes) by creation (ms)."""
        return f"{self.prefix}{{e{environment}}}subscribers"

    def subscribers_updated(self, environment: int) -> str:
        """The same by last change (ms)."""
        return f"{self.prefix}{{e{environment}}}subscribers:updated"

    def subscribers_swept(self, environment: int) -> str:
        return f"{self.prefix}{{e{environment}}}subscribers:swept"

    def groups(self, environment: int) -> str:
        return f"{self.prefix}{{e{environment}}}groups"

    def contexts(self, environment: int) -> str:
        return f"{self.prefix}{{e{environment}}}contexts"

    def contexts_order(self, environment: int) -> str:
        return f"{self.prefix}{{e{environment}}}contexts:order"

    def activity_newest(self, environment: int) -> str:
        """The number of the newest block of an environment's activity."""
        return f"{self.prefix}{{e{environment}}}activity"

    def activity_rows(self, environment: int, block: int) -> str:
        return f"{self.prefix}{{e{environment}}}activity:{block}"

    def activity_records(self, environment: int, block: int) -> str:
        return f"{self.prefix}{{e{environment}}}activity:{block}:records"

    def activity_transactions(self, environment: int, block: int) -> str:
        """Of each row of a block the beginning of its transaction's tag."""
        return f"{self.prefix}{{e{environment}}}activity:{block}:transactions"

    def activity_swept(self, environment: int) -> str:
        return f"{self.prefix}{{e{environment}}}activity:swept"

    def events(self, environment: int) -> list[str]:
        """An environment's stream of events, and how far each bucket's outbox is in it."""
        base = f"{self.prefix}{{e{environment}}}events"
        return [base, f"{base}:cursors"]

    def failed(self, environment: int) -> list[str]:
        """Events that could not be delivered, and their order."""
        base = f"{self.prefix}{{e{environment}}}failed"
        return [base, f"{base}:order"]

    def dispatches(self, environment: int) -> str:
        return f"{self.prefix}{{e{environment}}}dispatches"

    def dispatch(self, environment: int, dispatch_id: str) -> list[str]:
        """A dispatch, its open shares, and the environment's running dispatches."""
        base = f"{self.prefix}{{e{environment}}}dispatch:{dispatch_id}"
        return [base, f"{base}:shares", self.dispatches(environment)]

    def named_feeds(self, environment: int) -> str:
        return f"{self.prefix}{{e{environment}}}named-feeds"

    def workflow_overrides(self, environment: int) -> str:
        return f"{self.prefix}{{e{environment}}}workflow-overrides"

    def organization(self, environment: int) -> str:
        return f"{self.prefix}{{e{environment}}}organization"

    def topics(self, environment: int) -> list[str]:
        """An environment's topics: records, keys by oid, order of creation, order of last change, oids by name."""
        base = f"{self.prefix}{{e{environment}}}topics"
        return [base, f"{base}:keys", f"{base}:created", f"{base}:updated", f"{base}:named"]

    def topic(self, environment: int, oid: str) -> TopicKeys:
        return TopicKeys(f"{self.prefix}{{{environment}.{oid}}}")

    def tenants(self, environment: int) -> list[str]:
        """An environment's tenants, and their order."""
        base = f"{self.prefix}{{e{environment}}}tenants"
        return [base, f"{base}:order"]

    @property
    def layout(self) -> str:
        return f"{self.prefix}{{all}}layout"

    @property
    def environments(self) -> str:
        return f"{self.prefix}{{all}}environments"

    @property
    def api_keys(self) -> str:
        return f"{self.prefix}{{all}}keys"

    @property
    def environments_version(self) -> str:
        return f"{self.prefix}{{all}}version"

    @property
    def secrets(self) -> str:
        return f"{self.prefix}{{all}}secrets"

    @property
    def processes(self) -> str:
        return f"{self.prefix}{{all}}processes"

    @property
    def alarms(self) -> str:
        return f"{self.prefix}{{all}}alarms"

    @property
    def alarms_swept(self) -> str:
        return f"{self.prefix}{{all}}alarms:swept"

    @property
    def outbox_alarms(self) -> str:
        return f"{self.prefix}{{all}}outbox:alarms"

    @property
    def outbox_swept(self) -> str:
        return f"{self.prefix}{{all}}outbox:swept"

    @property
    def retention_swept(self) -> str:
        return f"{self.prefix}{{all}}retention:swept"

    def probe(self, process: str) -> str:
        """The channel on which a process hears itself (readiness)."""
        return f"{self.prefix}{{all}}probe:{process}"
