"""Text to a moment; the expected moments are what V8's `Date.parse` gives in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from inbox.rendering.date_parser import MAX_DATE_LENGTH, days_from_civil, parse_date


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-03-05", "2024-03-05T00:00:00"),
        ("2024-03", "2024-03-01T00:00:00"),
        ("2024", "2024-01-01T00:00:00"),
        ("2024-03-05T10:00", "2024-03-05T10:00:00"),
        ("2024-03-05T10:00:00.123456Z", "2024-03-05T10:00:00.123"),
        ("2024-03-05T10:00:00+02:00", "2024-03-05T08:00:00"),
        ("2024-03-05T10:00:00-0530", "2024-03-05T15:30:00"),
        ("2024-03-05T24:00:00Z", "2024-03-06T00:00:00"),
        ("2024-02-30", "2024-03-01T00:00:00"),
        (" 2024-03-05 ", "2024-03-05T00:00:00"),
        ("2024-03-05 10:00 +0200", "2024-03-05T08:00:00"),
        ("Tue, 05 Mar 2024 10:00:00 GMT", "2024-03-05T10:00:00"),
        ("Tue Mar 05 2024 10:00:00 GMT+0100 (Central European Standard Time)", "2024-03-05T09:00:00"),
        ("March 5, 2024 3pm", None),
        ("March 5, 2024 3:00 pm", "2024-03-05T15:00:00"),
        ("5 Mar 99", "1999-03-05T00:00:00"),
        ("3/5/24", "2024-03-05T00:00:00"),
        ("2024/03/05", "2024-03-05T00:00:00"),
        ("2024-03-05 10:00:00 EST", "2024-03-05T15:00:00"),
        ("2024-03-05 10:00:00 CET", None),
        ("Maybe 5 2024", "2024-05-05T00:00:00"),
        ("10:00 2024-03-05", "2024-03-05T10:00:00"),
        ("Mar 5 2024 12:30:45.678", "2024-03-05T12:30:45.678"),
        ("2024-13-05", None),
        ("2024-03-05T24:00:01Z", None),
        ("2024-03-05T10", None),
        ("2024-03-05Thello", None),
        ("tomorrow", None),
        ("12:30", None),
        ("", None),
        ("1 2 3 4", None),
        ("+275760-09-13T00:00:00.001Z", None),
        ("2024\u201003\u201005", None),
    ],
)
def test_moments(text: str, moment: str | None) -> None:
    expected = moment and round(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() * 1_000)
    assert parse_date(text) == expected


def test_a_text_that_is_longer_than_a_date_can_be_is_none() -> None:
    day = "2024-03-05".ljust(MAX_DATE_LENGTH)
    assert parse_date(day) == parse_date("2024-03-05")
    assert parse_date(day + " ") is None


def test_days_of_the_calendar() -> None:
    for year, month, day in [(1970, 1, 1), (2000, 2, 29), (1, 1, 1), (9999, 12, 31), (1969, 12, 31)]:
        expected = datetime(year, month, day).toordinal() - datetime(1970, 1, 1).toordinal()
        assert days_from_civil(year, month, day) == expected
    assert days_from_civil(0, 1, 1) == days_from_civil(1, 1, 1) - 366
