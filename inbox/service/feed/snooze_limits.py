"""How long a snooze may last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from inbox.clock import now_seconds
from inbox.errors import PaymentRequired, invalid

MIN_SNOOZE_SECONDS = 60
MAX_SNOOZE_HOURS = 2_160


def parse_snooze_end(text: str, field: str) -> int:
    """Return the end of a snooze in ms since 1970; UTC by default. Raise ValidationFailed, PaymentRequired."""
    try:
        date = datetime.fromisoformat(text)
        until = date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise invalid(field, f"{field} must be a valid ISO 8601 date string", text) from None
    now = datetime.fromtimestamp(now_seconds(), UTC)
    if until < now + timedelta(seconds=MIN_SNOOZE_SECONDS):
        raise invalid(field, f"{field} must be at least {MIN_SNOOZE_SECONDS} seconds in the future", text)
    if until > now + timedelta(hours=MAX_SNOOZE_HOURS):
        limit = f"The snooze duration must not exceed {MAX_SNOOZE_HOURS // 24} days"
        raise PaymentRequired(limit, reason="snooze_duration_exceeded")
    return int(until.timestamp() * 1000)
