"""Conditions that say when a step runs: what is accepted, what they read, and how much they may do."""

from __future__ import annotations

from typing import Any

import pytest

from inbox.rendering.budget import working
from inbox.rendering.conditions import MAX_DEPTH, Condition
from inbox.rendering.logic import Evaluation
from inbox.rendering.templates import RenderError, TemplateError
from inbox.work import TooMuchWork

NOW_MS = 1_772_281_845_678  # 2026-02-28T12:30:45.678Z
SCOPE: dict[str, Any] = {
    "payload": {"n": 3, "tags": ["a", "b"], "text": "x", "tier": "pro"},
    "subscriber": {"locale": "de", "isOnline": False},
}


def holds(rule: dict[str, Any] | None, scope: dict[str, Any] = SCOPE) -> bool:
    return Condition(rule, "skip").holds(scope, NOW_MS)


@pytest.mark.parametrize(
    ("rule", "runs"),
    [
        (None, True),
        ({}, True),
        ({"==": [{"var": "payload.tier"}, "pro"]}, True),
        ({"==": [{"var": "payload.tier"}, "free"]}, False),
        ({"==": [{"var": "payload.count"}, 0]}, True),  # Number(null) is 0
        ({">=": [None, "5"]}, False),
        ({"<": ["", 10]}, True),
        ({"/": [{"var": "payload.n"}, 0]}, True),  # Infinity
        ({"/": [0, 0]}, False),  # NaN
        ({"==": [{"var": "subscriber.isOnline"}, "false"]}, True),
        ({"=": [{"var": "payload.tier"}, "pro"]}, True),
        ({"startsWith": [{"var": "payload.tier"}, "pr"]}, True),
        ({"contains": [{"var": "payload.tier"}, "r"]}, True),
        ({"notIn": [{"var": "payload.tier"}, ["free", "trial"]]}, True),
        ({"between": [{"var": "payload.n"}, [1, 3]]}, True),
        ({"null": [{"var": "payload.nothing"}]}, True),
        ({"notNull": [{"var": "payload.nothing"}]}, False),
        ({"isEmpty": {"var": "payload.nothing"}}, True),
        ({"moreThanXAgo": ["2026-02-20", {"amount": 1, "unit": "weeks"}]}, True),
        ({"moreThanXAgo": ["2026-02-22", {"amount": 1, "unit": "weeks"}]}, False),
        ({"some": [{"var": "payload.tags"}, {"==": [{"var": ""}, "b"]}]}, True),
        ({"missing": ["payload.n"]}, False),
        ({"if": [{"var": "payload.n"}, False, True]}, False),
        ({"map": [{"var": "payload.tags"}, {"map": [{"var": ""}, 1]}]}, True),  # loops within loops
        ({"rule": {"==": [{"var": "payload.tier"}, "free"]}, "id": "a1"}, False),  # in a rule builder's wrapper
        ({"rule": {"==": [{"var": "payload.tier"}, "pro"]}}, True),
    ],
)
def test_a_step_runs_when_its_rule_is_true(rule: dict[str, Any] | None, runs: bool) -> None:
    assert holds(rule) is runs


@pytest.mark.parametrize(
    "rule",
    [
        {"unknown": []},
        {"and": [True, {"unknown": []}]},
        {"some": [{"var": "payload.tags"}, {"constructor": [1]}]},
        {"a": 1, "b": 2},
        {"rule": "x", "id": "a1"},
        {"rule": {"unknown": 1}, "id": "a1"},
        {"var.x": 1},
    ],
)
def test_what_is_no_rule_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(TemplateError) as refused:
        Condition(rule, "steps.0.controlValues.skip")
    assert list(refused.value.fields) == ["steps.0.controlValues.skip"]


def nested(levels: int) -> dict[str, Any]:
    rule: dict[str, Any] = {"var": "payload.n"}
    for _ in range(levels - 1):
        rule = {"!": [rule]}
    return rule


def test_how_deep_a_rule_may_be_nested() -> None:
    assert holds(nested(MAX_DEPTH)) is False
    with pytest.raises(TemplateError, match="deeper than 32"):
        holds(nested(MAX_DEPTH + 1))


@pytest.mark.parametrize(
    ("rule", "paths"),
    [
        ({"==": [{"var": "payload.n"}, {"var": ["subscriber.phone", 1]}]}, {("payload", "n"), ("subscriber", "phone")}),
        ({"missing": ["steps.a.read", "payload.x"]}, {("steps", "a", "read"), ("payload", "x")}),
        ({"missing_some": [1, ["payload.x"]]}, {("payload", "x")}),
        ({"some": [{"var": "payload.tags"}, {"==": [{"var": "read"}, 1]}]}, {("payload", "tags")}),
        ({"var": {"cat": ["subscriber", ".phone"]}}, {()}),
        ({"var": ""}, {()}),
        ({"==": [1, 1]}, set()),
    ],
)
def test_what_a_rule_reads(rule: dict[str, Any], paths: set[tuple[str, ...]]) -> None:
    assert Condition(rule, "skip").paths == paths


