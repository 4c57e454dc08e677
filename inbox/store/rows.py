"""A feed's rows, state and ids in bytes: what the scripts write and Python reads.

A feed keeps, per message, a row of four bytes (flags, then three check bytes of the id) and one packed state. Readers
take the flags out with slices, `translate` and `rfind`, which costs microseconds for a thousand rows.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import orjson

from inbox.ids import MessageId
from inbox.models.message import ButtonPress, ButtonStatus, ButtonType
from inbox.models.workflow import Severity

LIVE, UNSEEN, UNREAD, ARCHIVED, SNOOZED, EDITED = 1, 2, 4, 8, 16, 128
"""`EDITED`: the message's content is not that of its stream entry, but an edit in the side hash."""
SEVERITY_SHIFT = 5
SEVERITIES: tuple[Severity, ...] = ("none", "high", "medium", "low")
ROW_BYTES = 4
CHECK_BYTES = 3
EDIT_TIME_BYTES = 6

_BUTTON_TYPES: dict[bytes, ButtonType] = {b"p": "primary", b"s": "secondary"}
_BUTTON_STATUSES: dict[bytes, ButtonStatus] = {b"p": "pending", b"d": "done"}
_RUN = re.compile("1+")
_STATE = struct.Struct(">II6s5sIIIIII")
_SIDE = struct.Struct(">5s6s6s6s6s6sI")
_STAMP = struct.Struct(">B6s5sII")
_MESSAGE_ID = struct.Struct(f">BII{CHECK_BYTES}s")


class FeedCounts(NamedTuple):
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

    @classmethod
    def parse(cls, raw: bytes) -> Position:
        """Return the position that a script wrote as `<ms>-<counter>`. Raise ValueError."""
        ms, counter = raw.split(b"-")
        return cls(int(ms), int(counter))

    @property
    def packed(self) -> bytes:
        """Return it as it is in the packed state of a feed."""
        return self.ms.to_bytes(6, "big") + self.counter.to_bytes(5, "big")

    def __str__(self) -> str:
        return f"{self.ms}-{self.counter}"


ORIGIN = Position(0, 0)


def packed_position(state: bytes | None) -> bytes:
    """Return the position in a packed state, as it is there; that of no feed is the origin."""
    return state[8:19] if state else bytes(11)


class FeedState(NamedTuple):
    """A feed as of its last change. `last`: newest row number; `base`: rows up to it were trimmed.

    No snooze ends before `wake_ms` (ms since 1970); 0 when nothing is snoozed.
    """

    last: int
    base: int
    position: Position
    counts: FeedCounts
    wake_ms: int = 0


@lru_cache(maxsize=1024)  # badges are asked for again and again, and a reading of rows has it twice
def parse_state(packed: bytes, wake: bytes | None = None) -> FeedState:
    """Decode a feed's state as its scripts pack it, with the end of its next snooze (field `u`)."""
    last, base, ms, counter, *counts = _STATE.unpack(packed)
    return FeedState(last, base, Position(_number(ms), _number(counter)), FeedCounts._make(counts), int(wake or 0))


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


class RowId(NamedTuple):
    """A message id taken apart: its feed (bucket and number), its row and the check bytes."""

    bucket: int
    feed_number: int
    row: int
    check: bytes


def new_checks(count: int) -> list[bytes]:
    """Return three random bytes for each of `count` ids.

    They make an id hard to guess, and tell apart rows that were given out twice after a data loss.
    """
    random = os.urandom(CHECK_BYTES * count)
    if count == 1:
        return [random]
    return [random[start : start + CHECK_BYTES] for start in range(0, len(random), CHECK_BYTES)]


def message_id(bucket: int, feed_number: int, row: int, check: bytes) -> MessageId:
    """Return the 24-hex id of a row."""
    return MessageId(_MESSAGE_ID.pack(bucket, feed_number, row, check).hex())


def parse_message_id(text: str) -> RowId:
    """Split a 24-hex id; any 24 hex characters have these parts."""
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


