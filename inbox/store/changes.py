"""The effect of each kind of change on a message: flags, dates and the rows it applies to.

The inbox face and the v1 face change flags differently, as the original does. `dates` are the bits of `_dates.lua`.
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
INBOX_UNREAD = Change(clear=UNSEEN | ARCHIVED, set=UNREAD, dates=FIRST_SEEN | LAST_SEEN | READ_NEVER | ARCHIVED_NEVER)
INBOX_ARCHIVE = Change(clear=UNSEEN | UNREAD, set=ARCHIVED, dates=FIRST_SEEN | LAST_SEEN | READ_NOW | ARCHIVED_NOW)
INBOX_UNARCHIVE = Change(clear=UNSEEN | UNREAD | ARCHIVED, dates=FIRST_SEEN | LAST_SEEN | READ_NOW | ARCHIVED_NEVER)
INBOX_SNOOZE = Change(clear=UNSEEN | ARCHIVED, set=SNOOZED, dates=FIRST_SEEN | LAST_SEEN | ARCHIVED_NEVER)
"""The caller gives the end of the snooze."""
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
"""Completing or reverting an action in the inbox also makes an unread message read."""

NOTHING = Change()

_EVENTS = (
    (UNSEEN, False, MESSAGE_SEEN),
    (UNREAD, False, MESSAGE_READ),
    (ARCHIVED, True, MESSAGE_ARCHIVED),
    (SNOOZED, True, MESSAGE_SNOOZED),
)


def changed_events(before: int, after: int) -> Iterator[str]:
    """Iterate over the types of the webhook events of a message whose flags changed, in order."""
    for flag, appears, event in _EVENTS:
        if (before ^ after) & flag and bool(after & flag) == appears:
            yield event


def legacy_mark(seen: bool | None, read: bool | None) -> Change:
    """Return the change of the older `markAs`: it sets the provided flags, each with its date."""
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
