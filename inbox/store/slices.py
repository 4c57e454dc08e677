"""Long lists, a few items at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def in_slices(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Return an iterator over the items in order, `size` at a time."""
    if 0 < len(items) <= size:
        return iter((items,))
    return (items[start : start + size] for start in range(0, len(items), size))
