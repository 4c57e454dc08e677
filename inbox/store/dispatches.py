"""Dispatches: triggers that are carried out behind their request, bucket by bucket, by any process.

A dispatch has a share for each bucket. A worker takes one under a lease; who takes it over goes on at the cursor that
the last append left, so a message is stored once however often a worker dies.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field

from inbox.store import rows, scripts
from inbox.store.alarms import Place
from inbox.store.client import Argument, Client
from inbox.store.keys import (
    BUCKETS,
    CONTENT_TTL_SECONDS,
    DISPATCH_TTL_SECONDS,
    SHARE_TTL_SECONDS,
    BucketKeys,
    Keys,
)
from inbox.store.messages import Appended, Delivery, MessageStore
from inbox.store.outbox import CREATED

COUNTS = ("delivered", "suppressed", "failed", "skipped", "waiting")


@dataclass(frozen=True, slots=True)
class Share:
    """What is to be carried out: one bucket of a dispatch."""

    environment: int
    dispatch_id: str
    bucket: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a dispatch has come: its state (running, done, cancelled), when it was accepted (ms since 1970), and how
    many recipients it is for, as known then; messages delivered, suppressed by preference, failed and skipped, and
    runs that a delay or a digest let wait: what they deliver later is counted no more.
    """

    state: str
    accepted_ms: int
    total: int
    delivered: int
    suppressed: int
    failed: int
    skipped: int
    waiting: int

    @property
    def done(self) -> int:
        """How many outcomes there are so far."""
        return self.delivered + self.suppressed + self.failed + self.skipped + self.waiting


@dataclass(slots=True)
class Batch:
    """The messages of a few recipients of a bucket; `cursor` names the last of these recipients."""

    cursor: str
    deliveries: list[Delivery] = field(default_factory=list)
    failed: int = 0
    skipped: int = 0
    waiting: int = 0


