"""Durations of a unit, and the times of cron expressions in a timezone."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim

from inbox.models.workflow import Unit

DAY_MS = 86_400_000
LONGEST_WAIT_MS = 366 * DAY_MS

_MS: dict[str, int] = {
    "seconds": 1_000,
    "minutes": 60_000,
    "hours": 3_600_000,
    "days": DAY_MS,
    "weeks": 7 * DAY_MS,
}


def later(now_ms: int, amount: float, unit: Unit) -> int:
    """Return the time (ms since 1970) after a duration; months keep the day and time in UTC, or end on the last day."""
    if unit != "months":
        return now_ms + int(amount) * _MS[unit]
    now = datetime.fromtimestamp(now_ms / 1_000, UTC)
    months = now.year * 12 + now.month - 1 + int(amount)
    year, month = divmod(months, 12)
    day = min(now.day, monthrange(year, month + 1)[1])
    moved = now.replace(year=year, month=month + 1, day=day, microsecond=0)
    return int(moved.timestamp()) * 1_000 + now_ms % 1_000


def is_too_long(amount: float, unit: Unit) -> bool:
    """Return whether a duration exceeds the longest wait, whenever it begins."""
    if unit == "months":
        return amount > 12
    return int(amount) * _MS[unit] > LONGEST_WAIT_MS


def check_cron(expression: str) -> None:
    """Raise ValueError, saying what is wrong, for an invalid cron expression or one that never fires."""
    _next(expression, "", datetime.now(UTC).replace(microsecond=0))


def next_time(expression: str, timezone: str, now_ms: int) -> int:
    """Return the next time (ms since 1970) of a cron expression of five fields, or six with seconds first.

    A time that a clock change skips fires right after the change, one that occurs twice fires once. An empty or unknown
    timezone is UTC. Raise ValueError as `check_cron` does.
    """
    return _next(expression, timezone, datetime.fromtimestamp(now_ms // 1_000, UTC))


@lru_cache(maxsize=1_024)
def _next(expression: str, timezone: str, now: datetime) -> int:
    """Return the next time; it is cached because a broadcast asks the same for each of its recipients."""
    try:
        return int(next(CronSim(expression, now.astimezone(_zone(timezone)))).timestamp() * 1_000)
    except StopIteration:
        raise ValueError("it names no time") from None
    except Exception as error:  # the library's own error, and those of its arithmetic on signs that are no digits
        raise ValueError(str(error)) from None


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, ValueError, OSError):
        return UTC
