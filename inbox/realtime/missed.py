"""What entries of a change log mean to somebody who missed them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from inbox.models.message import Message
from inbox.realtime.feed_events import BulkMark, MessagesRemoved
from inbox.store import publication as kinds
from inbox.store.feed import Feed, LogEntry
from inbox.store.rows import parse_message_id

_ROW_KINDS = (kinds.NEW, kinds.MOVED, kinds.COLLAPSED, kinds.MARKED)
_REMOVALS = (kinds.DELETED, kinds.BULK_DELETED, kinds.TRIMMED)


class Missed:
    """The missed changes of a feed. `entries` is None where the log does not reach back.

    `is_complete`: the entries say all that has changed. `steps` are removals, bulk marks, and changed messages (rows,
    each once), in the order of the last changes: a bulk mark comes before messages that changed after it.
    """

    def __init__(self, feed: Feed, entries: Sequence[LogEntry] | None) -> None:
        self._feed = feed
        self.is_complete = entries is not None
        self.has_preferences = False
        self.new: set[int] = set()
        self._collapsed: set[int] = set()
        self._later: set[int] = set()
        self.steps = [step for entry in reversed(entries or ()) for step in self._steps(entry)][::-1]

    def is_new(self, message: Message) -> bool:
        """Return whether the message came with these entries, so that nobody who missed them knows it."""
        return message.sequence in self.new or parse_message_id(message.id).row in self.new

    def is_collapse(self, message: Message) -> bool:
        """Return whether the message took the place of one that may be known."""
        return message.sequence in self._collapsed and not self.is_new(message)

    def _steps(self, entry: LogEntry) -> Iterator[int | MessagesRemoved | BulkMark]:
        """Iterate over what an entry brings beside the later ones: one step or none."""
        if entry.kind in _ROW_KINDS:
            self._note_kind(entry)
            if entry.ref not in self._later:
                self._later.add(entry.ref)
                yield entry.ref
        elif entry.kind == kinds.PREFERENCES:
            self.has_preferences = True
        elif (change := self._change_of_many(entry)) is None:
            self.is_complete = False
        elif not isinstance(change, MessagesRemoved) or change.ids:  # a trim may remove only rows without a message
            yield change

    def _note_kind(self, entry: LogEntry) -> None:
        if entry.kind in (kinds.NEW, kinds.MOVED):
            self.new.add(entry.ref)
        elif entry.kind == kinds.COLLAPSED:
            self._collapsed.add(entry.ref)

    def _change_of_many(self, entry: LogEntry) -> MessagesRemoved | BulkMark | None:
        """Return a removal or a bulk mark; None if the entry does not say what it did, or is of a later release.

        What went is named even if it came with these entries: a page may have read it over HTTP meanwhile.
        """
        if entry.body is None:
            return None
        if entry.kind in _REMOVALS:
            removed = kinds.parse_removed(entry.kind, [entry.ref], entry.body)
            if removed is None:
                return None
            self._later.update(row for row, _ in removed)
            return MessagesRemoved([self._feed.message_id(row, check) for row, check in removed])
        mark = kinds.parse_bulk_mark(entry.body) if entry.kind == kinds.BULK else None
        return BulkMark(*mark) if mark else None
