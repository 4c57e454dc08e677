"""What entries of a change log mean to somebody who missed them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from inbox.models.message import Message
from inbox.store import publication as kinds
from inbox.store.feed import LogEntry
from inbox.store.rows import parse_message_id

MAX_MISSED = 300
"""The most messages that a catch-up brings one by one; for more, a client reads the feed again."""
_ROW_KINDS = (kinds.NEW, kinds.MOVED, kinds.COLLAPSED, kinds.MARKED, kinds.DELETED)
_KNOWN_KINDS = (*_ROW_KINDS, kinds.PREFERENCES)


class Missed:
    """The messages that missed entries are about, each once, in the order of their last changes.

    `entries` is None where the log does not reach back. `bulk_rows`: the rows of bulk marks by their refs.
    `is_complete`: these messages, and perhaps the preferences, are all that has changed, and not too many.
    """

    def __init__(self, entries: Sequence[LogEntry] | None, bulk_rows: Mapping[int, Sequence[int]]) -> None:
        is_known = entries is not None and all(
            entry.kind in _KNOWN_KINDS or (entry.kind == kinds.BULK and entry.ref in bulk_rows) for entry in entries
        )
        self.has_preferences = any(entry.kind == kinds.PREFERENCES for entry in entries or ())
        own = list(_by_row(entries or (), bulk_rows))
        self.new = {entry.ref for entry in own if entry.kind in (kinds.NEW, kinds.MOVED)}
        self._collapsed = {entry.ref for entry in own if entry.kind == kinds.COLLAPSED}
        self.last_kinds: dict[int, str] = {}
        """By row; for a deleted message by the row in its id."""
        for entry in own:
            self.last_kinds.pop(entry.ref, None)  # so that the order is that of the last changes
            self.last_kinds[entry.ref] = entry.kind
        self.is_complete = is_known and len(self.last_kinds) <= MAX_MISSED

    @property
    def rows(self) -> list[int]:
        """The rows to be read; a message that moved or went since is no longer there."""
        return [row for row, kind in self.last_kinds.items() if kind != kinds.DELETED]

    @property
    def deleted(self) -> list[int]:
        """The rows in the ids of deleted messages, also of new ones: a page may have read them over HTTP meanwhile."""
        return [row for row, kind in self.last_kinds.items() if kind == kinds.DELETED]

    def is_new(self, message: Message) -> bool:
        """Return whether the message came with these entries, so that nobody who missed them knows it."""
        return message.sequence in self.new or parse_message_id(message.id).row in self.new

    def is_collapse(self, message: Message) -> bool:
        """Return whether the message took the place of one that may be known."""
        return message.sequence in self._collapsed and not self.is_new(message)


def _by_row(entries: Sequence[LogEntry], bulk_rows: Mapping[int, Sequence[int]]) -> Iterator[LogEntry]:
    """Iterate over the entries of messages; a bulk mark is one for each of its rows."""
    for entry in entries:
        if entry.kind in _ROW_KINDS:
            yield entry
        elif entry.kind == kinds.BULK:
            yield from (LogEntry(kinds.MARKED, row) for row in bulk_rows.get(entry.ref, ()))
