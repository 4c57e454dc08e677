"""What templates see of a digest."""

from __future__ import annotations

from typing import Any

from inbox.rendering.budget import MAX_OUTPUT_BYTES
from inbox.steps.digest import digest_view


def events(*names: str | None) -> list[dict[str, Any]]:
    return [{"id": str(place), "time": "", "payload": {"name": name}} for place, name in enumerate(names)]


def test_the_events_and_their_summaries() -> None:
    shown = events("Ann", "Ben", "Cy")
    view = digest_view(shown, 3)
    assert (view["events"], view["eventCount"], view["last"]) == (shown, 3, shown[-1])
    assert (view["countSummary"], view["sentenceSummary"]) == ("3 notifications", "Ann, Ben, and 1 other")


def test_one_event_without_a_name() -> None:
    view = digest_view(events(None), 1)
    assert (view["countSummary"], view["sentenceSummary"]) == ("1 notification", "")


def test_a_summary_that_is_too_large_is_empty() -> None:
    assert digest_view(events("x" * MAX_OUTPUT_BYTES, "y"), 2)["sentenceSummary"] == ""
