"""What each kind of change does to a message: flags, dates and the rows it applies to.

One table for every face. The inbox transitions are semantics.md §1.1, the v1 ones §1.2. `dates` are the bits of
`_dates.lua`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from inbox.models.webhook import MESSAGE_ARCHIVED, MESSAGE_READ, MESSAGE_SEEN, MESSAGE_SNOOZED
from inbox.store.rows import ARCHIVED, SNOOZED, UNREAD, UNSEEN, Select

FIRST_SEEN, LAST_SEEN, READ_NOW, READ_NEVER, ARCHIVED_NOW, ARCHIVED_NEVER = 1, 2, 4, 8, 16, 32
SNOOZED_NEVER = 64

UNREAD_ROWS = Select(UNREAD, UNREAD)
READ_ROWS = Select(UNREAD, 0)
UNSEEN_ROWS = Select(UNSEEN, UNSEEN)
SEEN_ROWS = Select(UNSEEN, 0)
SNOOZED_ROWS = Select(SNOOZED, SNOOZED)


class Change(NamedTuple):
    """Flags to clear and to set, dates to write, and the rows that are touched at all."""

    clear: int = 0
    set: int = 0
    dates: int = 0
    when: Select = Select()


INBOX_SEEN = Change(clear=UNSEEN, dates=FIRST_SEEN | LAST_SEEN)
INBOX_READ = Change(clear=UNSEEN | UNREAD, dates=FIRST_SEEN | LAST_SEEN | READ_NOW)
INBOX_UNREAD = Change(
    clear=UNSEEN | ARCHIVED, set=UNREAD, dates=FIRST_SEEN | LAST_SEEN | READ_NEVER | ARCHIVED_NEVER
)
INBOX_ARCHIVE = Change(
    clear=UNSEEN | UNREAD, set=ARCHIVED, dates=FIRST_SEEN | LAST_SEEN | READ_NOW | ARCHIVED_NOW
)
INBOX_UNARCHIVE = Change(
    clear=UNSEEN | UNREAD | ARCHIVED, dates=FIRST_SEEN | LAST_SEEN | READ_NOW | ARCHIVED_NEVER
)
INBOX_SNOOZE = Change(clear=UNSEEN | ARCHIVED, set=SNOOZED, dates=FIRST_SEEN | LAST_SEEN | ARCHIVED_NEVER)
"""The end of the snooze is given with it."""
INBOX_UNSNOOZE = Change(
    clear=UNSEEN | ARCHIVED | SNOOZED,
    dates=FIRST_SEEN | LAST_SEEN | ARCHIVED_NEVER | SNOOZED_NEVER,
    when=SNOOZED_ROWS,
)
INBOX_ARCHIVE_READ = INBOX_ARCHIVE._replace(when=READ_ROWS)

V1_READ = Change(clear=UNSEEN | UNREAD, dates=LAST_SEEN | READ_NOW)
V1_UNREAD = Change(clear=UNSEEN, set=UNREAD, dates=LAST_SEEN | READ_NOW)
V1_SEEN = Change(clear=UNSEEN, dates=LAST_SEEN)
V1_UNSEEN = Change(set=UNSEEN, dates=LAST_SEEN)

V1_MARKS = {"read": V1_READ, "unread": V1_UNREAD, "seen": V1_SEEN, "unseen": V1_UNSEEN}
V1_MARKS_ALL = {
    "read": V1_READ._replace(when=UNREAD_ROWS),
    "unread": V1_UNREAD._replace(when=READ_ROWS),
    "seen": V1_SEEN._replace(when=UNSEEN_ROWS),
    "unseen": V1_UNSEEN._replace(when=SEEN_ROWS),
}

ACTION_PRESSED = V1_READ._replace(when=UNREAD_ROWS)
"""What completing or reverting an action in the inbox does beside the action: an unread message becomes read."""

NOTHING = Change()

_TOLD = (
    (UNSEEN, False, MESSAGE_SEEN),
    (UNREAD, False, MESSAGE_READ),
    (ARCHIVED, True, MESSAGE_ARCHIVED),
    (SNOOZED, True, MESSAGE_SNOOZED),
)


def told(before: int, after: int) -> Iterator[str]:
    """The types of the events that tell of a message whose flags went from `before` to `after`, in their order."""
    for flag, appears, event in _TOLD:
        if (before ^ after) & flag and bool(after & flag) == appears:
            yield event


def legacy_mark(seen: bool | None, read: bool | None) -> Change:
    """The older `markAs`: sets just the flags given, each with its date."""
    change = NOTHING
    if seen is not None:
        change = _flag(change, UNSEEN, not seen, LAST_SEEN)
    if read is not None:
        change = _flag(change, UNREAD, not read, READ_NOW)
    return change


def _flag(change: Change, flag: int, present: bool, date: int) -> Change:
    if present:
        return change._replace(set=change.set | flag, dates=change.dates | date)
    return change._replace(clear=change.clear | flag, dates=change.dates | date)
