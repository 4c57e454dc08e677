"""Runs: what triggers do for recipients once a step has made them wait, and the windows in which digests collect.

A run stands in its recipient's bucket: one hash for each transaction holds the plan once and, for each feed, the step
at which its run waits. A window belongs to nobody: every event in it can be taken out, or be the one that it goes on
with. When it closes, it becomes a run of the transaction that opened it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from inbox.store import scripts
from inbox.store.alarms import Place
from inbox.store.client import Argument, Client, Command
from inbox.store.dispatches import content_name
from inbox.store.feed import Feed
from inbox.store.keys import BUCKETS, IDEMPOTENCY_TTL_SECONDS, JOINED_TTL_SECONDS, NAME_LENGTH, BucketKeys, Keys, digest
from inbox.store.timers import RUN, WINDOW, Timer, TimerStore

MOST_EVENTS = 1_000
"""So many events of a window are kept, and the last one; further ones are counted."""
MOST_EVENT_BYTES = 1024 * 1024
MOST_CANCELLED_AT_ONCE = 50

Begun = Literal["waits", "joined", "through", "again", "gone"]
"""What became of a wait. `through`: a digest found nothing to wait for."""

_JOINED: dict[int, Begun] = {1: "waits", 2: "joined", 3: "through", 0: "again", -1: "gone"}
_STARTED: dict[int, Begun] = {1: "waits", 0: "again", -1: "gone"}
_NO_PLAN = "-" * NAME_LENGTH
_HEAD = struct.Struct(">I6s")


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """Where a run stands: the step at which it waits, until when (ms since 1970), and of which digest it has events."""

    step_id: str
    due_ms: int
    digest_step_id: str = ""


_encode = msgspec.msgpack.Encoder().encode
_standing = msgspec.msgpack.Decoder(Standing)


@dataclass(frozen=True, slots=True)
class RunRef:
    """Which run: its transaction's name and its feed's number."""

    transaction: str
    number: int

    @property
    def timer(self) -> str:
        """What names it in its bucket's timers."""
        return f"{RUN.decode()}{self.transaction}{self.number}"


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a digest: when it came (ms since 1970), and its plan in two parts, the workflow and the rest."""

    ms: int
    workflow: bytes
    plan: bytes


@dataclass(frozen=True, slots=True)
class Fired:
    """A run whose time has come: the plan, or the events, first one first, that it goes on with, and their number."""

    ref: RunRef
    raw: bytes
    standing: Standing
    plan: bytes = b""
    events: Sequence[Event] = ()
    event_count: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that comes to a step at which it waits.

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
    came_from: Fired | None = None

    @property
    def ref(self) -> RunRef:
        """The run: one that was started before keeps its place, whatever transaction goes on in it."""
        return self.came_from.ref if self.came_from else RunRef(digest(self.transaction_id), self.feed.number)

    @property
    def place(self) -> Place:
        """The bucket it is kept in."""
        return Place(self.feed.environment, self.feed.bucket)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A run that was cancelled, or an event that was taken out of a window: whose (bucket, feed number), at which step,
    and the run's plan or the event, where they are kept.
    """

    feed: tuple[int, int]
    step_id: str
    plan: bytes = b""
    event: Event | None = None


