"""What JSON can hold: values of YAML and TOML as the API would have read them."""

from __future__ import annotations

import datetime
import math
from typing import Any

import orjson
import pytest

from inbox.models.json_values import MAX_JSON_DEPTH, MAX_JSON_ITEMS, JsonValues, NotJson

LIMIT = 100_000


def read(value: Any) -> Any:
    return JsonValues(LIMIT).read(value)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize("number", [0, -1, 2**63 - 1, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**300, 0.5, True])
def test_a_number_is_what_the_parser_of_the_api_reads(number: float) -> None:
    parsed = orjson.loads(str(number).lower())
    result = read({"n": [number]})
    assert (result, type(result["n"][0])) == ({"n": [parsed]}, type(parsed))


def test_what_is_no_json_becomes_it_or_is_refused_by_its_path() -> None:
    day = datetime.date(2026, 1, 2)
    moment = datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC)
    assert read([day, moment, datetime.time(3)]) == ["2026-01-02", "2026-01-02T03:00:00Z", "03:00:00"]
    assert read({"\ud83d\ude00": "\ud83d\ude00 \u00e4"}) == {"\U0001f600": "\U0001f600 \u00e4"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (math.nan, "not a JSON number"),
        (-math.inf, "not a JSON number"),
        (10**400, "not a JSON number"),
        (b"x", "`bytes`"),
        ({"x"}, "`set`"),
        ("a\ud800", "surrogate"),
        ({"a\udc00": 1}, "surrogate"),
        ({1: "x"}, "the key 1"),
        ([0] * (MAX_JSON_ITEMS + 1), "items"),
        ("x" * LIMIT, "larger than"),
    ],
)
def test_what_is_refused_names_its_field(value: Any, words: str) -> None:
    with pytest.raises(NotJson, match=words) as refused:
        read({"fine": 1, "steps": [0, {"data": value}]})
    assert refused.value.field == "steps.1.data"


def test_depth_is_limited_as_in_requests() -> None:
    assert read(nested(MAX_JSON_DEPTH)) == nested(MAX_JSON_DEPTH)
    cycle: dict[str, Any] = {}
    cycle["a"] = cycle
    for value in (nested(MAX_JSON_DEPTH + 1), cycle):
        with pytest.raises(NotJson, match="deeper than 64 levels") as refused:
            read(value)
        assert refused.value.field == "a.a.a.a"


def test_aliases_count_as_often_as_they_stand_for_something() -> None:
    value: list[Any] = ["x"]
    for _ in range(60):
        value = [value, value]
    with pytest.raises(NotJson, match="larger than 100000 bytes"):
        read(value)
    values = JsonValues(10)
    assert values.read(["12345"]) == ["12345"]  # 7 of them
    with pytest.raises(NotJson, match="larger than"):
        values.read("12345")
