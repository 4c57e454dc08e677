"""The cache for what a process remembers of the store."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class LruCache(Generic[_Key, _Value]):
    """Values whose sizes (1 by default) add up to at most `max_size`; the least recently used leave first.

    `size_of` is called when a value is put in. A value that is larger than `max_size` by itself is not kept.
    """

    def __init__(self, max_size: int, size_of: Callable[[_Value], int] = lambda _: 1) -> None:
        self._max_size = max_size
        self._size_of = size_of
        self._entries: OrderedDict[_Key, tuple[_Value, int]] = OrderedDict()
        self._size = 0

    def get(self, key: _Key) -> _Value | None:
        """Return the value, which counts as used, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: _Key, value: _Value) -> None:
        self.drop(key)
        size = self._size_of(value)
        if size > self._max_size:
            return
        self._entries[key] = value, size
        self._size += size
        while self._size > self._max_size:
            self._size -= self._entries.popitem(last=False)[1][1]

    def drop(self, key: _Key) -> None:
        _, size = self._entries.pop(key, (None, 0))
        self._size -= size
