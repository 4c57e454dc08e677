"""Conditions that skip a step: JSON-logic, bounded."""

from __future__ import annotations

from typing import Any

import pytest

from inbox.rendering.conditions import Condition
from inbox.rendering.templates import RenderError, TemplateError

SCOPE: dict[str, Any] = {"payload": {"n": 3, "tags": ["a", "b"], "text": "x"}, "subscriber": {"locale": "de"}}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        (None, False),
        ({}, False),
        ({"==": [{"var": "payload.n"}, 3]}, True),
        ({">": [{"var": "payload.n"}, 3]}, False),
        ({"in": ["a", {"var": "payload.tags"}]}, True),
        ({"and": [{"==": [{"var": "subscriber.locale"}, "de"]}, {"<": [{"var": "payload.n"}, 5]}]}, True),
        ({"!": [{"var": "payload.missing"}]}, True),
        ({"var": ["payload.missing", "default"]}, True),
        ({"some": [{"var": "payload.tags"}, {"==": [{"var": ""}, "b"]}]}, True),
        ({"missing": ["payload.n"]}, False),
        ({"if": [{"var": "payload.n"}, False, True]}, False),
    ],
)
def test_rules(rule: dict[str, Any] | None, holds: bool) -> None:
    assert Condition(rule, "skip").holds(SCOPE) is holds


@pytest.mark.parametrize(
    "rule",
    [
        {"log": ["x"]},
        {"reduce": [{"var": "payload.tags"}, {"cat": [{"var": "accumulator"}, {"var": "accumulator"}]}, "x"]},
        {"unknown": []},
        {"a": 1, "b": 2},
        {"map": [{"var": "payload.tags"}, {"map": [{"var": "payload.tags"}, 1]}]},
        {"or": [{"var": "payload.n"}] * 101},
    ],
)
def test_what_is_no_rule_or_takes_too_long_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(TemplateError) as refused:
        Condition(rule, "steps.0.controlValues.skip")
    assert "steps.0.controlValues.skip" in refused.value.fields


def test_a_rule_nested_too_deep_is_refused() -> None:
    rule: dict[str, Any] = {"var": "payload.n"}
    for _ in range(30):
        rule = {"!": [rule]}
    with pytest.raises(TemplateError):
        Condition(rule, "skip")


def test_it_is_known_what_a_rule_reads() -> None:
    assert Condition({"==": [{"var": "payload.n"}, {"var": ["subscriber.phone", 1]}]}, "skip").variables == {
        "payload", "subscriber"
    }
    assert "subscriber" in Condition({"var": {"cat": ["subscriber", ".phone"]}}, "skip").variables


def test_what_cannot_be_told_is_an_error_of_the_step() -> None:
    with pytest.raises(RenderError):
        Condition({"%": [{"var": "payload.n"}, 0]}, "skip").holds(SCOPE)
