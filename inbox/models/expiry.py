"""The expiry of a message: an ISO 8601 time, or an ISO 8601 duration that starts at its trigger."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

MAX_YEARS = 10
MAX_MS = MAX_YEARS * 366 * 86_400_000
EXPLAINED_MOMENT = "an ISO 8601 time with its offset (2026-12-24T18:00:00Z)"
EXPLAINED = f"{EXPLAINED_MOMENT} or a duration of at most weeks (PT2H)"

_DURATION = re.compile(
    r"P(?=[\dT])(?:(?P<weeks>\d+)W|(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?)",
    re.ASCII,
)


def parse_expiry(text: str, since_ms: int) -> int:
    """Return the moment that a text names, in ms since 1970; a duration starts at `since_ms`.

    The moment may be past. Raise ValueError with a message if the text is neither a time nor a duration, or names a
    moment more than ten years ahead.
    """
    try:
        duration = _DURATION.fullmatch(text)
        ms = since_ms + _milliseconds(duration) if duration else _moment(text)
    except (ValueError, OverflowError):
        raise ValueError(f"must be {EXPLAINED}") from None
    return _bounded(ms, since_ms)


def parse_moment(text: str, now_ms: int) -> int:
    """Return the moment that a text names, as `parse_expiry`, but not of a duration: repeated, it would be another."""
    try:
        ms = _moment(text)
    except (ValueError, OverflowError):
        raise ValueError(f"must be {EXPLAINED_MOMENT}") from None
    return _bounded(ms, now_ms)


def _bounded(ms: int, since_ms: int) -> int:
    if ms > since_ms + MAX_MS:
        raise ValueError(f"must be at most {MAX_YEARS} years ahead")
    return ms


def _milliseconds(duration: re.Match[str]) -> int:
    parts = {name: int(number) for name, number in duration.groupdict().items() if number}
    return int(timedelta(**parts).total_seconds() * 1_000)


def _moment(text: str) -> int:
    date = datetime.fromisoformat(text)
    if date.tzinfo is None:
        raise ValueError("a time without an offset names no moment")
    return max(1, int(date.astimezone(UTC).timestamp() * 1_000))  # 0 means never