class SideRecord(NamedTuple):
    """What changed on a row since its creation. `action` is status and type in two letters, then the payload."""

    counter: int
    dates: Dates
    moved_from: int
    action: bytes


UNTOUCHED = SideRecord(0, Dates(), 0, b"")


class Stamp(NamedTuple):
    """One bulk change: the dates it sets, when, at which counter, up to which row, and the rows (empty: all)."""

    dates: int
    ms: int
    counter: int
    upto: int
    base: int
    rows: bytes

    def hits(self, row: int) -> bool:
        """Return whether this bulk change touched the row."""
        if row > self.upto or not self.rows:
            return row <= self.upto
        offset = row - self.base - 1
        byte, bit = divmod(offset, 8)
        return 0 <= byte < len(self.rows) and bool(self.rows[byte] & 128 >> bit)

    def ranges(self) -> list[tuple[int, int]]:
        """Return the rows that it names, as closed ranges of consecutive ones."""
        bits = bin(int.from_bytes(b"\x01" + self.rows, "big"))[3:]
        return [(self.base + 1 + run.start(), self.base + run.end()) for run in _RUN.finditer(bits)]


def parse_stamp(raw: bytes) -> Stamp:
    """Decode a stamp as the bulk scripts write it."""
    dates, ms, counter, upto, base = _STAMP.unpack_from(raw)
    return Stamp(dates, _number(ms), _number(counter), upto, base, raw[_STAMP.size :])


def resolve_side(row: int, raw: bytes | None, stamps: list[Stamp]) -> SideRecord:
    """Return a row's side record with every later bulk change applied; the Python twin of `_dates.lua`."""
    side = UNTOUCHED if raw is None else parse_side(raw)
    if not stamps:
        return side
    dates = side.dates
    for stamp in stamps:
        if stamp.counter > side.counter and stamp.hits(row):
            dates = _apply(dates, stamp.dates, stamp.ms)
    return side._replace(dates=dates)


def pack_press(press: ButtonPress | None) -> tuple[str, bytes]:
    """Return a press as the scripts take it: status and type in two letters, then the payload's JSON.

    An empty text leaves the press as it was, an empty payload leaves the payload.
    """
    if press is None:
        return "", b""
    return press.status[0] + press.type[0], b"" if press.payload is None else orjson.dumps(press.payload)


def parse_press(packed: bytes) -> ButtonPress | None:
    """Return the press that `pack_press` packed and the scripts joined."""
    if not packed:
        return None
    kind, status = _BUTTON_TYPES[packed[1:2]], _BUTTON_STATUSES[packed[:1]]
    return ButtonPress(kind, status, orjson.loads(packed[2:]) if packed[2:] else None)


def parse_side(raw: bytes) -> SideRecord:
    """Decode a side record as the scripts pack it."""
    counter, *dates, moved_from = _SIDE.unpack_from(raw)
    return SideRecord(_number(counter), Dates(*map(_number, dates)), moved_from, raw[_SIDE.size :])


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


class Edit(NamedTuple):
    """The content that replaces that of a message's stream entry, and when it did (ms since 1970)."""

    ms: int
    content: bytes


def parse_edit(raw: bytes) -> Edit:
    """Decode an edit as `message_edit.lua` writes it."""
    return Edit(_number(raw[:EDIT_TIME_BYTES]), raw[EDIT_TIME_BYTES:])


class Select(NamedTuple):
    """Which rows: those whose flags under `mask` are `value`, of the given severities (empty: any)."""

    mask: int = 0
    value: int = 0
    severities: tuple[str, ...] = ()

    def where(self, flag: int, present: bool | None) -> Select:
        """Return this selection, narrowed to rows with the flag (True) or without it (False); None narrows nothing."""
        if present is None:
            return self
        return self._replace(mask=self.mask | flag, value=(self.value & ~flag) | (flag if present else 0))

    def where_not(self, flag: int, absent: bool | None) -> Select:
        """Do the opposite of `where`: callers ask for what is seen, and the rows have a flag for what is not."""
        return self.where(flag, None if absent is None else not absent)


ALL = Select()


