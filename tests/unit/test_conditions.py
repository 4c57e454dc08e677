"""Conditions that skip a step: JSON-logic, bounded."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from json_logic import jsonLogic

from inbox.rendering.conditions import Condition
from inbox.rendering.logic import KNOWN, evaluate
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


scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "1", "n", "tags", "tags.0", 1.5])
operations = st.sampled_from(sorted(KNOWN))
rules = st.recursive(
    scalars | st.lists(scalars, max_size=3),
    lambda inner: st.builds(lambda name, args: {name: args}, operations, inner | st.lists(inner, max_size=4)),
    max_leaves=12,
)


def outcome(evaluator: Any, rule: Any) -> Any:
    try:
        given = evaluator(rule, {"n": 3, "tags": ["a", "b", 1, None], "": 2})
    except Exception as error:
        return type(error)
    return "NaN" if isinstance(given, float) and math.isnan(given) else (type(given), repr(given))


@settings(max_examples=1_000, deadline=None)
@given(rules)
def test_a_rule_means_what_the_library_makes_of_it(rule: Any) -> None:
    assert outcome(evaluate, rule) == outcome(jsonLogic, rule)


ONES = {"payload": {"ones": [1] * 9_000}}


@pytest.mark.parametrize(
    "each",
    [
        {"in": [{"var": ""}, [9] * 400]},
        {"===": [{"cat": ["y" * 20_000, {"var": ""}]}, ""]},
        {"and": [[1] * 400, False]},
        {"or": [0] * 4_000},
        {"if": [0] * 4_000},
        {"var": "a." * 9_000},
        {"merge": [[0] * 400] * 50 + [[]]},
    ],
)
def test_what_is_done_for_many_items_has_an_end(each: dict[str, Any]) -> None:
    condition = Condition({"none": [{"var": "payload.ones"}, {"and": [each, False]}]}, "skip")
    started = time.thread_time()
    with pytest.raises(RenderError, match="too much work"):
        condition.holds(ONES)
    assert time.thread_time() - started < 0.5


def test_texts_that_are_put_together_do_not_fill_the_memory() -> None:
    texts = {"map": [{"var": "payload.ones"}, {"cat": ["y" * 9_000, {"var": ""}]}]}
    with pytest.raises(RenderError, match="too much work"):
        Condition({"==": [{"merge": [texts] * 10}, 1]}, "skip").holds(ONES)


def test_many_items_are_no_problem() -> None:
    assert Condition({"none": [{"var": "payload.ones"}, {">": [{"var": ""}, 1]}]}, "skip").holds(ONES)
