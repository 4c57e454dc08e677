"""Dispatches: triggers that are carried out after their request, bucket by bucket, by any process.

A dispatch has a share for each bucket. A worker acquires one under a lease; the next worker continues at the cursor of
the last append, so each message is stored once even if workers crash.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from inbox.store import rows
from inbox.store.base import BaseStore
from inbox.store.client import Argument, Command
from inbox.store.due_buckets import BucketKey
from inbox.store.keys import BUCKETS, CONTENT_TTL_SECONDS, DISPATCH_TTL_SECONDS, SHARE_TTL_SECONDS
from inbox.store.messages import AppendResult, Delivery, MessageStore, append_result
from inbox.store.outbox import CREATED
from inbox.store.references import reference_digest
from inbox.store.replies import append_replies
from inbox.store.scripts import load

COUNTS = ("delivered", "suppressed", "failed", "skipped", "waiting")
MAX_SHARES_AT_ONCE = 8


_DISPATCH_ACCEPT = load("dispatch_accept", bool)
_DISPATCH_TAKE = load("dispatch_take", lambda shares: [int(share) for share in shares])
_DISPATCH_FINISH = load("dispatch_finish", bool)
_DISPATCH_CANCEL = load("dispatch_cancel", bool)
DISPATCH_APPEND = load("dispatch_append", lambda reply: append_replies(reply[1:]) if reply[0] else None)


@dataclass(frozen=True, slots=True)
class DispatchShare:
    """The part of a dispatch in one bucket; one worker at a time carries it out."""

    environment: int
    dispatch_id: str
    bucket: int


DispatchState = Literal["running", "done", "cancelled"]


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a dispatch: its state, the time (ms since 1970) and number of recipients when it was accepted,
    and the numbers of messages. `waiting` runs are at a delay or a digest; their later messages are not counted.
    """

    state: DispatchState
    accepted_ms: int
    total: int
    delivered: int
    suppressed: int
    failed: int
    skipped: int
    waiting: int

    @property
    def done(self) -> int:
        """Return the number of outcomes so far."""
        return self.delivered + self.suppressed + self.failed + self.skipped + self.waiting


@dataclass(slots=True)
class Batch:
    """The messages of a few recipients of a bucket; `cursor` names the last of these recipients."""

    cursor: str
    deliveries: list[Delivery] = field(default_factory=list)
    failed: int = 0
    skipped: int = 0
    waiting: int = 0
    shares_contents: bool = False
    """Whether the bucket stores a content once for all messages of the dispatch that have it."""


