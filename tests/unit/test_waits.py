"""When waiting steps end."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from inbox.models.workflow import Step, Workflow
from inbox.rendering.templates import RenderError
from inbox.rendering.times import check_cron, is_too_long, later, next_time
from inbox.steps.delay import CompiledDelay, DelayControlsUpsert
from inbox.steps.digest import CompiledDigest, DigestControlsUpsert, LookBackWindowUpsert

STEP = Step("s" * 24, "s", "S", type="delay")
WORKFLOW = Workflow("w" * 24, "w", "W", 0, 1, [STEP])


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("amount", "unit", "expected"),
    [
        (1, "seconds", "2026-01-31T10:00:01.250Z"),
        (90, "minutes", "2026-01-31T11:30:00.250Z"),
        (24, "hours", "2026-02-01T10:00:00.250Z"),
        (2.0, "days", "2026-02-02T10:00:00.250Z"),
        (1, "weeks", "2026-02-07T10:00:00.250Z"),
        (1, "months", "2026-02-28T10:00:00.250Z"),
        (11, "months", "2026-12-31T10:00:00.250Z"),
        (12, "months", "2027-01-31T10:00:00.250Z"),
    ],
)
def test_amounts_of_units(amount: float, unit: Any, expected: str) -> None:
    assert later(ms("2026-01-31T10:00:00.250Z"), amount, unit) == ms(expected)
    assert not is_too_long(amount, unit)


def test_what_is_too_long() -> None:
    assert is_too_long(13, "months")
    assert is_too_long(53, "weeks")
    assert not is_too_long(366, "days")


@pytest.mark.parametrize(
    ("cron", "zone", "now", "expected"),
    [
        ("0 9 * * *", "", "2026-03-28T12:00:00Z", "2026-03-29T09:00:00Z"),
        ("0 9 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T07:00:00Z"),
        ("0 9 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T08:00:00Z"),
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),  # left out: the moment after
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),  # comes twice: the first
        ("0 9 * * 1-5", "Asia/Tokyo", "2026-01-02T12:00:00Z", "2026-01-05T00:00:00Z"),
        ("0 0 9 * * *", "nowhere/at-all", "2026-01-02T12:00:00Z", "2026-01-03T09:00:00Z"),
        ("*/10 * * * * *", "", "2026-01-02T12:00:00Z", "2026-01-02T12:00:10Z"),
        ("0 9 * * *", "", "2026-01-02T09:00:00Z", "2026-01-03T09:00:00Z"),
    ],
)
def test_the_next_time_of_a_cron_expression(cron: str, zone: str, now: str, expected: str) -> None:
    assert next_time(cron, zone, ms(now)) == ms(expected)


@pytest.mark.parametrize(
    "cron", ["", "x", "* * * *", "61 * * * *", "0 0 31 2 *", "\xb2 * * * *", "*/0 * * * *", "a-b * * * *"]
)
def test_what_is_no_cron_expression(cron: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_cron(cron)


def delay(**controls: Any) -> CompiledDelay:
    return CompiledDelay(WORKFLOW, STEP, DelayControlsUpsert(**controls), "steps.0.")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-02-01T00:00:00Z", "2026-02-01T00:00:00Z"),
        (" 2026-02-01T01:00:00+01:00 ", "2026-02-01T00:00:00Z"),
        ("2026-02-01T00:00", "2026-02-01T00:00:00Z"),
        ("2020-02-01", "2020-02-01T00:00:00Z"),
    ],
)
def test_until_a_time_of_the_payload(at: str, expected: str) -> None:
    scope = {"payload": {"at": at}}
    assert delay(until="{{payload.at}}").due(ms("2026-01-01T00:00:00Z"), scope) == ms(expected)


@pytest.mark.parametrize("at", ["", "soon", "12", None, "2028-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"])
def test_until_what_is_no_time_or_too_far(at: Any) -> None:
    with pytest.raises(RenderError) as raised:
        delay(until="{{payload.at}}").due(ms("2026-01-01T00:00:00Z"), {"payload": {"at": at}})
    assert list(raised.value.fields) == ["steps.0.controlValues.until"]


def test_a_cron_time_that_is_too_far_fails_when_it_is_waited_for() -> None:
    with pytest.raises(RenderError):
        delay(type="timed", cron="0 0 29 2 *").due(ms("2026-01-01T00:00:00Z"), {})


def test_what_needs_the_subscriber() -> None:
    assert delay(type="timed", cron="0 9 * * *").needs_subscriber
    assert delay(until="{{subscriber.data.at}}").needs_subscriber
    assert not delay(amount=1, unit="hours").needs_subscriber
    keyed = CompiledDigest(
        WORKFLOW, STEP, DigestControlsUpsert(amount=1, unit="hours", digest_key="{{subscriber.locale}}"), ""
    )
    assert keyed.needs_subscriber
    assert keyed.key({"subscriber": {"locale": "de"}}) == "de"


def test_the_look_back_of_a_digest() -> None:
    window = LookBackWindowUpsert(2, "minutes")
    controls = DigestControlsUpsert(amount=1, unit="hours", look_back_window=window)
    assert CompiledDigest(WORKFLOW, STEP, controls, "").look_back_ms(0) == 120_000
    assert CompiledDigest(WORKFLOW, STEP, DigestControlsUpsert(amount=1, unit="hours"), "").look_back_ms(0) == 0


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("{{payload.post}}", "7"),
        ("payload.post", "7"),
        (" payload.post ", "7"),
        ("payload.author.id", "9"),
        ("subscriber.data.team-id", "blue"),
        ("payload", "payload"),
        ("payload.", "payload."),
        ("all payload.post", "all payload.post"),
        ("post", "post"),
        (None, ""),
    ],
)
def test_a_digest_key_that_is_a_path_is_what_it_leads_to(source: str | None, key: str) -> None:
    scope = {"payload": {"post": 7, "author": {"id": 9}}, "subscriber": {"data": {"team-id": "blue"}}}
    digest = CompiledDigest(WORKFLOW, STEP, DigestControlsUpsert(amount=1, unit="hours", digest_key=source), "")
    assert digest.key(scope) == key
