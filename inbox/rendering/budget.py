"""What all templates and conditions of one recipient may do together.

The threat: templates and conditions are written by whoever holds an API key and are trusted; the VALUES that they meet
(payload, subscriber, context) may be written by anybody. A big or hostile value must neither hold the process, and so
everybody else's messages, nor fill its memory.

The answer: everything that depends on a value is paid for in units before or while it is done, and each text and list
that comes out of a filter has a greatest size. A unit is worth some 50 nanoseconds of an ordinary machine, but nothing
is measured: the same template with the same values spends the same units everywhere, so that a slow or busy machine
delivers what a fast one does.
"""

from __future__ import annotations

from contextvars import ContextVar, Token

from inbox.work import Work

MAX_WORK = 1_000_000
MAX_OUTPUT_BYTES = 65_536
"""The largest result of a template."""
MAX_TEXT_LENGTH = 1_048_576
"""The longest text, in characters, that a filter or `capture` may make on the way."""
MAX_ITEMS = 65_536
"""The longest list that a filter or a range may make."""

UNITS_PER_NODE = 15
UNITS_PER_ITERATION = 30
UNITS_PER_FILTER = 25
UNITS_PER_ITEM = 12
"""For an item of a list whose properties are read, or which is compared."""
CHARACTERS_PER_UNIT = 10
"""For a text that is written, searched or made."""
COUNTED_PER_UNIT = 500
"""Characters of a text whose length or one of whose characters is read: UTF-16 units are counted from its begin."""

_work: ContextVar[Work | None] = ContextVar("work of a recipient", default=None)


class _Working:
    """Whatever is rendered within the block shares one budget: that of the block around it, if there is one."""

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


working = _Working


def spend(units: int) -> None:
    """Take from the budget. Raise TooMuchWork when it is used up."""
    work = _work.get()
    if work is not None:
        work.spend(units)


def weigh(value: object, units_per_part: int = 1) -> None:
    """Take from the budget for going over everything in a value. Raise TooMuchWork when it is used up."""
    work = _work.get()
    if work is not None:
        work.weigh(value, units_per_part)
