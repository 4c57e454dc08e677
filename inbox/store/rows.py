"""A feed's rows, state and ids in bytes: what the scripts write and Python reads.

A feed keeps, per message, a row of four bytes (flags, then three check bytes of the id) and one packed state. Readers
take the flags out with slices, `translate` and `rfind`, which costs microseconds for a thousand rows.
"""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from inbox.ids import MessageId

LIVE, UNSEEN, UNREAD, ARCHIVED, SNOOZED = 1, 2, 4, 8, 16
SEVERITY_SHIFT = 5
SEVERITIES = ("none", "high", "medium", "low")
ROW_BYTES = 4
CHECK_BYTES = 3

_STATE = struct.Struct(">II6s5sIIIIII")
_SIDE = struct.Struct(">5s6s6s6s6s6sI")
_STAMP = struct.Struct(">B6s5sII")


class Counts(NamedTuple):
    """The counts of a feed. `badge` is unread and not snoozed; high, medium and low are its shares by severity."""

    unseen: int = 0
    unread: int = 0
    badge: int = 0
    high: int = 0
    medium: int = 0
    low: int = 0

    @property
    def none(self) -> int:
        """The badge's share without a severity."""
        return self.badge - self.high - self.medium - self.low


class Position(NamedTuple):
    """A point in a feed's history: when (ms since 1970) and how many changes there had been."""

    ms: int
    counter: int

    def __str__(self) -> str:
        return f"{self.ms}-{self.counter}"


ORIGIN = Position(0, 0)


@dataclass(frozen=True, slots=True)
class State:
    """A feed as of its last change: `last` row given out, `base` rows cut off below, position and counts.

    No snooze ends before `wake_ms` (ms since 1970); 0 when nothing is snoozed.
    """

    last: int
    base: int
    position: Position
    counts: Counts
    wake_ms: int = 0


def parse_state(packed: bytes, wake: bytes | None = None) -> State:
    """The state that a feed's scripts packed, and the end of its next snooze as they keep it beside."""
    last, base, ms, counter, *counts = _STATE.unpack(packed)
    return State(last, base, Position(_number(ms), _number(counter)), Counts(*counts), int(wake or 0))


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


class RowId(NamedTuple):
    """A message id taken apart: its feed (bucket and number), its row and the check bytes."""

    bucket: int
    feed_number: int
    row: int
    check: bytes


def new_check() -> bytes:
    """Three random bytes that make an id hard to guess and tell apart rows given out twice after a loss."""
    return secrets.token_bytes(CHECK_BYTES)


def message_id(bucket: int, feed_number: int, row: int, check: bytes) -> MessageId:
    """The 24-hex id of a row."""
    return MessageId(f"{bucket:02x}{feed_number:08x}{row:08x}{check.hex()}")


def parse_message_id(text: str) -> RowId:
    """The parts of a 24-hex id; any 24 hex characters have them."""
    raw = bytes.fromhex(text)
    bucket, feed_number, row = struct.unpack(">BII", raw[:9])
    return RowId(bucket, feed_number, row, raw[9:])


class Dates(NamedTuple):
    """When things happened to a message, in ms since 1970; 0 is never."""

    first_seen: int = 0
    last_seen: int = 0
    last_read: int = 0
    archived: int = 0
    snoozed_until: int = 0


class Side(NamedTuple):
    """What changed on a row since its creation. `action` is status and type in two letters, then the payload."""

    counter: int
    dates: Dates
    moved_from: int
    action: bytes


_UNTOUCHED = Side(0, Dates(), 0, b"")


class Stamp(NamedTuple):
    """One bulk change: the dates it sets, when, at which counter, up to which row, and the rows (empty: all)."""

    dates: int
    ms: int
    counter: int
    upto: int
    base: int
    rows: bytes

    def hits(self, row: int) -> bool:
        """Whether this bulk change touched the row."""
        if row > self.upto or not self.rows:
            return row <= self.upto
        offset = row - self.base - 1
        byte, bit = divmod(offset, 8)
        return 0 <= byte < len(self.rows) and bool(self.rows[byte] & 128 >> bit)


def parse_stamp(raw: bytes) -> Stamp:
    """A stamp as the bulk scripts wrote it."""
    dates, ms, counter, upto, base = _STAMP.unpack_from(raw)
    return Stamp(dates, _number(ms), _number(counter), upto, base, raw[_STAMP.size :])


def resolve_side(row: int, raw: bytes | None, stamps: list[Stamp]) -> Side:
    """A row's side record with every later bulk change applied; the Python twin of `_dates.lua`."""
    side = _UNTOUCHED if raw is None else _parse_side(raw)
    dates = side.dates
    for stamp in stamps:
        if stamp.counter > side.counter and stamp.hits(row):
            dates = _apply(dates, stamp.dates, stamp.ms)
    return side._replace(dates=dates)


