"""What all templates and conditions of one recipient may do together.

A unit is the time for looking at one item of a list, well under a tenth of a microsecond; all of them are some 50 ms.
"""

from __future__ import annotations

from contextvars import ContextVar, Token

from inbox.work import Work

MAX_WORK = 1_000_000
MAX_CPU_SECONDS = 0.07

_work: ContextVar[Work | None] = ContextVar("work of a recipient", default=None)


class _Working:
    """Whatever is rendered within the block shares one budget: that of the block around it, if there is one."""

    __slots__ = ("_token",)

    def __enter__(self) -> Work:
        work = _work.get()
        self._token: Token[Work | None] | None = None
        if work is None:
            work = Work(MAX_WORK, MAX_CPU_SECONDS)
            self._token = _work.set(work)
        return work

    def __exit__(self, *_: object) -> None:
        if self._token:
            _work.reset(self._token)


working = _Working


def spend(units: int) -> None:
    """Takes from the budget. Raises TooMuchWork when it is used up."""
    work = _work.get()
    if work is not None:
        work.spend(units)
