"""Work, counted in units: what computing with other people's values may cost.

Counting gives the same result on a busy machine and on an idle one, on a slow one and on a fast one.
"""

from __future__ import annotations

from typing import Any

CHARACTERS_PER_UNIT = 20


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

    def weigh(self, value: object, units_per_part: int = 1) -> None:
        """Pay for going over everything in a value. Raise TooMuchWork, without going over all of it, if it is dearer.

        A list that holds another one many times is far larger than what it takes to keep.
        """
        self.spend(units_per_part * weight(value, self.left // units_per_part + 1))


def weight(value: object, most: int) -> int:
    """Return the units for looking at all of a value once: 1 for a scalar, more for a text, a list or an object.

    Counting ends at `most`: what is returned is then at least that, and less than the value weighs.
    """
    if isinstance(value, str):
        return 1 + len(value) // CHARACTERS_PER_UNIT
    return _weight_of_all(value, most) if isinstance(value, list | tuple | dict) else 1


_SIZED = (str, list, dict, tuple)


def _weight_of_all(value: list[object] | tuple[object, ...] | dict[object, object], most: int) -> int:
    units = 1
    waiting: list[Any] = [value]
    while waiting and units < most:
        part = waiting.pop()
        if isinstance(part, str):
            units += len(part) // CHARACTERS_PER_UNIT
            continue
        units += len(part)
        if units < most:
            parts = part.values() if isinstance(part, dict) else part
            waiting += [inner for inner in parts if isinstance(inner, _SIZED)]
    return units
