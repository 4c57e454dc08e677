"""Rows, state and ids in bytes, against implementations that take one row at a time."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.ids import is_object_id
from inbox.models.message import ButtonPress
from inbox.store import rows
from inbox.store.rows import (
    ALL,
    ARCHIVED,
    LIVE,
    ROW_BYTES,
    SEVERITIES,
    SEVERITY_SHIFT,
    SNOOZED,
    UNREAD,
    UNSEEN,
    Dates,
    FeedCounts,
    FeedState,
    Position,
    Select,
    Stamp,
    pack_press,
    parse_press,
)

FLAGS = (UNSEEN, UNREAD, ARCHIVED, SNOOZED)
flag_bytes = st.integers(0, 127)
feeds = st.lists(flag_bytes, max_size=60).map(bytes)
bases = st.integers(0, 2**31)


@dataclass(frozen=True)
class Wanted:
    """A selection in plain words: what each flag has to be (absent: either), and the severities (none: any)."""

    flags: dict[int, bool]
    severities: tuple[str, ...]

    @property
    def select(self) -> Select:
        select = ALL._replace(severities=self.severities)
        for flag, present in self.flags.items():
            select = select.where(flag, present)
        return select

    def takes(self, flags: int) -> bool:
        severity = SEVERITIES[flags >> SEVERITY_SHIFT]
        return (
            bool(flags & LIVE)
            and all(bool(flags & flag) == present for flag, present in self.flags.items())
            and (not self.severities or severity in self.severities)
        )


wanted = st.builds(
    Wanted,
    st.dictionaries(st.sampled_from(FLAGS), st.booleans()),
    st.lists(st.sampled_from(SEVERITIES), unique=True).map(tuple),
)


@given(feeds, wanted)
def test_count_rows_counts_what_the_selection_takes(flags: bytes, asked: Wanted) -> None:
    assert rows.count_rows(flags, asked.select) == sum(asked.takes(row) for row in flags)


@given(feeds, wanted)
def test_matches_marks_each_row_that_is_taken(flags: bytes, asked: Wanted) -> None:
    assert list(rows.matches(flags, asked.select)) == [int(asked.takes(row)) for row in flags]


@given(feeds, bases, wanted, st.integers(1, 12), st.integers(0, 12), st.none() | st.integers(-3, 70))
def test_newest_rows_gives_one_page(
    flags: bytes, base: int, asked: Wanted, limit: int, skip: int, place: int | None
) -> None:
    before = None if place is None else base + place
    taken = [row for row, flag in enumerate(flags, base + 1) if asked.takes(flag) and (before is None or row < before)]
    assert rows.newest_rows(flags, base, asked.select, limit, before, skip) == taken[::-1][skip : skip + limit]


@given(feeds, bases, wanted, st.integers(1, 5))
def test_pages_by_cursor_give_every_row_once(flags: bytes, base: int, asked: Wanted, limit: int) -> None:
    walked: list[int] = []
    for _ in range(len(flags) + 1):
        walked += rows.newest_rows(flags, base, asked.select, limit, walked[-1] if walked else None)
    assert walked == [row for row in range(base + len(flags), base, -1) if asked.takes(flags[row - base - 1])]


@given(feeds)
def test_count_flags_adds_up_the_rows(flags: bytes) -> None:
    live = [row for row in flags if row & LIVE]
    badge = [row for row in live if row & UNREAD and not row & SNOOZED]
    counts = rows.count_flags(flags)
    assert counts.unseen == sum(bool(row & UNSEEN) for row in live)
    assert counts.unread == sum(bool(row & UNREAD) for row in live)
    assert counts.badge == len(badge)
    for place, severity in enumerate(SEVERITIES):
        assert getattr(counts, severity) == sum(row >> SEVERITY_SHIFT == place for row in badge)


def test_a_dead_row_is_taken_by_nothing() -> None:
    dead = bytes([UNSEEN | UNREAD])
    assert rows.count_rows(dead, ALL) == 0
    assert rows.count_flags(dead) == FeedCounts()


def test_where_replaces_what_was_asked_of_the_same_flag() -> None:
    assert ALL.where(UNREAD, True).where(UNREAD, False) == ALL.where(UNREAD, False)


def test_where_none_leaves_a_selection_as_it_is() -> None:
    select = ALL.where(UNREAD, True)
    assert select.where(UNREAD, None) is select


cells = st.lists(st.binary(min_size=ROW_BYTES, max_size=ROW_BYTES), max_size=20)


@given(cells, bases)
def test_rows_come_apart_in_flags_and_checks(parts: list[bytes], base: int) -> None:
    joined = b"".join(parts)
    assert rows.flags_of(joined) == bytes(part[0] for part in parts)
    assert [rows.check_of(joined, base, base + 1 + place) for place in range(len(parts))] == [
        part[1:] for part in parts
    ]


@given(cells, bases, st.integers(-5, 5))
def test_a_row_that_is_not_there_has_no_check(parts: list[bytes], base: int, distance: int) -> None:
    row = base + distance if distance <= 0 else base + len(parts) + distance
    assert rows.check_of(b"".join(parts), base, row) == b""


buckets, numbers, checks = st.integers(0, 255), st.integers(0, 2**32 - 1), st.binary(min_size=3, max_size=3)


@given(buckets, numbers, numbers, checks)
def test_a_message_id_holds_its_row(bucket: int, feed_number: int, row: int, check: bytes) -> None:
    text = rows.message_id(bucket, feed_number, row, check)
    assert is_object_id(text)
    assert rows.parse_message_id(text) == (bucket, feed_number, row, check)


@given(st.text("0123456789abcdef", min_size=24, max_size=24))
def test_every_object_id_can_be_taken_apart(text: str) -> None:
    parts = rows.parse_message_id(text)
    assert rows.message_id(*parts) == text


def test_the_checks_of_ids_differ() -> None:
    made = set(rows.new_checks(200))
    assert {len(check) for check in made} == {3}
    assert len(made) > 195


def packed(*fields: tuple[int, int]) -> bytes:
    """Big-endian integers of (value, bytes) each, as the scripts pack them."""
    return b"".join(value.to_bytes(size, "big") for value, size in fields)


counters, times = st.integers(0, 2**40 - 1), st.integers(0, 2**48 - 1)
count_lists = st.lists(numbers, min_size=6, max_size=6)


@given(numbers, numbers, times, counters, count_lists)
def test_a_state_comes_out_as_it_was_packed(last: int, base: int, ms: int, counter: int, counts: list[int]) -> None:
    raw = packed((last, 4), (base, 4), (ms, 6), (counter, 5), *((count, 4) for count in counts))
    assert rows.parse_state(raw) == FeedState(last, base, Position(ms, counter), FeedCounts(*counts))


def test_a_state_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(struct.error):
        rows.parse_state(bytes(42))


def test_a_position_is_written_as_time_and_counter() -> None:
    assert str(Position(1_767_225_600_000, 17)) == "1767225600000-17"


def packed_stamp(dates: int, ms: int, counter: int, upto: int, base: int, hit: frozenset[int] | None) -> bytes:
    """A bulk change as its script leaves it; `hit` are the rows it touched, None all up to `upto`."""
    bits = bytearray() if hit is None else bytearray((upto - base + 7) // 8)
    for row in hit or ():
        bits[(row - base - 1) // 8] |= 128 >> (row - base - 1) % 8
    return packed((dates, 1), (ms, 6), (counter, 5), (upto, 4), (base, 4)) + bytes(bits)


stamp_rows = st.tuples(st.integers(0, 1000), st.integers(1, 40)).flatmap(
    lambda place: st.tuples(
        st.just(place[0]),
        st.just(place[0] + place[1]),
        st.none() | st.frozensets(st.integers(place[0] + 1, place[0] + place[1]), min_size=1),
    )
)


@given(stamp_rows, st.integers(0, 127), times, counters)
def test_a_stamp_hits_the_rows_it_names(
    place: tuple[int, int, frozenset[int] | None], dates: int, ms: int, counter: int
) -> None:
    base, upto, hit = place
    stamp = rows.parse_stamp(packed_stamp(dates, ms, counter, upto, base, hit))
    assert stamp[:5] == (dates, ms, counter, upto, base)
    for row in range(base + 1, upto + 10):
        assert stamp.hits(row) == (row <= upto if hit is None else row in hit)


def test_a_stamp_does_not_hit_below_its_base() -> None:
    stamp = rows.parse_stamp(packed_stamp(4, 1, 1, 20, 10, frozenset({11, 12, 20})))
    assert not any(stamp.hits(row) for row in range(1, 11))


@dataclass
class Change:
    """One thing that happened to a feed of a few messages: `row` is None for a bulk change, which hits `hit`."""

    dates: int
    row: int | None
    hit: frozenset[int] | None


ROWS = range(1, 6)
changes = st.builds(
    Change,
    st.integers(0, 127),
    st.none() | st.sampled_from(ROWS),
    st.none() | st.frozensets(st.sampled_from(ROWS), min_size=1),
)


@dataclass
class Naive:
    """The dates of one message, changed on the spot. Bits: first seen if never, last seen, read, not read, archived,
    not archived, not snoozed."""

    dates: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Dates._fields, 0))

    def change(self, bits: int, at: int) -> None:
        if bits & 1 and self.dates["first_seen"] == 0:
            self.dates["first_seen"] = at
        if bits & 2:
            self.dates["last_seen"] = at
        if bits & 8 and not bits & 4:
            self.dates["last_read"] = 0
        if bits & 4:
            self.dates["last_read"] = at
        if bits & 32 and not bits & 16:
            self.dates["archived"] = 0
        if bits & 16:
            self.dates["archived"] = at
        if bits & 64:
            self.dates["snoozed_until"] = 0


def side_record(counter: int, dates: Dates, action: bytes = b"") -> bytes:
    return packed((counter, 5), *((ms, 6) for ms in dates), (0, 4)) + action


@given(st.lists(changes, max_size=12), st.integers(0, 12))
def test_dates_are_the_same_however_they_are_kept(history: list[Change], folded: int) -> None:
    """Changed one by one in a side record, or left in stamps that readers resolve, of which the oldest are folded."""
    naive = {row: Naive() for row in ROWS}
    sides: dict[int, bytes] = {}
    stamps: list[Stamp] = []
    for counter, change in enumerate(history, 1):
        at = 1_000 * counter
        hit = frozenset(ROWS) if change.hit is None else change.hit
        for row in hit if change.row is None else {change.row}:
            naive[row].change(change.dates, at)
        if change.row is None:
            stamps.append(rows.parse_stamp(packed_stamp(change.dates, at, counter, ROWS[-1], 0, change.hit)))
        else:
            seen = rows.resolve_side(change.row, sides.get(change.row), stamps).dates
            now = rows.resolve_side(
                change.row, side_record(0, seen), [Stamp(change.dates, at, counter, ROWS[-1], 0, b"")]
            )
            sides[change.row] = side_record(counter, now.dates)
    for stamp in stamps[:folded]:
        for row in filter(stamp.hits, ROWS):
            resolved = rows.resolve_side(row, sides.get(row), [stamp])
            sides[row] = side_record(max(resolved.counter, stamp.counter), resolved.dates)
    for row in ROWS:
        assert rows.resolve_side(row, sides.get(row), stamps[folded:]).dates._asdict() == naive[row].dates


def test_a_side_record_keeps_the_action_behind_its_dates() -> None:
    raw = side_record(7, Dates(1, 2, 3, 4, 5), b'dp{"a":1}')
    side = rows.resolve_side(1, raw, [])
    assert (side.counter, side.dates, side.moved_from, side.action) == (7, Dates(1, 2, 3, 4, 5), 0, b'dp{"a":1}')


def test_a_row_without_a_side_record_has_no_dates() -> None:
    side = rows.resolve_side(1, None, [])
    assert (side.dates, side.action) == (Dates(), b"")


@pytest.mark.parametrize("payload", [None, {}, [1], {"a": None}, 0])
def test_a_pressed_button_comes_back_as_it_was_packed(payload: Any) -> None:
    action = ButtonPress("secondary", "pending", payload)
    code, packed = pack_press(action)
    assert parse_press(code.encode() + packed) == action
    assert (pack_press(None), parse_press(b"")) == (("", b""), None)
