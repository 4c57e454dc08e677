"""Payload schemas: what is refused, what is filled in, and that no schema can hold the process."""

from __future__ import annotations

import time
from itertools import count
from typing import Any

import pytest

from inbox.errors import PayloadInvalid, ValidationFailed
from inbox.models.workflow import Workflow
from inbox.service.workflows.payload_schema import check_schema, complete_payload

_revisions = count(1)  # validators are kept by revision
ORDER = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^A[0-9]+$"},
        "count": {"type": "integer", "default": 1, "minimum": 1},
        "address": {"type": "object", "default": {}, "properties": {"country": {"type": "string", "default": "GB"}}},
        "lines": {"type": "array", "items": {"type": "object", "required": ["sku"]}, "uniqueItems": True},
    },
    "required": ["id"],
    "additionalProperties": False,
}


def workflow(schema: Any, *, validates: bool = True, number: int = 0) -> Workflow:
    return Workflow("w", "w", "W", 0, number, validate_payload=validates, payload_schema=schema)


def complete(schema: Any, payload: dict[str, Any]) -> dict[str, Any]:
    return complete_payload(workflow(schema, number=next(_revisions)), payload)


def refused(schema: Any, payload: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(PayloadInvalid) as error:
        complete(schema, payload)
    detail = error.value.detail()
    assert (error.value.status, detail["type"], detail["schema"]) == (400, "PAYLOAD_VALIDATION_ERROR", schema)
    return [(problem["field"], problem["schemaPath"]) for problem in detail["errors"]]


def test_defaults_fill_what_is_missing_and_leave_the_payload_as_it_was() -> None:
    payload = {"id": "A1"}
    assert complete(ORDER, payload) == {"id": "A1", "count": 1, "address": {"country": "GB"}}
    assert payload == {"id": "A1"}
    assert complete(ORDER, {"id": "A1", "count": 2, "address": {"country": "FR"}})["count"] == 2
    assert ORDER["properties"]["address"]["default"] == {}  # type: ignore[index]


@pytest.mark.parametrize(
    ("payload", "field", "schema_path"),
    [
        ({}, "id", "#/required"),
        ({"id": "B1"}, "id", "#/properties/id/pattern"),
        ({"id": "A1", "count": 0}, "count", "#/properties/count/minimum"),
        ({"id": "A1", "count": "1"}, "count", "#/properties/count/type"),
        ({"id": "A1", "lines": [{"sku": 1}, {}]}, "lines.1.sku", "#/properties/lines/items/required"),
        ({"id": "A1", "lines": [{"sku": 1}, {"sku": 1}]}, "lines", "#/properties/lines/uniqueItems"),
        ({"id": "A1", "more": 1}, "", "#/additionalProperties"),
    ],
)
def test_what_does_not_fit_is_named(payload: dict[str, Any], field: str, schema_path: str) -> None:
    assert refused(ORDER, payload) == [(field, schema_path)]


def test_the_value_is_shown_and_errors_are_counted_to_twenty() -> None:
    schema = {"additionalProperties": {"type": "string"}}
    with pytest.raises(PayloadInvalid) as error:
        complete(schema, {f"f{number}": number for number in range(50)})
    problems = error.value.detail()["errors"]
    assert len(problems) == 20
    assert (problems[7]["field"], problems[7]["value"]) == ("f7", 7)


def test_a_schema_that_is_not_to_be_applied_changes_nothing() -> None:
    assert complete_payload(workflow(ORDER, validates=False), {}) == {}
    assert complete_payload(workflow(None), {}) == {}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strange"},
        {"properties": {"a": {"minimum": "x"}}},
        {"properties": {"a": {"pattern": "("}}},
        {"patternProperties": {"(": {}}},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "#/definitions/none"},
        {"$ref": "#"},
    ],
)
def test_what_is_no_usable_schema_is_422(schema: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed) as error:
        check_schema(schema)
    assert list(error.value.fields) == ["payloadSchema"]


@pytest.mark.parametrize("schema", [None, {}, ORDER, {"$ref": "#/definitions/a", "definitions": {"a": {}}}])
def test_usable_schemas(schema: dict[str, Any] | None) -> None:
    check_schema(schema)


def doubling(levels: int) -> dict[str, Any]:
    """Each definition asks for the next one twice: 2^levels references."""
    definitions = {
        str(level): {"allOf": [{"$ref": f"#/definitions/{level + 1}"}] * 2} for level in range(levels)
    }
    return {"$ref": "#/definitions/0", "definitions": {**definitions, str(levels): {}}}


def items(schema: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {"list": {"items": schema}}}


EVIL = "^(a|aa)+$"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
EVIL_TEXT = "a" * 60 + "b"
NUMBERS = list(range(9_000))