class RunStore:
    """Keeps runs and windows; each change is one script in the recipient's bucket."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._timers = TimerStore(client, keys)

    async def begin(self, waits: Sequence[Waiting]) -> list[Begun]:
        """Lets runs wait, each once per transaction, step and feed; safe to repeat. What became of each."""
        for place, ms in {(one.place, one.due_ms) for one in waits}:
            await self._timers.ring_at(place, ms)
        delays = [one for one in waits if one.key is None]
        digests = [one for one in waits if one.key is not None]
        outcomes: dict[int, Begun] = {}
        if delays:
            replies = await self._client.run_many(scripts.RUN_START, [self._start_call(one) for one in delays])
            outcomes |= {id(one): _STARTED[reply] for one, reply in zip(delays, replies, strict=True)}
        if digests:
            replies = await self._client.run_many(scripts.WINDOW_JOIN, [self._join_call(one) for one in digests])
            outcomes |= {id(one): _JOINED[reply] for one, reply in zip(digests, replies, strict=True)}
        return [outcomes[id(one)] for one in waits]

    async def fire(self, place: Place, refs: Sequence[RunRef]) -> list[Fired]:
        """Begins to carry out runs, which cannot be cancelled from now on; those that are there and due."""
        bucket = self._bucket(place)
        calls: list[tuple[list[str], list[Argument]]] = [
            ([bucket.runs(one.transaction), bucket.timers], [one.number, one.timer]) for one in refs
        ]
        replies = await self._client.run_many(scripts.RUN_FIRE, calls) if calls else []
        found = [
            Fired(ref, reply[0], _standing.decode(reply[0][1 + NAME_LENGTH :]), reply[1])
            for ref, reply in zip(refs, replies, strict=True)
            if reply
        ]
        refs = [one.ref for one in found if one.standing.digest_step_id]
        commands: list[Command] = [("HGETALL", bucket.events(ref.transaction, ref.number)) for ref in refs]
        kept = await self._client.batch(commands) if commands else []
        collected = {ref: _collected(raw) for ref, raw in zip(refs, kept, strict=True)}
        return [
            Fired(one.ref, one.raw, one.standing, one.plan, *collected.get(one.ref, ((), 0))) for one in found
        ]

    async def end(self, place: Place, fired: Sequence[Fired]) -> None:
        """Drops runs, but for those that have moved on."""
        bucket = self._bucket(place)
        calls: list[tuple[list[str], list[Argument]]] = []
        for one in fired:
            ref = one.ref
            keys = [bucket.runs(ref.transaction), bucket.timers, bucket.events(ref.transaction, ref.number)]
            calls.append((keys, [ref.number, one.raw, ref.timer]))
        if calls:
            await self._client.run_many(scripts.RUN_END, calls)

    async def erase(self, place: Place, timers: Sequence[Timer]) -> None:
        """Drops the runs and windows of these timers with all that they hold; other timers are passed over."""
        bucket = self._bucket(place)
        refs = [run_of(timer) for timer in timers if timer.kind == RUN]
        for ref in refs:
            if raw := await self._client.execute("HGET", bucket.runs(ref.transaction), ref.number):
                await self.end(place, [Fired(ref, raw, _standing.decode(raw[1 + NAME_LENGTH :]))])
        for timer in timers:
            if timer.kind == WINDOW:
                await self._client.execute("UNLINK", bucket.window(_parse_window(timer.about)[0]))

    async def close_window(self, place: Place, timer: Timer) -> RunRef | None:
        """Closes the window of a timer; gives the run that goes on with its events, None when it is not open."""
        window, opener, number, step_id = _parse_window(timer.about)
        bucket, ref = self._bucket(place), RunRef(opener, number)
        standing = _pack("f", _NO_PLAN, Standing(step_id, timer.due_ms, step_id))
        keys = [bucket.window(window), bucket.timers, bucket.runs(opener), bucket.events(opener, number)]
        args: list[Argument] = [number, opener, standing, timer.member, ref.timer, timer.due_ms]
        return ref if await self._client.run(scripts.WINDOW_CLOSE, keys, args) else None

    async def cancel(self, environment: int, transaction_id: str) -> list[Cancelled]:
        """Cancels the runs of a transaction whose time has not come, and takes its events out of open windows."""
        name = digest(transaction_id)
        buckets = [self._keys.bucket(environment, bucket) for bucket in range(BUCKETS)]
        commands: list[Command] = [
            ("HGETALL", key) for one in buckets for key in (one.runs(name), one.waits_in(name))
        ]
        replies = await self._client.batch(commands)
        found: list[Cancelled] = []
        for number, bucket in enumerate(buckets):
            found += await self._cancel_runs(number, bucket, name, _pairs(replies[2 * number]))
            found += await self._leave_windows(number, bucket, name, _pairs(replies[2 * number + 1]))
        return found

    async def _cancel_runs(
        self, place: int, bucket: BucketKeys, name: str, kept: Mapping[bytes, bytes]
    ) -> list[Cancelled]:
        numbers = [int(one) for one in kept if one.isdigit()]
        cancelled: list[int] = []
        for start in range(0, len(numbers), MOST_CANCELLED_AT_ONCE):
            part = numbers[start : start + MOST_CANCELLED_AT_ONCE]
            keys = [bucket.runs(name), bucket.timers, *(bucket.events(name, number) for number in part)]
            args: list[Argument] = [value for number in part for value in (number, RunRef(name, number).timer)]
            cancelled += await self._client.run(scripts.RUN_CANCEL, keys, args)
        entries = {number: kept[str(number).encode()] for number in cancelled}
        return [
            Cancelled(
                (place, number),
                _standing.decode(raw[1 + NAME_LENGTH :]).step_id,
                kept.get(b"=" + raw[1 : 1 + NAME_LENGTH], b""),
            )
            for number, raw in entries.items()
        ]

    async def _leave_windows(
        self, place: int, bucket: BucketKeys, name: str, joined: Mapping[bytes, bytes]
    ) -> list[Cancelled]:
        left: list[Cancelled] = []
        for about, opener in joined.items():
            number, window, step_id = about.decode().split(".", 2)
            timer = _window_timer(window, opener.decode(), int(number), step_id)
            keys = [bucket.window(window), bucket.timers, bucket.waits_in(name)]
            taken, *event = await self._client.run(scripts.WINDOW_LEAVE, keys, [opener, name, about, timer])
            if taken:
                kept = _event(event[0], {b"=" + event[0][_HEAD.size :][:NAME_LENGTH]: event[1]}) if event else None
                left.append(Cancelled((place, int(number)), step_id, event=kept))
        return left

    def _start_call(self, one: Waiting) -> tuple[list[str], list[Argument]]:
        """KEYS and ARGV of `run_start.lua`."""
        bucket, before = self._bucket(one.place), one.came_from
        name = before.raw[1 : 1 + NAME_LENGTH].decode() if before else content_name(one.plan)
        standing = Standing(one.step_id, one.due_ms, before.standing.digest_step_id if before else "")
        owner = one.feed.subscriber_oid
        keys = [bucket.runs(one.ref.transaction), bucket.timers, self._delivered(bucket, one), one.feed.keys.state]
        args: list[Argument] = [one.feed.number, before.raw if before else "", _pack("w", name, standing), one.due_ms]
        return keys, [*args, one.ref.timer, name, b"" if before else one.plan, IDEMPOTENCY_TTL_SECONDS, owner]

    def _join_call(self, one: Waiting) -> tuple[list[str], list[Argument]]:
        """KEYS and ARGV of `window_join.lua`."""
        bucket, ref = self._bucket(one.place), one.ref
        number, transaction = one.feed.number, digest(one.transaction_id)
        window = digest(one.workflow_id, one.step_id, str(number), one.key or "")
        keys = [
            bucket.window(window),
            bucket.timers,
            self._delivered(bucket, one),
            one.feed.keys.state,
            bucket.look_back(window),
            bucket.waits_in(transaction),
            bucket.runs(ref.transaction),
            bucket.events(ref.transaction, number),
        ]
        return keys, [
            number,
            one.came_from.raw if one.came_from else "",
            transaction,
            one.event,
            content_name(one.workflow),
            one.workflow,
            one.due_ms,
            _window_timer(window, transaction, number, one.step_id),
            one.look_back_ms or "",
            IDEMPOTENCY_TTL_SECONDS,
            MOST_EVENTS,
            MOST_EVENT_BYTES,
            ref.timer,
            f"{window}.{one.step_id}",
            JOINED_TTL_SECONDS * 1_000,
            one.feed.subscriber_oid,
        ]

    def _delivered(self, bucket: BucketKeys, one: Waiting) -> str:
        # a name of its own: a step may give messages in the next revision of its workflow
        return bucket.delivered(one.transaction_id, f"\1{one.step_id}", one.feed.number)

    def _bucket(self, place: Place) -> BucketKeys:
        return self._keys.bucket(place.environment, place.bucket)


def run_of(timer: Timer) -> RunRef:
    """The run that a timer is about."""
    return RunRef(timer.about[:NAME_LENGTH].decode(), int(timer.about[NAME_LENGTH:]))


def _window_timer(window: str, opener: str, number: int, step_id: str) -> str:
    return f"{WINDOW.decode()}{window}{opener}{number}.{step_id}"


def _parse_window(about: bytes) -> tuple[str, str, int, str]:
    """The window's name, who opened it, the feed's number and the step."""
    number, _, step_id = about[2 * NAME_LENGTH :].decode().partition(".")
    return about[:NAME_LENGTH].decode(), about[NAME_LENGTH : 2 * NAME_LENGTH].decode(), int(number), step_id


def _pack(flag: str, plan_name: str, standing: Standing) -> bytes:
    """Where a run stands: `w` it waits or `f` it is carried out, the plan's name, and the rest."""
    return f"{flag}{plan_name}".encode() + _encode(standing)


def _collected(raw: list[bytes] | dict[bytes, bytes]) -> tuple[list[Event], int]:
    """The events of a closed window in their order, and how many there were."""
    fields = _pairs(raw)
    kept = sorted(value for name, value in fields.items() if name.startswith(b"e"))
    return [_event(value, fields) for value in kept], int(fields.get(b"count", 0))


def _event(value: bytes, fields: Mapping[bytes, bytes]) -> Event:
    _, ms = _HEAD.unpack_from(value)
    end = _HEAD.size + NAME_LENGTH
    return Event(int.from_bytes(ms, "big"), fields[b"=" + value[_HEAD.size : end]], value[end:])


def _pairs(raw: Any) -> dict[bytes, bytes]:
    return raw if isinstance(raw, dict) else dict(zip(raw[::2], raw[1::2], strict=True))
