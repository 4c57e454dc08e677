"""Dates on the wire: UTC, ISO-8601, milliseconds, `Z`."""

from __future__ import annotations

from datetime import UTC, datetime

from inbox.clock import now_ms


def iso(ms: int) -> str:
    """`2026-01-31T10:00:00.000Z` for milliseconds since 1970."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def iso_now() -> str:
    """This moment on the wire."""
    return iso(now_ms())
