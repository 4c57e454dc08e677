"""Work, counted in units: what computing with other people's values may cost.

Counting gives the same result on a busy machine and on an idle one, on a slow one and on a fast one.
"""

from __future__ import annotations

CHARACTERS_PER_UNIT = 20
MAX_WEIGHT = 1_000_000
"""Where weighing a value ends: a list that holds another one many times is far larger than what it takes to keep."""


class TooMuchWork(Exception):
    """More was asked for than is granted."""


class Work:
    """Units that are left. Once they are spent they stay so."""

    __slots__ = ("left",)

    def __init__(self, units: int) -> None:
        self.left = units

    def spend(self, units: int) -> None:
        """Take units away. Raise TooMuchWork when there are no more of them."""
        self.left -= units
        if self.left < 0:
            raise TooMuchWork("it takes too much work")


def weight(value: object) -> int:
    """Return the units for looking at all of a value once: 1 for a scalar, more for a text, a list or an object."""
    if isinstance(value, str):
        return 1 + len(value) // CHARACTERS_PER_UNIT
    return _weight_of_all(value) if isinstance(value, list | tuple | dict) else 1


def _weight_of_all(value: list[object] | tuple[object, ...] | dict[object, object]) -> int:
    units = 1
    waiting: list[object] = [value]
    while waiting and units < MAX_WEIGHT:
        part = waiting.pop()
        if isinstance(part, str):
            units += len(part) // CHARACTERS_PER_UNIT
        elif isinstance(part, dict):
            units += len(part)
            waiting += part.values()
        elif isinstance(part, list | tuple):
            units += len(part)
            waiting += part
    return units
