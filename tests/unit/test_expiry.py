"""When a message ends: times and durations."""

from __future__ import annotations

import msgspec
import pytest

from inbox.errors import ValidationFailed
from inbox.models.expiry import MAX_MS, parse_expiry
from inbox.models.trigger import parse_expires_at
from inbox.service.workflows.rules import build_steps
from inbox.steps import StepUpsert

NOW = 1_767_225_600_000  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-01T00:00:01Z", NOW + 1_000),
        ("2026-01-01T02:00:00.250+02:00", NOW + 250),
        ("2026-01-01 01:00:00-01:00", NOW + 7_200_000),
        ("1970-01-01T00:00:00Z", 1),
        ("PT90M", NOW + 5_400_000),
        ("P1DT12H", NOW + 36 * 3_600_000),
        ("P2W", NOW + 14 * 86_400_000),
        ("PT0S", NOW),
        ("PT1H2M3S", NOW + 3_723_000),
    ],
)
def test_a_time_or_a_duration_is_a_moment(text: str, expected: int) -> None:
    assert parse_expiry(text, NOW) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "tomorrow", "2026-01-01", "2026-01-01T00:00:00", "1767225600", "24h", "P", "PT", "P1M", "P1Y", "P1DT"),
        *(
            "-PT1H",
            "PT1.5H",
            "P1W2D",
            "PT" + "9" * 30 + "H",
            "PT" + "9" * 5_000 + "S",
            "0001-01-01T00:00:00+23:00",
            "PT\u0661H",
        ),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be an ISO 8601 time"):
        parse_expiry(text, NOW)


def test_no_message_may_last_longer_than_ten_years() -> None:
    assert parse_expiry("P3660D", NOW) == NOW + MAX_MS
    for text in ("P3660DT1S", "2099-01-01T00:00:00Z"):
        with pytest.raises(ValueError, match="at most 10 years"):
            parse_expiry(text, NOW)


def test_a_trigger_names_the_field() -> None:
    assert (parse_expires_at(None, NOW), parse_expires_at("", NOW), parse_expires_at("PT1S", NOW)) == (
        0,
        0,
        NOW + 1_000,
    )
    with pytest.raises(ValidationFailed) as caught:
        parse_expires_at("soon", NOW)
    assert list(caught.value.fields) == ["expiresAt"]


def test_a_workflow_with_an_end_that_is_none_is_refused() -> None:
    def build(text: str) -> None:
        controls = {"body": "x", "expiresAt": text}
        step = {"name": "S", "type": "in_app", "controlValues": controls}
        build_steps(msgspec.convert([step], list[StepUpsert]))

    for text in ("PT1H", " 2020-01-01T00:00:00Z ", "{{payload.ends}}", "{% if payload.n %}PT1H{% endif %}", ""):
        build(text)
    for text in ("24h", "P99999D", "{24h}"):
        with pytest.raises(ValidationFailed) as caught:
            build(text)
        assert list(caught.value.fields) == ["steps.0.controlValues.expiresAt"]