def _parse_side(raw: bytes) -> Side:
    counter, *dates, moved_from = _SIDE.unpack_from(raw)
    return Side(_number(counter), Dates(*map(_number, dates)), moved_from, raw[_SIDE.size :])


def _apply(dates: Dates, what: int, at: int) -> Dates:
    first, last, read, archived, until = dates
    if what & 1 and not first:
        first = at
    if what & 2:
        last = at
    if what & 4:
        read = at
    elif what & 8:
        read = 0
    if what & 16:
        archived = at
    elif what & 32:
        archived = 0
    if what & 64:
        until = 0
    return Dates(first, last, read, archived, until)


class Select(NamedTuple):
    """Which rows: those whose flags under `mask` are `value`, of the given severities (empty: any)."""

    mask: int = 0
    value: int = 0
    severities: tuple[str, ...] = ()

    def where(self, flag: int, present: bool | None) -> Select:
        """This selection, narrowed to rows that have the flag, or have not; None leaves it as it is."""
        if present is None:
            return self
        return self._replace(mask=self.mask | flag, value=(self.value & ~flag) | (flag if present else 0))


ALL = Select()


@lru_cache(maxsize=1024)
def _table(select: Select) -> bytes:
    """A translation table: flag byte → 1 where the selection takes it, else 0."""
    wanted = {SEVERITIES.index(name) for name in select.severities} or {0, 1, 2, 3}
    return bytes(
        flags & LIVE and flags & select.mask == select.value and flags >> SEVERITY_SHIFT in wanted
        for flags in range(256)
    )


def script_arguments(select: Select) -> tuple[int, int, int]:
    """Mask, value and severities (as bits) of a selection, as `feed_page.lua` takes them."""
    severities = [SEVERITIES.index(name) for name in select.severities] or range(len(SEVERITIES))
    return select.mask, select.value, sum(1 << severity for severity in severities)


def flags_of(rows: bytes) -> bytes:
    """One flag byte per row."""
    return rows[::ROW_BYTES]


def matches(flags: bytes, select: Select) -> bytes:
    """One byte per row: 1 where the selection takes it."""
    return flags.translate(_table(select))


def count_rows(flags: bytes, select: Select) -> int:
    """How many rows the selection takes."""
    return matches(flags, select).count(1)


def newest_rows(
    flags: bytes, base: int, select: Select, limit: int, before: int | None, skip: int = 0, above: int = 0
) -> list[int]:
    """Row numbers that the selection takes, newest first, at most `limit` after `skip`.

    All are older than row `before` and newer than row `above`.
    """
    hits = matches(flags, select)
    end = len(hits) if before is None else max(0, before - base - 1)
    start = max(0, above - base)
    rows: list[int] = []
    while len(rows) < limit + skip and (end := hits.rfind(1, start, end)) >= 0:
        rows.append(base + end + 1)
    return rows[skip:]


def checks_of(rows: bytes) -> tuple[bytes, ...]:
    """The check bytes of all rows: the first ones, the second ones, the third ones."""
    return tuple(rows[place::ROW_BYTES] for place in range(1, ROW_BYTES))


def check_of(rows: bytes, base: int, row: int) -> bytes:
    """The check bytes of a row; empty when the row is not there."""
    start = (row - base - 1) * ROW_BYTES
    return rows[start + 1 : start + ROW_BYTES] if start >= 0 else b""


def last_row_with(rows: bytes, base: int, row: int, check: bytes) -> int | None:
    """Return the newest row from `row` on that has these check bytes; None when `row` is there and has others.

    A message that moved took its check bytes along, so this is its last place, also after it was deleted.
    """
    known = check_of(rows, base, row)
    if known and known != check:
        return None
    first = max(row - base - 1, 0) * ROW_BYTES
    starts = range(len(rows) - ROW_BYTES, first - 1, -ROW_BYTES)
    return next((base + 1 + at // ROW_BYTES for at in starts if rows[at + 1 : at + ROW_BYTES] == check), row)


def count_flags(flags: bytes) -> Counts:
    """The counts that these rows add up to; what the scripts keep step by step."""
    badge = Select(UNREAD | SNOOZED, UNREAD)
    return Counts(
        count_rows(flags, Select(UNSEEN, UNSEEN)),
        count_rows(flags, Select(UNREAD, UNREAD)),
        count_rows(flags, badge),
        *(count_rows(flags, badge._replace(severities=(name,))) for name in SEVERITIES[1:]),
    )
