"""Conditions against json-logic-js with the operators of the original: the same value, or both give none."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from inbox.rendering.budget import working
from inbox.rendering.conditions import Condition
from inbox.rendering.javascript import UNDEFINED
from inbox.rendering.logic import LOOPS, OPERATORS, CannotEvaluate, Evaluation
from inbox.rendering.operators import OF_DATES, PLAIN
from inbox.rendering.templates import RenderError

from .engines import Result, run_node

pytestmark = pytest.mark.needs("node")

SEED = 20_260_115
NOW_MS = 1_772_281_845_678  # 2026-02-28T12:30:45.678Z: months and years run over here
RANDOM_RULES = 3_000

VALUES: list[Any] = [
    None, True, False, "true", "false", 0, 1, -1, 2, 10, 1.5, -0.5, 1e21, 9007199254740993, NOW_MS, "", " ", "0", "1",
    "2.0", "10", " 7 ", "-1", "0x10", "1e3", "abc", "pro", "3px", "ab,c", "é", "😀x", "length", "2024-01-01",
    "2026-02-28T12:30:45Z", "2026-01-31T10:00:00+02:00", "March 5, 2024", [], [0], [1, 2], ["1"], ["a", "b"],
    ["pro", None], [["a"], "b"], [2, 1, 3], {}, {"a": 1, "b": [1, 2]}, {"length": 2, "x": "y"},
]  # fmt: skip
"""Values of every kind. None is an object with one field: such a value is a rule to json-logic-js in two operators."""
SPANS: list[Any] = [
    {"amount": amount, "unit": unit}
    for unit in ("minutes", "hours", "days", "weeks", "months", "years", "seconds")
    for amount in (1, 2.5, 40)
]
DATES: list[Any] = [
    "2026-02-28T12:29:50Z", "2026-02-28T11:30:00Z", "2026-02-28T12:30:45.678Z", "2026-02-27", "2026-02-21T12:00:00Z",
    "2026-01-28T12:30:45.678Z", "2025-02-28T10:00:00Z", "2026-03-01", "1986-02-28", NOW_MS - 90_000, NOW_MS + 1, "",
    "x",
]  # fmt: skip
PATHS = ["a", "b", "a.0", "a.b", "a.length", "b.1", "items", "items.0.n", "items.1.tags", "none", "none.x", ""]
DATA = {
    "a": {"b": [1, 2], "n": "3"}, "b": ["x", "y"], "text": "😀ab", "zero": 0,
    "items": [{"n": 1, "tags": ["a"]}, {"n": "2", "tags": []}, {"n": None, "m": 1}, 4, "five", [6, 7]],
}  # fmt: skip


def case(rule: Any, data: Any = DATA) -> dict[str, Any]:
    """A case as Node reads it: no part of it is another one."""
    read: dict[str, Any] = json.loads(json.dumps({"rule": rule, "data": data, "now": NOW_MS}))
    return read


def pairs() -> list[dict[str, Any]]:
    """Every operator of two operands over every pair of values."""
    two = sorted(name for name, (_, count) in PLAIN.items() if count in (2, 3))
    rules = [{name: [{"var": "x"}, {"var": "y"}]} for name in two]
    return [case(rule, {"x": x, "y": y}) for rule in rules for x, y in itertools.product(VALUES, VALUES)]


def single() -> list[dict[str, Any]]:
    """Every operator with one operand, in a list and alone, with none, and with three of random values."""
    names = sorted(PLAIN.keys() | OF_DATES.keys())
    chooser = random.Random(SEED)
    found = [case({name: []}) for name in names]
    for name, value in itertools.product(names, VALUES):
        found += [case({name: [{"var": "x"}]}, {"x": value}), case({name: {"var": "x"}}, {"x": value})]
    for name in names:
        for _ in range(60):
            data = {key: chooser.choice(VALUES) for key in "xyz"}
            found.append(case({name: [{"var": "x"}, {"var": "y"}, {"var": "z"}]}, data))
    return found


def ranges_and_dates() -> list[dict[str, Any]]:
    limits = [[5, 10], [1, 1], [2, 1], [5], ["5", 10], [None, 1], "5", [-1, 1.5]]
    found = [
        case({name: [{"var": "x"}, limit]}, {"x": value})
        for name in ("between", "notBetween")
        for value, limit in itertools.product(VALUES, limits)
    ]
    for name, date, span in itertools.product(sorted(OF_DATES), [*DATES, *VALUES], SPANS):
        found.append(case({name: [{"var": "x"}, span]}, {"x": date}))
    amounts = [0, "1", 1e18, True, None]
    odd: list[Any] = [*({"amount": amount, "unit": "days"} for amount in amounts), None, [], "days", {}]
    odd.append({"amount": 1, "unit": "toString"})
    return found + [case({name: [DATES[0], span]}) for name in sorted(OF_DATES) for span in odd]


HAND_MADE: list[Any] = [
    None, True, "text", 1.5, [], [1, {"var": "zero"}], {}, {"a": 1, "b": {"var": "zero"}}, {"var": []}, {"var": None},
    {"var": [""]}, {"var": ["none", "default"]}, {"var": ["a.b", "default"]}, {"var": 0},
    {"var": ["none", {"var": "text"}]}, {"var": "text.length"}, {"var": "text.2"}, {"var": "b.01"}, {"var": "b.-1"},
    {"var": ["b", 1]}, {"var": {"cat": ["a", ".n"]}}, {"var": True}, {"var": 1.5}, {"var": ["items.2.n", "default"]},
    {"missing": []}, {"missing": "none"}, {"missing": ["none", "zero", "text"]},
    {"missing": [["none", "a.b"], "text"]}, {"missing": {"merge": ["none", {"if": [True, ["x", "y"], []]}]}},
    {"missing": [["none", ["z", 1]]]}, {"missing_some": [1, ["none", "text"]]},
    {"missing_some": [2, ["none", "text"]]}, {"missing_some": [1, []]}, {"missing_some": ["1", ["none"]]},
    {"missing_some": [1, "none"]}, {"missing_some": [1, None]}, {"missing_some": [1]}, {"missing_some": [1, 5]},
    {"missing_some": [None, ["none"]]}, {"missing_some": []}, {"if": []}, {"if": [True]}, {"if": [[], 1, 2]},
    {"if": [0, 1, "0", 2, 3]}, {"if": [0, 1]}, {"if": "x"}, {"?:": [[0], 1, 2]}, {"and": []}, {"and": [1, "", 2]},
    {"and": [1, [], 2]}, {"and": [1, [0]]}, {"or": []}, {"or": [0, [], "x"]}, {"or": [0, None]}, {"!": []},
    {"!": [[]]}, {"!": [[0]]}, {"!!": ["0"]}, {"!!": {}}, {"!!": [{"a": 1, "b": 2}]}, {"!!": [{"and": []}]},
    {"map": [{"var": "items"}, {"var": "n"}]}, {"map": [{"var": "items"}]}, {"map": []}, {"map": ["x", 1]},
    {"map": [{"var": "items"}, {"var": ""}]}, {"cat": {"map": [{"var": "b"}]}},
    {"map": [[1, [2]], {"*": [{"var": ""}, 2]}]}, {"filter": [{"var": "items"}, {">": [{"var": "n"}, 1]}]},
    {"filter": [{"var": "items"}]}, {"filter": ["x", True]},
    {"reduce": [[1, 2, 3], {"+": [{"var": "current"}, {"var": "accumulator"}]}, 0]}, {"reduce": [[1, 2]]},
    {"reduce": []}, {"reduce": [[1, 2, 3], {"+": [{"var": "current"}, {"var": "accumulator"}]}]},
    {"reduce": ["x", 1, 5]}, {"reduce": [[1, 2], {"and": []}, 1]}, {"all": [{"var": "items"}, {"var": ""}]},
    {"all": [[], True]}, {"all": ["x", True]}, {"all": [[1, 2]]}, {"none": [[], True]}, {"none": [None, True]},
    {"none": [[1, 2], {"<": [{"var": ""}, 2]}]}, {"some": [[], True]},
    {"some": [{"var": "items"}, {"in": ["a", {"var": "tags"}]}]}, {"some": [[1, [2]], {"some": [{"var": ""}, True]}]},
    {"merge": []}, {"merge": [1, [2, [3]], None]}, {"merge": {"a": 1, "b": 2}},
    {"cat": [1, None, True, [1, None, 2], {}]}, {"substr": ["jsonlogic", 4]}, {"substr": ["jsonlogic", -5]},
    {"substr": ["jsonlogic", 1, 3]}, {"substr": ["jsonlogic", 4, -2]}, {"substr": ["jsonlogic", 1, "-2"]},
    {"substr": ["😀ab", 1, 2]}, {"substr": [None, 1]}, {"substr": [12345, "1", "2"]}, {"substr": ["abc", 1, 0]},
    {"substr": ["abc", -9, 2]}, {"substr": ["abc", 9]}, {"substr": []}, {"substr": ["abc", 1, None]},
    {"+": ["3.14px", " 2 ", "Infinity"]}, {"+": []}, {"+": "5"}, {"+": [0.1, 0.2]}, {"*": []}, {"*": ["x"]},
    {"*": [2, "3x"]}, {"-": [0]}, {"-": ["5", 7]}, {"-": [1, None]}, {"-": []}, {"/": [1, 0]}, {"/": [-1, 0]},
    {"/": [0, 0]}, {"/": [1, {"-": [0]}]}, {"%": [5, 0]}, {"%": [-5, 5]}, {"%": [5.5, 2]}, {"%": ["7", "4"]},
    {"%": [{"/": [1, 0]}, 2]}, {"%": [2, {"/": [1, 0]}]}, {"min": []}, {"max": []}, {"max": [1, "x"]},
    {"min": [0, {"-": [0]}]}, {"max": [{"-": [0]}, 0]}, {"max": ["3", [4]]}, {"in": ["a", "abc"]}, {"in": ["", ""]},
    {"in": [None, "null"]}, {"in": [1, [1.0, "1"]]}, {"in": [[], [[]]]}, {"in": ["a"]},
    {"==": [{"var": "b"}, {"var": "b"}]}, {"=": [{"var": "b"}, {"var": "b"}]}, {"==": [[1, 2], [1, 2]]},
    {"===": [{"var": "a"}, {"var": "a"}]}, {"==": [{"var": "payload.count"}, 0]}, {"<=": [1, {"var": "zero"}, 3]},
    {"<=": [0, {"var": "zero"}, 0]}, {"<=": ["2024-01-01", "2025", "March 5, 2026"]}, {"<=": [False, "true", 1]},
    {"<=": [1, 2, None]}, {"log": "x"}, {"log": []}, {"null": [{"and": []}]}, {"isEmpty": [{"and": []}]},
]  # fmt: skip


def random_rules() -> list[dict[str, Any]]:
    """Operations within operations, loops within loops too."""
    chooser = random.Random(SEED)
    names = sorted(OPERATORS - {"log"})

    def operand(depth: int) -> Any:
        kind = chooser.random()
        if depth and kind < 0.55:
            return operation(depth - 1)
        if kind < 0.8:
            return {"var": chooser.choice(PATHS)}
        return [operand(0) for _ in range(chooser.randrange(3))] if depth and kind < 0.87 else chooser.choice(VALUES)

    def operation(depth: int) -> Any:
        name = chooser.choice(names)
        if name in LOOPS:
            lists = [{"var": "items"}, {"var": "b"}, {"var": ""}, [1, "2", None], operand(depth)]
            operands = [chooser.choice(lists), operand(depth)]
            return {name: [*operands, operand(0)] if name == "reduce" else operands}
        if name == "var":
            return {name: [chooser.choice(PATHS), operand(0)]}
        if name in OF_DATES:
            return {name: [operand(0), chooser.choice(SPANS)]}
        return {name: [operand(depth) for _ in range(chooser.randrange(1, 4))]}

    return [case(operation(3)) for _ in range(RANDOM_RULES)]


def hand_made() -> list[dict[str, Any]]:
    return [case(rule) for rule in HAND_MADE]


CORPUS = (pairs, single, ranges_and_dates, hand_made, random_rules)
"""What makes the cases of each part: tens of thousands, so no process makes those of a test that it does not run."""


def encoded(value: Any) -> Any:
    """A value as `rules.mjs` writes it; JavaScript's numbers are all doubles."""
    if value is UNDEFINED:
        return {"special": "undefined"}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _encoded_number(float(value))
    if isinstance(value, list):
        return [encoded(item) for item in value]
    return {name: encoded(item) for name, item in value.items()} if isinstance(value, dict) else value