@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        ({"properties": {"a": {"pattern": EVIL}}}, {"a": EVIL_TEXT}),
        ({"patternProperties": {EVIL: {}}, "additionalProperties": False}, {EVIL_TEXT: 1}),
        ({"properties": {"a": doubling(25)}, "definitions": doubling(25)["definitions"]}, {"a": 1}),
        (items({"not": {"pattern": EVIL}}), {"list": ["a" * 25 + "b"] * 500}),
        ({"properties": {"a": {"$schema": DRAFT_7, "pattern": EVIL}}}, {"a": EVIL_TEXT}),
        (items({"anyOf": [{"const": number} for number in range(1_500)]}), {"list": [1_499] * 800}),
        (items({"allOf": [{"type": "string"}] * 1_000}), {"list": ["a"] * 2_000}),
        ({"patternProperties": {"a" * n: {} for n in range(1, 150)}}, {f"k{n}": 1 for n in NUMBERS}),
        ({"properties": {"list": {"allOf": [{"items": {}}] * 3_000}}}, {"list": NUMBERS}),
        ({"properties": {"list": {"allOf": [{"items": True}] * 3_000}}}, {"list": NUMBERS}),
        ({"properties": {"list": {"allOf": [{"uniqueItems": True}] * 3_000}}}, {"list": NUMBERS}),
        ({"allOf": [{"not": {"properties": {"list": {"type": "string"}}}}] * 3_000}, {"list": NUMBERS}),
        (items({"not": {"required": [f"k{n}" for n in NUMBERS]}}), {"list": [{}] * 9_000}),
    ],
)
def test_a_payload_that_takes_too_long_to_check_is_422(schema: dict[str, Any], payload: dict[str, Any]) -> None:
    started = time.thread_time()
    with pytest.raises(ValidationFailed) as error:
        complete(schema, payload)
    assert list(error.value.fields) == ["payload"]
    assert "too much work to check" in error.value.fields["payload"][0]
    assert time.thread_time() - started < 0.5


def test_many_items_are_unique_or_not_at_once() -> None:
    schema = {"properties": {"a": {"uniqueItems": True}}}
    assert refused(schema, {"a": [{"n": n % 9_999} for n in range(10_000)]}) == [("a", "#/properties/a/uniqueItems")]


def test_the_values_of_an_enum_are_looked_up_not_gone_through() -> None:
    started = time.thread_time()
    complete(items({"enum": NUMBERS}), {"list": [8_999] * 9_000})
    assert time.thread_time() - started < 1


@pytest.mark.parametrize(
    ("value", "fits"),
    [(1, True), (1.0, True), (True, False), (0, False), (None, True), ("1", False), ("a", True), ([True], True),
     ([1], False), ({"a": 1}, True), ({"a": True}, False), ({"enum": [1]}, True)],
)
def test_what_an_enum_takes_for_equal(value: Any, fits: bool) -> None:
    schema = {"properties": {"a": {"enum": [1, None, "a", [True], {"a": 1}, {"enum": [1]}]}}}
    if fits:
        assert complete(schema, {"a": value}) == {"a": value}
    else:
        assert refused(schema, {"a": value}) == [("a", "#/properties/a/enum")]


def test_a_property_may_be_called_like_a_keyword() -> None:
    schema = {"properties": {"enum": {"type": "string"}, "$schema": {"type": "string"}}, "required": ["enum"]}
    check_schema(schema)
    assert complete(schema, {"enum": "a", "$schema": "b"}) == {"enum": "a", "$schema": "b"}
    assert refused(schema, {"enum": 1}) == [("enum", "#/properties/enum/type")]


def test_as_many_items_as_fit_a_message_are_checked() -> None:
    lines = [{"sku": "A1", "n": n} for n in range(2_500)]
    part = {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}, "n": {"type": "integer"}}}
    assert complete(items(part), {"list": lines}) == {"list": lines}


@pytest.mark.parametrize(
    "schema",
    [
        {"pattern": "(a|b)" * 100_000},
        {"allOf": [{"pattern": f"(a|b){n}[a-z]"} for n in range(3_000)]},
        {"anyOf": [{"const": n} for n in range(20_000)]},
        {"required": [f"k{n}" for n in range(90_000)]},
        {"definitions": doubling(25)["definitions"], "allOf": [doubling(25)]},
    ],
)
def test_a_schema_that_takes_too_long_to_check_is_422(schema: dict[str, Any]) -> None:
    started = time.thread_time()
    with pytest.raises(ValidationFailed) as error:
        check_schema(schema)
    assert "too much work to check" in error.value.fields["payloadSchema"][0]
    assert time.thread_time() - started < 0.5
