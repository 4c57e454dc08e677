"""The positions of the changes that a task makes, for a caller that has to know which event is its own.

Services answer with what they changed, not with positions, and most callers need none. So the stores note them beside.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from inbox.store.rows import Position

_noted: ContextVar[tuple[int, list[Position]] | None] = ContextVar("noted", default=None)


@contextmanager
def noting_positions(feed_number: int) -> Iterator[list[Position]]:
    """Yield a list to which each change that this task makes to a feed, by its number, adds its position."""
    positions: list[Position] = []
    token = _noted.set((feed_number, positions))
    try:
        yield positions
    finally:
        _noted.reset(token)


def note_position(feed_number: int, position: Position | None) -> None:
    """Note that a change of a feed was stored; None: nothing changed."""
    noted = _noted.get()
    if noted is not None and position is not None and noted[0] == feed_number:
        noted[1].append(position)