def _encoded_number(number: float) -> Any:
    if math.isnan(number):
        return {"special": "NaN"}
    if math.isinf(number):
        return {"special": "Infinity" if number > 0 else "-Infinity"}
    return {"special": "-0"} if number == 0 and math.copysign(1, number) < 0 else number


def ours(one: dict[str, Any]) -> Any:
    """The value and whether it holds; None where the rule cannot be evaluated."""
    try:
        with working():
            value = Evaluation(one["now"]).apply(one["rule"], one["data"])
    except CannotEvaluate:
        return None
    holds = Condition({"or": [one["rule"]]}, "skip").holds(one["data"], one["now"])
    return {"given": encoded(value), "holds": holds}


def theirs(result: Result) -> Any:
    if result.error is not None:
        return None
    return {"given": encoded(result.value["given"]), "holds": result.value["holds"]}


@pytest.mark.parametrize("part", CORPUS, ids=lambda part: part.__name__)
def test_a_rule_gives_what_it_gives_in_the_original(part: Callable[[], list[dict[str, Any]]]) -> None:
    cases = part()
    results = run_node("rules.mjs", cases)
    different = [
        (one["rule"], one["data"], ours(one), theirs(result))
        for one, result in zip(cases, results, strict=True)
        if ours(one) != theirs(result)
    ]
    assert different == [], f"{len(different)} of {len(cases)}"


