"""When a message ends: a time, or a duration from its trigger on, both as ISO 8601 writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

MAX_YEARS = 10
MAX_MS = MAX_YEARS * 366 * 86_400_000
EXPLAINED = "an ISO 8601 time with its offset (2026-12-24T18:00:00Z) or a duration of at most weeks (PT2H)"

_DURATION = re.compile(
    r"P(?=[\dT])(?:(?P<weeks>\d+)W|(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?)",
    re.ASCII,
)


def parse_expiry(text: str, since_ms: int) -> int:
    """The moment that a text names, in ms since 1970; a duration counts from `since_ms` on.

    It may be past. Raises ValueError, saying what is wrong, for what is neither a time nor a duration and for more
    than ten years ahead.
    """
    try:
        found = _DURATION.fullmatch(text)
        ms = since_ms + _milliseconds(found) if found else _moment(text)
    except (ValueError, OverflowError):
        raise ValueError(f"must be {EXPLAINED}") from None
    if ms > since_ms + MAX_MS:
        raise ValueError(f"must be at most {MAX_YEARS} years ahead")
    return ms


def _milliseconds(found: re.Match[str]) -> int:
    parts = {name: int(number) for name, number in found.groupdict().items() if number}
    return int(timedelta(**parts).total_seconds() * 1_000)


def _moment(text: str) -> int:
    given = datetime.fromisoformat(text)
    if given.tzinfo is None:
        raise ValueError("without an offset it is not known which moment is meant")
    return max(1, int(given.astimezone(UTC).timestamp() * 1_000))  # 0 would be never
