"""A budget in units for computing with values of callers. In contrast to time, it is the same on every machine."""

from __future__ import annotations

from typing import Any

CHARACTERS_PER_UNIT = 20
_SIZED = (str, list, dict, tuple)


class TooMuchWork(Exception):
    """The budget is spent."""


class Work:
    """A budget; once it is spent, every further use fails."""

    __slots__ = ("remaining",)

    def __init__(self, units: int) -> None:
        self.remaining = units

    def spend(self, units: int) -> None:
        """Subtract units. Raise TooMuchWork when they exceed the budget."""
        self.remaining -= units
        if self.remaining < 0:
            raise TooMuchWork("it takes too much work")

    def weigh(self, value: object, units_per_part: int = 1) -> None:
        """Spend units for a walk over a whole value. Raise TooMuchWork before the walk costs more than the budget.

        A list that holds the same list many times costs far more to walk than to keep.
        """
        self.spend(units_per_part * weight(value, self.remaining // units_per_part + 1))


def weight(value: object, limit: int) -> int:
    """Return the units of a walk over a whole value: 1 for a scalar, more for a text, a list or an object.

    Counting stops at `limit`: a result that is not less is smaller than the weight.
    """
    units = 1
    pending: list[Any] = [value] if isinstance(value, _SIZED) else []
    while pending and units < limit:
        part = pending.pop()
        if isinstance(part, str):
            units += len(part) // CHARACTERS_PER_UNIT
            continue
        units += len(part)
        if units < limit:
            parts = part.values() if isinstance(part, dict) else part
            pending += [inner for inner in parts if isinstance(inner, _SIZED)]
    return units
