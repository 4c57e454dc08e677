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


@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        ({"properties": {"a": {"pattern": "^(a+)+$"}}}, {"a": "a" * 40 + "!"}),
        ({"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False}, {"a" * 40 + "!": 1}),
        ({"properties": {"a": {"uniqueItems": True}}}, {"a": [{"n": n % 9_999} for n in range(10_000)]}),
        ({"properties": {"a": doubling(25)}, "definitions": doubling(25)["definitions"]}, {"a": 1}),
    ],
)
def test_no_schema_holds_the_process(schema: dict[str, Any], payload: dict[str, Any]) -> None:
    started = time.perf_counter()
    with pytest.raises(PayloadInvalid) as error:
        complete(schema, payload)
    assert len(error.value.detail()["errors"]) == 1
    assert time.perf_counter() - started < 1
