"""Runs: the rest of a trigger for one recipient after a step that waits; and the windows of digests.

Runs are stored in their recipient's bucket: one hash for each transaction holds the plan once and, for each feed, the
step at which its run waits. A window belongs to no single transaction: each of its events can be cancelled. When it
closes, it becomes a run of the transaction that opened it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from inbox.store.base import BaseStore
from inbox.store.client import Argument, Client, Command, pairs
from inbox.store.dispatches import content_name
from inbox.store.due_buckets import BucketKey
from inbox.store.feed import Feed
from inbox.store.keys import BUCKETS, IDEMPOTENCY_TTL_SECONDS, JOINED_TTL_SECONDS, NAME_LENGTH, BucketKeys, Keys, digest
from inbox.store.scripts import load
from inbox.store.slices import in_slices
from inbox.store.timers import RUN, WINDOW, Timer, TimerStore

MAX_EVENTS = 1_000
"""The number of first events of a window that are kept, besides the last one; others are only counted."""
MAX_EVENT_BYTES = 1024 * 1024
MAX_CANCELLED_AT_ONCE = 50

Begun = Literal["waits", "joined", "through", "again", "gone"]
"""The result of beginning a wait. `through`: a digest had nothing to wait for."""

_BEGUN: dict[int, Begun] = {1: "waits", 2: "joined", 3: "through", 0: "again", -1: "gone"}
_NO_PLAN = "-" * NAME_LENGTH
_HEAD = struct.Struct(">I6s")


_RUN_START = load("run_start", _BEGUN.__getitem__)
_WINDOW_JOIN = load("window_join", _BEGUN.__getitem__)
_RUN_FIRE = load("run_fire", list[bytes])
"""Returns the packed standing of the run (see `_pack`) and its plan (empty before a digest), or nothing."""
_RUN_END = load("run_end", bool)
_RUN_CANCEL = load("run_cancel", list[int])
_WINDOW_CLOSE = load("window_close", bool)
_WINDOW_LEAVE = load("window_leave", list[Any])
"""Returns whether the event was in the open window, then the event and its workflow, if they were kept."""


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """The step at which a run waits, until when (ms since 1970), and the digest step that it has events of."""

    step_id: str
    due_ms: int
    digest_step_id: str = ""


_encode = msgspec.msgpack.Encoder().encode
_standing = msgspec.msgpack.Decoder(Standing)


@dataclass(frozen=True, slots=True)
class RunRef:
    """A run: its transaction's name and its feed's number."""

    transaction: str
    number: int

    @property
    def timer(self) -> str:
        return f"{RUN.decode()}{self.transaction}{self.number}"


@dataclass(frozen=True, slots=True)
class DigestEvent:
    """An event of a digest: its time (ms since 1970), and its plan in two parts, the workflow and the rest."""

    ms: int
    workflow: bytes
    plan: bytes


@dataclass(frozen=True, slots=True)
class Fired:
    """A run that is due: the plan, or the events (oldest first) and their number, with which it continues."""

    ref: RunRef
    raw: bytes
    standing: Standing
    plan: bytes = b""
    events: Sequence[DigestEvent] = ()
    event_count: int = 0


@dataclass(frozen=True, slots=True)
class RunWait:
    """A run that is to wait at a step.

    A delay keeps `plan`; a digest keeps `workflow` and `event`, and collects those of the same `key`.
    """

    feed: Feed
    transaction_id: str
    step_id: str
    due_ms: int
    plan: bytes = b""
    workflow: bytes = b""
    event: bytes = b""
    workflow_id: str = ""
    key: str | None = None
    look_back_ms: int = 0
    earlier: Fired | None = None

    @property
    def ref(self) -> RunRef:
        """Return the run. A run that has waited before keeps its reference."""
        return self.earlier.ref if self.earlier else RunRef(digest(self.transaction_id), self.feed.number)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A run that was cancelled, or an event that was removed from a window: the feed (bucket, number), the step, and
    the run's plan or the event, if they were stored.
    """

    feed: tuple[int, int]
    step_id: str
    plan: bytes = b""
    event: DigestEvent | None = None


