"""The work budget that all templates and conditions of one recipient share.

Threat: whoever holds an API key writes the templates and conditions, which are trusted; anybody may have written the
VALUES that they read (payload, subscriber, context). A big or hostile value must neither block the process, and so
everybody else's messages, nor fill its memory.

Defence: all work that depends on a value is paid for in units before or while it is done, and each text and list that
a filter returns has a maximum size. A unit is about 50 nanoseconds of an ordinary machine, but no time is measured: the
same template with the same values costs the same units everywhere, so a slow machine delivers what a fast one does.
"""

from __future__ import annotations

from contextvars import ContextVar, Token

from inbox.work import Work

MAX_WORK = 1_000_000
MAX_OUTPUT_BYTES = 65_536
"""Limits the result of a template."""
MAX_TEXT_LENGTH = 1_048_576
"""Limits the characters of a text that a filter or `capture` makes."""
MAX_ITEMS = 65_536
"""Limits the list that a filter or a range makes."""

UNITS_PER_NODE = 15
UNITS_PER_ITERATION = 30
UNITS_PER_FILTER = 25
UNITS_PER_ITEM = 12
"""The price of a list's item that is compared or whose property is read."""
CHARACTERS_PER_UNIT = 10
"""The price of writing, searching or making a text."""
COUNTED_PER_UNIT = 500
"""Characters per unit when a text's length or one character is read: its UTF-16 units are counted from the start."""

_work: ContextVar[Work | None] = ContextVar("work of a recipient", default=None)


class working:  # noqa: N801 - reads as a function; with `contextmanager` it would cost 3 µs more per recipient
    """Gives all rendering within the block one budget: that of the surrounding block, if there is one."""

    __slots__ = ("_token",)

    def __enter__(self) -> Work:
        work = _work.get()
        self._token: Token[Work | None] | None = None
        if work is None:
            work = Work(MAX_WORK)
            self._token = _work.set(work)
        return work

    def __exit__(self, *_: object) -> None:
        if self._token:
            _work.reset(self._token)


def spend(units: int) -> None:
    """Pay from the budget. Raise TooMuchWork when it is used up."""
    work = _work.get()
    if work is not None:
        work.spend(units)


def weigh(value: object, units_per_part: int = 1) -> None:
    """Pay for going over everything in a value. Raise TooMuchWork when the budget is used up."""
    work = _work.get()
    if work is not None:
        work.weigh(value, units_per_part)
