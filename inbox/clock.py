"""The store's time, the one clock of every process over it: dates are made, and compared with what is stored, by it.

A process counts on from the store's time with its own monotonic clock, so reading it costs no request, and a wall clock
that is wrong or jumps changes nothing. `store/clock.py` measures the store's time and corrects this one. Until then it
is the machine's time.
"""

from __future__ import annotations

import time

_offset: float | None = None
"""Seconds from the monotonic clock to the store's time."""


def now_seconds() -> float:
    """Return the store's time, in seconds since 1970."""
    return time.time() if _offset is None else time.monotonic() + _offset


def now_ms() -> int:
    """Return the store's time, in whole ms since 1970."""
    return int(now_seconds() * 1_000)


def now_us() -> int:
    """Return the store's time, in whole µs since 1970."""
    return int(now_seconds() * 1_000_000)


def correct(store_seconds: float, asked_at: float, answered_at: float) -> None:
    """Correct the clock by one measurement, as far as the measurement proves it wrong and no further.

    The store showed `store_seconds` at some moment between the two readings of the monotonic clock. A slow answer
    proves little, so it changes little: the time does not wander while the store or this process is busy.
    """
    global _offset
    known = time.time() - time.monotonic() if _offset is None else _offset
    _offset = min(max(known, store_seconds - answered_at), store_seconds - asked_at)