class RunStore(BaseStore):
    """Keeps runs and windows; each change is one script in the recipient's bucket."""

    def __init__(self, client: Client, keys: Keys) -> None:
        super().__init__(client, keys)
        self._timers = TimerStore(client, keys)

    async def begin(self, waits: Sequence[RunWait]) -> list[Begun]:
        """Begin the waits of runs, each once per transaction, step and feed; safe to repeat. Return how each ended."""
        for bucket_key, ms in {(wait.feed.bucket_key, wait.due_ms) for wait in waits}:
            await self._timers.schedule(bucket_key, ms)
        delays = [one for one in waits if one.key is None]
        digests = [one for one in waits if one.key is not None]
        started = await self._client.run_many(_RUN_START, [self._start_call(one) for one in delays])
        joined = await self._client.run_many(_WINDOW_JOIN, [self._join_call(one) for one in digests])
        results = {id(one): begun for one, begun in zip([*delays, *digests], [*started, *joined], strict=True)}
        return [results[id(one)] for one in waits]

    async def fire(self, bucket_key: BucketKey, refs: Sequence[RunRef]) -> list[Fired]:
        """Return the runs that exist and are due; from now on they cannot be cancelled."""
        bucket = self._bucket(bucket_key)
        calls: list[tuple[list[str], list[Argument]]] = [
            ([bucket.runs(one.transaction), bucket.timers], [one.number, one.timer]) for one in refs
        ]
        replies = await self._client.run_many(_RUN_FIRE, calls)
        fired = [
            Fired(ref, reply[0], _parse_standing(reply[0]), reply[1])
            for ref, reply in zip(refs, replies, strict=True)
            if reply
        ]
        digests = [one for one in fired if one.standing.digest_step_id]
        windows = await self._client.batch(
            [("HGETALL", bucket.events(one.ref.transaction, one.ref.number)) for one in digests]
        )
        collected = {one.ref: _collected(window) for one, window in zip(digests, windows, strict=True)}
        return [Fired(one.ref, one.raw, one.standing, one.plan, *collected.get(one.ref, ((), 0))) for one in fired]

    async def end(self, bucket_key: BucketKey, fired: Sequence[Fired]) -> None:
        """Remove runs, unless they have moved on."""
        bucket = self._bucket(bucket_key)
        calls: list[tuple[list[str], list[Argument]]] = []
        for run in fired:
            ref = run.ref
            keys = [bucket.runs(ref.transaction), bucket.timers, bucket.events(ref.transaction, ref.number)]
            calls.append((keys, [ref.number, run.raw, ref.timer]))
        await self._client.run_many(_RUN_END, calls)

    async def erase(self, bucket_key: BucketKey, timers: Sequence[Timer]) -> None:
        """Remove the runs and windows of these timers with all their data; pass over other timers."""
        bucket = self._bucket(bucket_key)
        refs = [run_of(timer) for timer in timers if timer.kind == RUN]
        for ref in refs:
            if raw := await self._client.execute("HGET", bucket.runs(ref.transaction), ref.number):
                await self.end(bucket_key, [Fired(ref, raw, _parse_standing(raw))])
        for timer in timers:
            if timer.kind == WINDOW:
                await self._client.execute("UNLINK", bucket.window(_parse_window(timer.about)[0]))

    async def close_window(self, bucket_key: BucketKey, timer: Timer) -> RunRef | None:
        """Close the window of a timer and return the run that continues with its events. None if it is not open."""
        window, opener, number, step_id = _parse_window(timer.about)
        bucket, ref = self._bucket(bucket_key), RunRef(opener, number)
        standing = _pack("f", _NO_PLAN, Standing(step_id, timer.due_ms, step_id))
        keys = [bucket.window(window), bucket.timers, bucket.runs(opener), bucket.events(opener, number)]
        args: list[Argument] = [number, opener, standing, timer.member, ref.timer, timer.due_ms]
        return ref if await self._client.run(_WINDOW_CLOSE, keys, args) else None

    async def cancel(self, environment: int, transaction_id: str) -> list[Cancelled]:
        """Cancel the waiting runs of a transaction and its events in open windows; return all of them."""
        name = digest(transaction_id)
        buckets = [self._keys.bucket(environment, bucket) for bucket in range(BUCKETS)]
        commands: list[Command] = [("HGETALL", key) for one in buckets for key in (one.runs(name), one.waits_in(name))]
        replies = await self._client.batch(commands)
        cancelled: list[Cancelled] = []
        for number, bucket in enumerate(buckets):
            cancelled += await self._cancel_runs(number, bucket, name, pairs(replies[2 * number]))
            cancelled += await self._leave_windows(number, bucket, name, pairs(replies[2 * number + 1]))
        return cancelled

    async def _cancel_runs(
        self, bucket_number: int, bucket: BucketKeys, name: str, runs: Mapping[bytes, bytes]
    ) -> list[Cancelled]:
        numbers = [int(field) for field in runs if field.isdigit()]
        cancelled: list[int] = []
        for part in in_slices(numbers, MAX_CANCELLED_AT_ONCE):
            keys = [bucket.runs(name), bucket.timers, *(bucket.events(name, number) for number in part)]
            args: list[Argument] = [value for number in part for value in (number, RunRef(name, number).timer)]
            numbers_cancelled = await self._client.run(_RUN_CANCEL, keys, args)
            cancelled += numbers_cancelled
        standings = {number: runs[str(number).encode()] for number in cancelled}
        return [
            Cancelled(
                (bucket_number, number), _parse_standing(raw).step_id, runs.get(b"=" + raw[1 : 1 + NAME_LENGTH], b"")
            )
            for number, raw in standings.items()
        ]

    async def _leave_windows(
        self, bucket_number: int, bucket: BucketKeys, name: str, windows: Mapping[bytes, bytes]
    ) -> list[Cancelled]:
        cancelled: list[Cancelled] = []
        for about, opener in windows.items():
            number, window, step_id = about.decode().split(".", 2)
            timer = _window_timer(window, opener.decode(), int(number), step_id)
            keys = [bucket.window(window), bucket.timers, bucket.waits_in(name)]
            has_left, *kept = await self._client.run(_WINDOW_LEAVE, keys, [opener, name, about, timer])
            if has_left:
                event = _event(kept[0], {b"=" + kept[0][_HEAD.size :][:NAME_LENGTH]: kept[1]}) if kept else None
                cancelled.append(Cancelled((bucket_number, int(number)), step_id, event=event))
        return cancelled

    def _start_call(self, one: RunWait) -> tuple[list[str], list[Argument]]:
        """Return KEYS and ARGV of `run_start.lua`."""
        bucket, before = self._bucket(one.feed), one.earlier
        name = before.raw[1 : 1 + NAME_LENGTH].decode() if before else content_name(one.plan)
        standing = Standing(one.step_id, one.due_ms, before.standing.digest_step_id if before else "")
        owner = one.feed.subscriber_oid
        keys = [bucket.runs(one.ref.transaction), bucket.timers, self._delivered(bucket, one), one.feed.keys.state]
        args: list[Argument] = [one.feed.number, before.raw if before else "", _pack("w", name, standing), one.due_ms]
        return keys, [*args, one.ref.timer, name, b"" if before else one.plan, IDEMPOTENCY_TTL_SECONDS, owner]

    def _join_call(self, one: RunWait) -> tuple[list[str], list[Argument]]:
        """Return KEYS and ARGV of `window_join.lua`."""
        bucket, ref = self._bucket(one.feed), one.ref
        number, transaction = one.feed.number, digest(one.transaction_id)
        window = digest(one.workflow_id, one.step_id, str(number), one.key or "")
        keys = [bucket.window(window), bucket.timers, self._delivered(bucket, one), one.feed.keys.state]
        keys += [bucket.look_back(window), bucket.waits_in(transaction)]
        keys += [bucket.runs(ref.transaction), bucket.events(ref.transaction, number)]
        return keys, [
            number,
            one.earlier.raw if one.earlier else "",
            transaction,
            one.event,
            content_name(one.workflow),
            one.workflow,
            one.due_ms,
            _window_timer(window, transaction, number, one.step_id),
            one.look_back_ms or "",
            IDEMPOTENCY_TTL_SECONDS,
            MAX_EVENTS,
            MAX_EVENT_BYTES,
            ref.timer,
            f"{window}.{one.step_id}",
            JOINED_TTL_SECONDS * 1_000,
            one.feed.subscriber_oid,
        ]

    def _delivered(self, bucket: BucketKeys, one: RunWait) -> str:
        # another name than a message's: the step may be of another type in the next revision of its workflow
        return bucket.delivered(one.transaction_id, f"\1{one.step_id}", one.feed.number)


