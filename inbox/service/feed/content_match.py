"""Which messages filters by tags, data and named feed take: many filters over many messages, read once.

A mask is an int of one byte a message, the first message lowest: 1 where the message is taken. Filters are looked at
column by column, not message by message: that makes thirty of them over a thousand messages a matter of 2 ms.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import reduce
from operator import and_, or_
from typing import Any

from inbox.models.message import Labels, decode_labels

Scalar = str | int | float | bool | None
TagGroups = tuple[frozenset[str], ...]
Path = tuple[str, ...]
DataPairs = tuple[tuple[Path, Scalar], ...]


NO_LABELS = Labels("")


class Slice:
    """Some messages, as stored, with the columns that filters have asked for so far."""

    def __init__(self, contents: Iterable[bytes | None]) -> None:
        listed = list(contents)
        self._labels = [NO_LABELS if content is None else decode_labels(content) for content in listed]
        self.present = mask_of([content is not None for content in listed])
        """The mask of the messages that there are: none is taken where there is None."""
        self._by_tag: dict[str, int] | None = None
        self._masks: dict[tuple[Path, type, Scalar], int] = {}
        self._columns: dict[Path, list[Any]] = {(): [labels.data for labels in self._labels]}

    def taken(self, tags: TagGroups, data: DataPairs, feed_ids: Collection[str] | None) -> int:
        """The mask of the messages with a tag of each group, with just these values, and of one of the named feeds."""
        mask = self.present
        if feed_ids is not None:
            mask &= mask_of([labels.feed_id in feed_ids for labels in self._labels])
        for group in tags:
            mask &= reduce(or_, (self._tagged(tag) for tag in group), 0)
        return reduce(and_, (self._holding(path, value) for path, value in data), mask)

    def _tagged(self, tag: str) -> int:
        if self._by_tag is None:
            self._by_tag = {}
            for place, labels in enumerate(self._labels):
                bit = 1 << 8 * place
                for name in labels.tags:
                    self._by_tag[name] = self._by_tag.get(name, 0) | bit
        return self._by_tag.get(tag, 0)

    def _holding(self, path: Path, wanted: Scalar) -> int:
        key = (path, wanted.__class__, wanted)
        mask = self._masks.get(key)
        if mask is None:
            mask = self._masks[key] = self._compare(path, wanted)
        return mask

    def _compare(self, path: Path, wanted: Scalar) -> int:
        """Equality as JSON has it: true is not 1, but 1.0 is; null also stands for nothing there."""
        column = self._column(path)
        if wanted is None or isinstance(wanted, bool):
            return mask_of([value is wanted for value in column])
        if isinstance(wanted, str):
            return mask_of([value == wanted for value in column])
        return mask_of([value == wanted and not isinstance(value, bool) for value in column])

    def _column(self, path: Path) -> list[Any]:
        """What each message's data holds there, None also for nothing."""
        column = self._columns.get(path)
        if column is None:
            name, around = path[-1], self._column(path[:-1])
            column = [value.get(name) if value.__class__ is dict else None for value in around]
            self._columns[path] = column
        return column


def mask_of(flags: Iterable[int]) -> int:
    """The mask of one byte a message, each 0 or 1."""
    return int.from_bytes(bytes(flags), "little")