@lru_cache(maxsize=1024)
def _table(select: Select) -> bytes:
    """Return a translation table: flag byte → 1 if the selection takes it, else 0."""
    levels = {SEVERITIES.index(name) for name in select.severities} or {0, 1, 2, 3}
    return bytes(
        flags & LIVE and flags & select.mask == select.value and flags >> SEVERITY_SHIFT & 3 in levels
        for flags in range(256)
    )


def script_arguments(select: Select) -> tuple[int, int, int]:
    """Return mask, value and severities (as bits) of a selection, as `feed_page.lua` takes them."""
    severities = [SEVERITIES.index(name) for name in select.severities] or range(len(SEVERITIES))
    return select.mask, select.value, sum(1 << severity for severity in severities)


def edited_rows(rows: bytes, base: int, numbers: Sequence[int]) -> list[int]:
    """Return those of these live rows whose content was edited."""
    return [row for row in numbers if rows[(row - base - 1) * ROW_BYTES] & EDITED]


_BADGE = (UNREAD | SNOOZED, UNREAD)
_COUNTED: dict[tuple[int, int], Callable[[FeedCounts], int]] = {
    _BADGE: lambda counts: counts.badge,
    (UNREAD, UNREAD): lambda counts: counts.unread,
    (UNSEEN, UNSEEN): lambda counts: counts.unseen,
}


def is_counted(select: Select) -> bool:
    """Return whether the state counts the rows that this selection takes; else the rows have to be read."""
    flags = select.mask, select.value
    return flags in _COUNTED and (not select.severities or flags == _BADGE)


def counted(counts: FeedCounts, select: Select) -> int:
    """Return the count of the state for a selection that it counts."""
    if select.severities:
        return sum(int(getattr(counts, severity)) for severity in set(select.severities))
    return _COUNTED[select.mask, select.value](counts)


def flags_of(rows: bytes) -> bytes:
    """Return one flag byte per row."""
    return rows[::ROW_BYTES]


def matches(flags: bytes, select: Select) -> bytes:
    """Return one byte per row: 1 if the selection takes it, else 0."""
    return flags.translate(_table(select))


def count_rows(flags: bytes, select: Select) -> int:
    """Return the number of rows that the selection takes."""
    return matches(flags, select).count(1)


def newest_rows(
    flags: bytes, base: int, select: Select, limit: int, before: int | None, skip: int = 0, above: int = 0
) -> list[int]:
    """Return the rows that the selection takes, newest first, at most `limit` after `skip`.

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
    """Return the first, the second and the third check bytes of all rows."""
    return tuple(rows[offset::ROW_BYTES] for offset in range(1, ROW_BYTES))


def check_of(rows: bytes, base: int, row: int) -> bytes:
    """Return the check bytes of a row; empty if there is no such row."""
    start = (row - base - 1) * ROW_BYTES
    return rows[start + 1 : start + ROW_BYTES] if start >= 0 else b""


def last_row_with(rows: bytes, base: int, row: int, check: bytes) -> int | None:
    """Return the newest row from `row` on that has these check bytes; None if `row` exists and has others.

    A message keeps its check bytes when it moves, so this is its last row, also after it was deleted.
    """
    own_check = check_of(rows, base, row)
    if own_check and own_check != check:
        return None
    first = max(row - base - 1, 0) * ROW_BYTES
    starts = range(len(rows) - ROW_BYTES, first - 1, -ROW_BYTES)
    return next((base + 1 + at // ROW_BYTES for at in starts if rows[at + 1 : at + ROW_BYTES] == check), row)


def count_flags(flags: bytes) -> FeedCounts:
    """Count these rows; the scripts keep the same counts step by step."""
    badge = Select(UNREAD | SNOOZED, UNREAD)
    return FeedCounts(
        count_rows(flags, Select(UNSEEN, UNSEEN)),
        count_rows(flags, Select(UNREAD, UNREAD)),
        count_rows(flags, badge),
        *(count_rows(flags, badge._replace(severities=(name,))) for name in SEVERITIES[1:]),
    )
