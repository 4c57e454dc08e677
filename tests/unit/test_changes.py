"""Every change against tables of transitions: what it does to each of a message's flags and dates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import pytest

from inbox.store import changes
from inbox.store.changes import Change
from inbox.store.rows import ARCHIVED, LIVE, SEVERITY_SHIFT, SNOOZED, UNREAD, UNSEEN, Stamp, matches, resolve_side

BEFORE, NOW = 1_000, 2_000


@dataclass(frozen=True)
class Message:
    """A message as the tables describe one; a date of 0 is absent."""

    seen: bool = False
    read: bool = False
    archived: bool = False
    snoozed: bool = False
    first_seen: int = 0
    last_seen: int = 0
    last_read: int = 0
    archived_at: int = 0

    @property
    def flags(self) -> int:
        unseen, unread = not self.seen and UNSEEN, not self.read and UNREAD
        return LIVE | unseen | unread | (self.archived and ARCHIVED) | (self.snoozed and SNOOZED) | 2 << SEVERITY_SHIFT


def with_flags(message: Message, flags: int) -> Message:
    return replace(
        message,
        seen=not flags & UNSEEN,
        read=not flags & UNREAD,
        archived=bool(flags & ARCHIVED),
        snoozed=bool(flags & SNOOZED),
    )


def apply(change: Change, message: Message) -> Message:
    """What the store makes of a change: the flags as its scripts set them, the dates as its readers resolve them."""
    if not matches(bytes([message.flags]), change.when)[0]:
        return message
    flags = message.flags & ~change.clear | change.set
    assert flags & ~(UNSEEN | UNREAD | ARCHIVED | SNOOZED) == LIVE | 2 << SEVERITY_SHIFT
    dates = (message.first_seen, message.last_seen, message.last_read, message.archived_at, 0)
    side = (1).to_bytes(5, "big") + b"".join(ms.to_bytes(6, "big") for ms in dates) + bytes(4)
    first, last, read, archived, _ = resolve_side(1, side, [Stamp(change.dates, NOW, 2, 1, 0, b"")]).dates
    changed = with_flags(message, flags)
    return replace(changed, first_seen=first, last_seen=last, last_read=read, archived_at=archived)


def every_message() -> list[Message]:
    """All combinations of flags, each without dates and with all of them."""
    made = [Message(*flags) for flags in product((False, True), repeat=4)]
    dated = [replace(m, first_seen=BEFORE, last_seen=BEFORE, last_read=BEFORE, archived_at=BEFORE) for m in made]
    return made + dated


def seen_in_inbox(message: Message) -> Message:
    return replace(message, seen=True, last_seen=NOW, first_seen=message.first_seen or NOW)


def pressed(message: Message) -> Message:
    """Completing or reverting: an unread message becomes read and seen, the date of its first seeing stays."""
    return message if message.read else replace(message, seen=True, last_seen=NOW, read=True, last_read=NOW)


TABLE: dict[str, tuple[Change, Callable[[Message], Message]]] = {
    # the inbox and v2
    "inbox seen": (changes.INBOX_SEEN, seen_in_inbox),
    "inbox read": (changes.INBOX_READ, lambda m: replace(seen_in_inbox(m), read=True, last_read=NOW)),
    "inbox unread": (
        changes.INBOX_UNREAD,
        lambda m: replace(seen_in_inbox(m), read=False, last_read=0, archived=False, archived_at=0),
    ),
    "inbox action": (changes.ACTION_PRESSED, pressed),
    # v1
    "v1 read": (changes.V1_MARKS["read"], lambda m: replace(m, seen=True, last_seen=NOW, read=True, last_read=NOW)),
    "v1 unread": (
        changes.V1_MARKS["unread"],
        lambda m: replace(m, seen=True, last_seen=NOW, read=False, last_read=NOW),
    ),
    "v1 seen": (changes.V1_MARKS["seen"], lambda m: replace(m, seen=True, last_seen=NOW)),
    "v1 unseen": (changes.V1_MARKS["unseen"], lambda m: replace(m, seen=False, last_seen=NOW)),
    # the older markAs: just the flags given, each with its date
    "markAs seen": (changes.legacy_mark(True, None), lambda m: replace(m, seen=True, last_seen=NOW)),
    "markAs not seen": (changes.legacy_mark(False, None), lambda m: replace(m, seen=False, last_seen=NOW)),
    "markAs read": (changes.legacy_mark(None, True), lambda m: replace(m, read=True, last_read=NOW)),
    "markAs not read": (changes.legacy_mark(None, False), lambda m: replace(m, read=False, last_read=NOW)),
    "markAs both": (
        changes.legacy_mark(True, False),
        lambda m: replace(m, seen=True, last_seen=NOW, read=False, last_read=NOW),
    ),
    "markAs nothing": (changes.legacy_mark(None, None), lambda m: m),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_change_does_what_the_table_says(name: str) -> None:
    change, expected = TABLE[name]
    for message in every_message():
        assert apply(change, message) == expected(message), message


TOUCHED_BY_ALL: dict[str, Callable[[Message], bool]] = {
    "read": lambda m: not m.read,
    "unread": lambda m: m.read,
    "seen": lambda m: not m.seen,
    "unseen": lambda m: m.seen,
}


@pytest.mark.parametrize("mark", TOUCHED_BY_ALL)
def test_mark_all_touches_only_what_it_would_change(mark: str) -> None:
    change = changes.V1_MARKS_ALL[mark]
    for message in every_message():
        touched = bool(matches(bytes([message.flags]), change.when)[0])
        assert touched == TOUCHED_BY_ALL[mark](message), message


@pytest.mark.parametrize("mark", TOUCHED_BY_ALL)
def test_mark_all_does_to_a_message_what_mark_as_does(mark: str) -> None:
    for message in filter(TOUCHED_BY_ALL[mark], every_message()):
        assert apply(changes.V1_MARKS_ALL[mark], message) == apply(changes.V1_MARKS[mark], message)