def test_every_operator_is_in_the_corpus() -> None:
    rules = [one["rule"] for part in CORPUS for one in part()]
    assert len(set(map(repr, rules))) > 1_500
    used = {name for rule in rules for name in _operators(rule)}
    assert used == OPERATORS


def _operators(rule: Any) -> set[str]:
    if isinstance(rule, list):
        return set().union(*map(_operators, rule))
    if not isinstance(rule, dict) or len(rule) != 1:
        return set()
    [(name, operands)] = rule.items()
    return {name} | _operators(operands)


VALUE_AS_RULE = {"cat": ["pro"]}
DIFFERENCES: list[tuple[dict[str, Any], bool, bool]] = [
    ({"=": [{"var": "value"}, "pro"]}, False, True),
    ({"!": {"missing": [[{"var": "value"}]]}}, False, True),
    ({"!!": {"var": "text.constructor"}}, False, True),
]
"""Rules whose truth differs: ours, then the original's. `docs/workflows.md` says why."""


def test_where_a_rule_differs_from_the_original() -> None:
    data = {"value": VALUE_AS_RULE, "pro": 1, "text": "x"}
    results = run_node("rules.mjs", [case(rule, data) for rule, _, _ in DIFFERENCES])
    for (rule, own, original), result in zip(DIFFERENCES, results, strict=True):
        assert Condition(rule, "skip").holds(data, NOW_MS) is own, rule
        assert (result.error, result.value["holds"] if result.value else None) == (None, original), rule


def test_what_throws_in_the_original_fails_the_step() -> None:
    for rule in ({"*": []}, {"missing_some": [1, None]}):
        assert run_node("rules.mjs", [case(rule)])[0].error
        with pytest.raises(RenderError):
            Condition(rule, "skip").holds(DATA, NOW_MS)