def run_of(timer: Timer) -> RunRef:
    """Return the run that a timer is about."""
    return RunRef(timer.about[:NAME_LENGTH].decode(), int(timer.about[NAME_LENGTH:]))


def _window_timer(window: str, opener: str, number: int, step_id: str) -> str:
    return f"{WINDOW.decode()}{window}{opener}{number}.{step_id}"


def _parse_window(about: bytes) -> tuple[str, str, int, str]:
    """Return the window's name, the transaction that opened it, the feed's number and the step."""
    number, _, step_id = about[2 * NAME_LENGTH :].decode().partition(".")
    return about[:NAME_LENGTH].decode(), about[NAME_LENGTH : 2 * NAME_LENGTH].decode(), int(number), step_id


def _pack(flag: str, plan_name: str, standing: Standing) -> bytes:
    """Pack a run: `w` waiting or `f` fired, the plan's name (16 characters), then the standing."""
    return f"{flag}{plan_name}".encode() + _encode(standing)


def _parse_standing(packed: bytes) -> Standing:
    return _standing.decode(packed[1 + NAME_LENGTH :])


def _collected(raw: Any) -> tuple[list[DigestEvent], int]:
    """Return the kept events of a closed window in order, and the number of all its events."""
    fields = pairs(raw)
    events = sorted(value for name, value in fields.items() if name.startswith(b"e"))
    return [_event(value, fields) for value in events], int(fields.get(b"count", 0))


def _event(value: bytes, fields: Mapping[bytes, bytes]) -> DigestEvent:
    _, ms = _HEAD.unpack_from(value)
    end = _HEAD.size + NAME_LENGTH
    return DigestEvent(int.from_bytes(ms, "big"), fields[b"=" + value[_HEAD.size : end]], value[end:])