def test_the_reason_shows_the_rule_and_its_variables_in_short() -> None:
    rule = {"and": [{"==": [{"var": "payload.tier"}, "free"]}, {"some": [{"var": "payload.long"}, {"var": "x"}]}]}
    reason = Condition(rule, "skip").explain({"payload": {"tier": "pro", "long": ["y" * 500]}})
    assert '{"and":[{"==":[{"var":"payload.tier"},"free"]},' in reason
    assert 'payload.tier = "pro", payload.long = ["yyy' in reason
    assert len(reason) < 400
    assert len(Condition({"or": ["x" * 9_000, *({"var": f"p.{n}"} for n in range(99))]}, "skip").explain({})) < 1_000


@pytest.mark.parametrize("rule", [{"*": []}, {"missing_some": [1]}])
def test_what_cannot_be_evaluated_is_an_error_of_the_step(rule: dict[str, Any]) -> None:
    with pytest.raises(RenderError, match="skip could not be rendered"):
        holds(rule)


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
        {"missing": ["a"] * 400},
        {"substr": ["é" * 20_000, 1, 2]},
        {"containsAny": [[2] * 100, [1] * 100]},
        {"notIn": [1, [2] * 400]},
        {"<": ["March 5, 2024", "March 4, 2024"]},
        {"withinLast": ["March 5, 2024", {"amount": 1, "unit": "days"}]},
    ],
)
def test_what_is_done_for_many_items_has_an_end(each: dict[str, Any]) -> None:
    with pytest.raises(RenderError, match="too much work"):
        holds({"none": [{"var": "payload.ones"}, {"and": [each, False]}]}, ONES)


@pytest.mark.parametrize(
    "rule",
    [
        {"map": [{"var": "payload.ones"}, {"some": [[0] * 400, {"var": ""}]}]},
        {"reduce": [{"var": "payload.ones"}, {"cat": [{"var": "accumulator"}, {"var": "accumulator"}]}, "x"]},
        {"reduce": [{"var": "payload.ones"}, {"merge": [{"var": "accumulator"}, {"var": "accumulator"}]}, [1]]},
        {"merge": [{"map": [{"var": "payload.ones"}, {"cat": ["y" * 9_000, {"var": ""}]}]}] * 10},
        {"containsAny": [{"var": "payload.ones"}, {"map": [{"var": "payload.ones"}, 2]}]},
        {"containsAny": ["x" * 60_000, {"map": [{"var": "payload.ones"}, "y"]}]},
    ],
)
def test_what_grows_or_loops_within_a_loop_has_an_end(rule: dict[str, Any]) -> None:
    with pytest.raises(RenderError, match="too much work"):
        holds({"==": [rule, 1]}, ONES)


def test_many_items_are_no_problem() -> None:
    assert holds({"none": [{"var": "payload.ones"}, {">": [{"var": ""}, 1]}]}, ONES)


def test_the_steps_that_a_rule_takes_depend_on_its_values_only() -> None:
    rule = {"some": [{"var": "payload.ones"}, {"==": [{"var": ""}, 2]}]}
    spent = []
    for count in (1_000, 1_000, 2_000):
        with working() as work:
            before = work.remaining
            Evaluation(NOW_MS).apply(rule, {"payload": {"ones": [1] * count}})
            spent.append(before - work.remaining)
    assert spent[0] == spent[1] < spent[2]
    assert spent[2] - spent[0] == 1_000 * ((spent[2] - spent[0]) // 1_000)


@pytest.mark.parametrize(
    ("rule", "least"),
    [
        ({"<": [{"var": "list"}, 1]}, 4 * 3_000),
        ({"+": [{"var": "text"}, 1]}, 30_000 // 20),
        ({"<": [{"var": "date"}, {"var": "date"}]}, 2 * 1_000),
        ({"var": "text.length"}, 30_000 // 500),
        ({"containsAny": [{"var": "text"}, ["2"]]}, 30_000 // 15),
    ],
)
def test_operands_are_paid_for_by_their_size(rule: Any, least: int) -> None:
    data = {"list": [[[1]]] * 1_000, "text": "1" * 30_000 + "x", "date": "()" * 100}
    with working() as work:
        granted = work.remaining
        Evaluation(0).apply(rule, data)
    assert granted - work.remaining >= least


@pytest.mark.parametrize("merged", ["accumulator", "current"])
def test_a_list_that_grows_within_itself_is_too_much_work(merged: str) -> None:
    both = {"merge": [[[{"var": "accumulator"}]], [{"var": merged}], {"var": "accumulator"}]}
    with working(), pytest.raises(TooMuchWork):
        Evaluation(0).apply({"reduce": [{"var": "list"}, both, []]}, {"list": [[1]] * 3_000})