@dataclass(eq=False)
class DispatchStore(BaseStore):
    """Keeps dispatches and stores their messages."""

    _messages: MessageStore

    async def accept(self, environment: int, dispatch_id: str, plan: bytes, total: int) -> bool:
        """Store a dispatch. False if it exists already."""
        keys = self._keys.dispatch(environment, dispatch_id)
        return await self._client.run(_DISPATCH_ACCEPT, keys, [dispatch_id, plan, total, BUCKETS])

    async def running(self, environments: Sequence[int], limit: int) -> dict[int, list[str]]:
        """Return the ids of at most `limit` running dispatches of each environment, in the order of acceptance."""
        replies = await self._client.batch(
            [("ZRANGE", self._keys.dispatches(one), 0, limit - 1) for one in environments]
        )
        return {one: [raw.decode() for raw in ids] for one, ids in zip(environments, replies, strict=True) if ids}

    async def count_running(self, environments: Sequence[int]) -> dict[int, int]:
        """Return how many dispatches of each environment are running."""
        counts = await self._client.batch([("ZCARD", self._keys.dispatches(one)) for one in environments])
        return dict(zip(environments, counts, strict=True))

    async def plan(self, environment: int, dispatch_id: str) -> bytes | None:
        """Return the plan of a running dispatch; None if it has ended."""
        plan: bytes | None = await self._client.execute(
            "HGET", self._keys.dispatch(environment, dispatch_id)[0], "plan"
        )
        return plan

    async def acquire(
        self, environment: int, dispatch_id: str, lease_ms: int, recipients: int, earlier: Sequence[str] = ()
    ) -> list[DispatchShare]:
        """Acquire shares that no worker holds, for the time of the lease. Return none if none is free.

        A dispatch to few has small shares: as many are acquired at once as have `recipients` together in the mean, at
        most 8. Buckets in which `earlier` dispatches have open shares are passed over.
        """
        keys = self._keys.dispatch(environment, dispatch_id)[:2]
        keys += [self._keys.dispatch(environment, one)[1] for one in earlier]
        args: list[Argument] = [lease_ms, "", BUCKETS, recipients, MAX_SHARES_AT_ONCE]
        buckets = await self._client.run(_DISPATCH_TAKE, keys, args)
        return [DispatchShare(environment, dispatch_id, bucket) for bucket in buckets]

    async def renew(self, share: DispatchShare, lease_ms: int) -> bool:
        """Renew a lease. False if the dispatch is no longer running, or another worker has finished the share."""
        keys = self._keys.dispatch(share.environment, share.dispatch_id)[:2]
        renewed = await self._client.run(_DISPATCH_TAKE, keys, [lease_ms, share.bucket])
        return len(renewed) > 0

    async def postpone(self, share: DispatchShare, ms: int) -> int:
        """Postpone a share that failed by `ms`; return the number of its failures."""
        await self.renew(share, ms)
        key = self._bucket(share).share(share.dispatch_id)
        commands: list[Command] = [("HINCRBY", key, "failures", 1), ("EXPIRE", key, SHARE_TTL_SECONDS)]
        failures, _ = await self._client.transaction(commands)
        return int(failures)

    async def release(self, shares: Sequence[DispatchShare]) -> None:
        """Release shares now, the first at last: if it failed for its own reasons, others are acquired before it."""
        for share in reversed(shares):
            await self.renew(share, 0)

    async def cursor(self, share: DispatchShare) -> str | None:
        """Return the last recipient whose messages are stored, empty at first; None if the dispatch is not running."""
        dispatch = self._keys.dispatch(share.environment, share.dispatch_id)[0]
        share_key = self._bucket(share).share(share.dispatch_id)
        state, cursor = await self._client.batch([("HGET", dispatch, "state"), ("HGET", share_key, "cursor")])
        if state != b"running":
            return None
        return cursor.decode() if cursor else ""

    async def append(self, share: DispatchShare, cursor: str, batch: Batch) -> list[AppendResult | None] | None:
        """Append the messages of a few recipients and move the cursor.

        Return one result per delivery, in order, None if its feed no longer exists. Return None and change nothing if
        another worker has moved the cursor.
        """
        single = [one for one in batch.deliveries if one.is_single]
        # one by one and before the cursor moves: idempotent per transaction, so the next worker may repeat it
        single_results = await self._messages.append(single) if single else []
        together = [one for one in batch.deliveries if not one.is_single]
        await self._messages.announce(together)
        checks = rows.new_checks(len(together))
        keys, args = self._append_call(share, cursor, batch, list(zip(together, checks, strict=True)), single_results)
        replies = await self._client.run(DISPATCH_APPEND, keys, args)
        self._messages.outbox.wrote([BucketKey(share.environment, share.bucket)])
        if replies is None:
            return None
        for one, reply in zip(together, replies, strict=True):
            if reply.needs_maintenance:
                await self._messages.maintain(one.feed, wake=reply.has_due_snooze, trim=reply.is_too_long)
        stored = map(append_result, (one.feed for one in together), checks, replies)
        one_by_one = iter(single_results)
        return [next(one_by_one if one.is_single else stored) for one in batch.deliveries]

    def _append_call(
        self,
        share: DispatchShare,
        cursor: str,
        batch: Batch,
        messages: Sequence[tuple[Delivery, bytes]],
        single_results: Sequence[AppendResult | None],
    ) -> tuple[list[str], list[Argument]]:
        """Return KEYS and ARGV of `dispatch_append.lua` for deliveries with the check bytes of their ids."""
        bucket = self._bucket(share)
        keys = [bucket.share(share.dispatch_id), bucket.times]
        indexes: dict[tuple[Argument, ...], int] = {}
        contents: list[Argument] = []
        feeds: list[str] = []
        message_args: list[Argument] = []
        for one, check in messages:
            shared = (one.content, rows.SEVERITIES.index(one.severity), one.expires_ms or "")
            index = indexes.get(shared)
            if index is None:
                index = indexes[shared] = len(indexes) + 1
                name = content_name(one.content) if batch.shares_contents else ""
                keys += [bucket.content(name)] if name else []
                contents += (one.content, name, *shared[1:], reference_digest(one.content))
            feeds.append(one.feed.keys.state)
            message_args += (index, check, one.feed.number)
        first = batch.deliveries[0] if batch.deliveries else None
        workflow: list[Argument] = [first.workflow_id, first.preference] if first else ["", "1"]
        args: list[Argument] = [cursor, batch.cursor, SHARE_TTL_SECONDS, CONTENT_TTL_SECONDS, *workflow]
        args += [self._messages.trims_beyond, _count(single_results, "stored", "again")]
        args += [_count(single_results, "suppressed"), batch.failed + _count(single_results, "failed")]
        args += [batch.skipped + single_results.count(None), batch.waiting, len(indexes)]
        keys += feeds + self._messages.outbox.key(BucketKey(share.environment, share.bucket), CREATED)
        return keys, args + contents + message_args

    async def finish(self, shares: Sequence[DispatchShare]) -> bool:
        """Add the counts of shares of one dispatch to it. Return whether its last share is among them."""
        environment, dispatch_id = shares[0].environment, shares[0].dispatch_id
        share_keys = [self._bucket(share).share(dispatch_id) for share in shares]
        args: list[Argument] = [dispatch_id, DISPATCH_TTL_SECONDS]
        counts = await self._client.batch([("HMGET", key, *COUNTS) for key in share_keys])
        for share, raw_counts in zip(shares, counts, strict=True):
            args += [share.bucket, *(int(raw or 0) for raw in raw_counts)]
        done = await self._client.run(_DISPATCH_FINISH, self._keys.dispatch(environment, dispatch_id), args)
        # kept for a while: a worker that acquired a share meanwhile may still read its cursor
        await self._client.batch([("EXPIRE", key, DISPATCH_TTL_SECONDS) for key in share_keys])
        return done

    async def cancel(self, environment: int, dispatch_id: str) -> bool:
        """Cancel what is not delivered yet, except for the some 50 recipients that each worker is at.

        False if the dispatch is not running.
        """
        keys = self._keys.dispatch(environment, dispatch_id)
        return await self._client.run(_DISPATCH_CANCEL, keys, [dispatch_id, DISPATCH_TTL_SECONDS])

    async def progress(self, environment: int, dispatch_id: str) -> Progress | None:
        """Return the progress of a dispatch. None if there is none, or it ended more than a day ago."""
        key = self._keys.dispatch(environment, dispatch_id)[0]
        state, *numbers = await self._client.execute("HMGET", key, "state", "accepted", "total", *COUNTS)
        return Progress(state.decode(), *(int(raw or 0) for raw in numbers)) if state else None


def content_name(content: bytes) -> str:
    """Return the name of a content that is stored once: 16 characters of its hash."""
    return urlsafe_b64encode(hashlib.blake2b(content, digest_size=12).digest()).decode()


def _count(appended: Sequence[AppendResult | None], *outcomes: str) -> int:
    return sum(one is not None and one.outcome in outcomes for one in appended)
