"""The store's time, which every process of an installation uses for dates and to compare with stored dates.

The monotonic clock counts on from the last measurement of `store/clock.py`, so reading the time costs no request and a
wall clock that is wrong or jumps changes nothing. Before the first measurement it is the machine's time.
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


def correct(store_seconds: float, sent_at: float, received_at: float) -> None:
    """Correct the clock by one measurement, only as far as the measurement proves it wrong.

    The store's time was `store_seconds` at some moment between the two readings of the monotonic clock. A slow answer
    proves little, so it changes little: the time does not wander while the store or this process is busy.
    """
    global _offset
    offset = time.time() - time.monotonic() if _offset is None else _offset
    _offset = min(max(offset, store_seconds - received_at), store_seconds - sent_at)