class DispatchStore:
    """Keeps dispatches and stores their messages."""

    def __init__(self, client: Client, keys: Keys, messages: MessageStore) -> None:
        self._client = client
        self._keys = keys
        self._messages = messages

    async def accept(self, environment: int, dispatch_id: str, plan: bytes, total: int) -> bool:
        """Keeps what is to be done; False when it is known already."""
        keys = self._keys.dispatch(environment, dispatch_id)
        return bool(await self._client.run(scripts.DISPATCH_ACCEPT, keys, [dispatch_id, plan, total, BUCKETS]))

    async def running(self, environments: Sequence[int], most: int) -> dict[int, list[str]]:
        """The ids of the dispatches that are under way in each environment, the first accepted first."""
        commands = [("ZRANGE", self._keys.dispatches(one), 0, most - 1) for one in environments]
        replies = await self._client.batch(commands) if commands else []
        return {one: [raw.decode() for raw in ids] for one, ids in zip(environments, replies, strict=True) if ids}

    async def plan(self, environment: int, dispatch_id: str) -> bytes | None:
        """What a running dispatch delivers; None when it has ended."""
        key = self._keys.dispatch(environment, dispatch_id)[0]
        plan: bytes | None = await self._client.execute("HGET", key, "plan")
        return plan

    async def take(
        self, environment: int, dispatch_id: str, lease_ms: int, earlier: Sequence[str] = ()
    ) -> Share | None:
        """A share that nobody holds, for the time of the lease; None when there is none.

        Buckets that these earlier dispatches are not done with are left alone.
        """
        keys = self._keys.dispatch(environment, dispatch_id)[:2]
        keys += [self._keys.dispatch(environment, one)[1] for one in earlier]
        bucket = await self._client.run(scripts.DISPATCH_TAKE, keys, [lease_ms, ""])
        return Share(environment, dispatch_id, bucket) if bucket >= 0 else None

    async def hold(self, share: Share, lease_ms: int) -> bool:
        """Renews a lease; False when the share is not to be gone on with."""
        keys = self._keys.dispatch(share.environment, share.dispatch_id)[:2]
        return bool(await self._client.run(scripts.DISPATCH_TAKE, keys, [lease_ms, share.bucket]) >= 0)

    async def put_off(self, share: Share, ms: int) -> int:
        """Leaves a share that failed to whoever comes after that time; gives how often it has failed."""
        await self.hold(share, ms)
        return int(await self._client.execute("HINCRBY", self._bucket(share).share(share.dispatch_id), "failures", 1))

    async def cursor(self, share: Share) -> str:
        """The last recipient that the share is done with, empty at first."""
        raw = await self._client.execute("HGET", self._bucket(share).share(share.dispatch_id), "cursor")
        return raw.decode() if raw else ""

    async def append(self, share: Share, cursor: str, batch: Batch) -> list[Appended | None] | None:
        """Stores messages, of a few recipients, and moves the cursor on: what became of each, in their order, None
        where the feed is gone. None altogether when another worker has moved the cursor: then nothing is done.
        """
        single = [one for one in batch.deliveries if one.is_single]
        # one by one and before the cursor moves: once for each transaction, so whoever takes over may do it again
        apart = await self._messages.append(single) if single else []
        together = [one for one in batch.deliveries if not one.is_single]
        await self._messages.announce(together)
        bucket = self._bucket(share)
        names = {one.content: one.stored_once for one in together}
        places = {content: place for place, content in enumerate(names, 1)}
        checks = [rows.new_check() for _ in together]
        keys = [bucket.share(share.dispatch_id), bucket.times, bucket.timers]
        keys += [bucket.content(content_name(content)) for content, once in names.items() if once]
        first = batch.deliveries[0] if batch.deliveries else None
        args: list[Argument] = [
            cursor,
            batch.cursor,
            SHARE_TTL_SECONDS,
            CONTENT_TTL_SECONDS,
            first.workflow_id if first else "",
            first.preference if first else "1",
            batch.failed + _count(apart, "failed"),
            batch.skipped + apart.count(None),
            self._messages.trims_beyond,
            _count(apart, "stored", "again"),
            _count(apart, "suppressed"),
            batch.waiting,
            len(names),
        ]
        for content, once in names.items():
            args += [content, content_name(content) if once else ""]
        for one, check in zip(together, checks, strict=True):
            keys += [one.feed.keys.state, one.feed.keys.stream, one.feed.keys.rows, one.feed.keys.log]
            args += [places[one.content], check, rows.SEVERITIES.index(one.severity), one.feed.number]
            args.append(one.expires_ms or "")
        place = Place(share.environment, share.bucket)
        keys += self._messages.outbox.key(place, CREATED)
        status, *rest = await self._client.run(scripts.DISPATCH_APPEND, keys, args)
        self._messages.outbox.wrote([place])
        if not status:
            return None
        numbers, times, due, long = rest
        for at in {*due, *long}:
            await self._messages.tend(together[at - 1].feed, wake=at in due, trim=at in long)
        stored = iter(
            _appended(one, check, number, ms)
            for one, check, number, ms in zip(together, checks, numbers, times, strict=True)
        )
        one_by_one = iter(apart)
        return [next(one_by_one if one.is_single else stored) for one in batch.deliveries]

    async def finish(self, share: Share) -> bool:
        """Adds the share's counts to the dispatch's; True when that was its last one."""
        key = self._bucket(share).share(share.dispatch_id)
        counts = [int(raw or 0) for raw in await self._client.execute("HMGET", key, *COUNTS)]
        keys = self._keys.dispatch(share.environment, share.dispatch_id)
        args: list[Argument] = [share.dispatch_id, share.bucket, *counts, DISPATCH_TTL_SECONDS]
        done = bool(await self._client.run(scripts.DISPATCH_FINISH, keys, args))
        # kept for a while: a worker that took this share over may still be about to read its cursor
        await self._client.execute("EXPIRE", key, DISPATCH_TTL_SECONDS)
        return done

    async def cancel(self, environment: int, dispatch_id: str) -> bool:
        """Whether something was left to be delivered; it is not any more, but for what is being stored just now."""
        keys = self._keys.dispatch(environment, dispatch_id)
        return bool(await self._client.run(scripts.DISPATCH_CANCEL, keys, [dispatch_id, DISPATCH_TTL_SECONDS]))

    async def progress(self, environment: int, dispatch_id: str) -> Progress | None:
        """How far a dispatch has come, bucket by bucket; None when there is none, or its end is a day ago."""
        key = self._keys.dispatch(environment, dispatch_id)[0]
        state, *numbers = await self._client.execute("HMGET", key, "state", "accepted", "total", *COUNTS)
        return Progress(state.decode(), *(int(raw or 0) for raw in numbers)) if state else None

    def _bucket(self, share: Share) -> BucketKeys:
        return self._keys.bucket(share.environment, share.bucket)


def content_name(content: bytes) -> str:
    """What a content that is stored once is called: 16 characters of its hash."""
    return urlsafe_b64encode(hashlib.blake2b(content, digest_size=12).digest()).decode()


def _count(appended: Sequence[Appended | None], *outcomes: str) -> int:
    return sum(one is not None and one.outcome in outcomes for one in appended)


def _appended(delivery: Delivery, check: bytes, number: int, ms: int) -> Appended | None:
    if number < 0:
        return None
    if number == 0:
        return Appended("suppressed")
    return Appended("stored", number, delivery.feed.message_id(number, check), ms)
