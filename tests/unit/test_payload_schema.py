"""Payload schemas: what is refused, what is filled in, and that no value can hold the process."""

from __future__ import annotations

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


def doubling(levels: int) -> dict[str, Any]:
    """Each definition asks for the next one twice: 2^levels references."""
    definitions = {str(level): {"allOf": [{"$ref": f"#/definitions/{level + 1}"}] * 2} for level in range(levels)}
    return {"$ref": "#/definitions/0", "definitions": {**definitions, str(levels): {}}}


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
        ({"id": "A1", "more": 1}, "more", "#/additionalProperties"),
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
        {"$ref": "#", "default": 1},
        {"properties": {"a": {"pattern": "(a{1000}){1000}"}}},
        {"enum": [{"n": number} for number in range(101)]},
        {"format": "date", "formatMinimum": "2026-01-01"},
    ],
)
def test_what_is_no_usable_schema_is_422(schema: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed) as error:
        check_schema(schema)
    assert list(error.value.fields) == ["payloadSchema"]


LOOP = {"properties": {"a": {"$ref": "#/properties/b"}, "b": {"allOf": [{"$ref": "#/properties/a"}]}}}


@pytest.mark.parametrize("schema", [None, {}, ORDER, {"$ref": "#/definitions/a", "definitions": {"a": {}}}, LOOP])
def test_usable_schemas(schema: dict[str, Any] | None) -> None:
    check_schema(schema)


def items(schema: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {"list": {"items": schema}}}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "strange"}, "#/type must be equal to one of the allowed values"),
        ({"properties": {"a": {"minimum": "x"}}}, "#/properties/a/minimum must be number"),
        ({"properties": {"a": {"pattern": "("}}}, "#/properties/a/pattern must be a regular expression"),
        ({"pattern": "^(?=.*[0-9]).{8,}$"}, "without look-around and back-references"),
        ({"$ref": "https://example.com/schema.json"}, "refers to what is not in it"),
        ({"required": ["a", "a"]}, "#/required must NOT have duplicate items (items ## 0 and 1 are identical)"),
        ({"$ref": "#", "default": 1}, "refers to itself without end"),
    ],
)
def test_the_refusal_says_where_and_why(schema: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationFailed) as error:
        check_schema(schema)
    assert words in error.value.fields["payloadSchema"][0]


def test_a_stored_schema_that_cannot_be_applied_is_told_to_who_triggers() -> None:
    with pytest.raises(PayloadInvalid) as error:
        complete({"properties": {"a": {"pattern": "(?=a)"}}}, {"a": "b"})
    assert "the schema cannot be applied: #/properties/a/pattern" in error.value.detail()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": "string", "format": "date-time"}, "tomorrow", 'must match format "date-time"'),
        ({"type": "string"}, 1, "must be string"),
        ({"type": ["string", "null"]}, True, "must be string,null"),
        ({"type": "string", "nullable": True}, 1, "must be string"),
        ({"type": "object", "required": ["x"]}, {}, "must have required property 'x'"),
        ({"minLength": 3}, "ab", "must NOT have fewer than 3 characters"),
        ({"minimum": 2.0}, 1, "must be >= 2"),
        ({"enum": ["a", None]}, "b", "must be equal to one of the allowed values"),
    ],
)
def test_messages_are_in_the_words_of_json(schema: dict[str, Any], value: Any, message: str) -> None:
    with pytest.raises(PayloadInvalid) as error:
        complete({"properties": {"a": schema}}, {"a": value})
    assert [problem["message"] for problem in error.value.detail()["errors"]] == [message]


def test_null_fits_what_is_nullable() -> None:
    assert complete({"properties": {"a": {"type": "string", "nullable": True}}}, {"a": None}) == {"a": None}


def test_defaults_are_filled_in_within_lists_and_references() -> None:
    schema = {
        "properties": {"lines": {"items": {"$ref": "#/definitions/line"}}},
        "definitions": {"line": {"properties": {"count": {"default": 1}, "tags": {"default": []}}}},
    }
    completed = complete(schema, {"lines": [{}, {"count": 2}]})
    assert completed == {"lines": [{"count": 1, "tags": []}, {"count": 2, "tags": []}]}
    assert completed["lines"][0]["tags"] is not completed["lines"][1]["tags"]


EVIL = "^(a|aa)+$"
EVIL_TEXT = "a" * 900_000 + "b"
NUMBERS = list(range(9_000))
TREE = {
    "properties": {"tree": {"$ref": "#/definitions/node"}},
    "definitions": {
        "node": {
            "anyOf": [
                {"type": "object", "properties": {"next": {"$ref": "#/definitions/node"}}, "required": [name]}
                for name in ("a", "b")
            ]
        }
    },
}


def nested(levels: int, innermost: Any = None) -> Any:
    value: Any = {} if innermost is None else innermost
    for _ in range(levels):
        value = {"next": value}
    return value


@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        ({"properties": {"a": {"pattern": EVIL}}}, {"a": EVIL_TEXT}),
        ({"patternProperties": {EVIL: {}}, "additionalProperties": False}, {EVIL_TEXT: 1}),
        (items({"not": {"pattern": EVIL}, "pattern": "^b"}), {"list": ["a" * 90 + "b"] * 9_000}),
        ({"properties": {"a": {"format": "email"}}}, {"a": "a" * 900_000 + "@"}),
        ({"properties": {"a": {"format": "url"}}}, {"a": "http://" + "a-" * 400_000}),
        ({"properties": {"a": {"format": "date-time"}}}, {"a": "T" * 900_000}),
        ({"properties": {"a": {"uniqueItems": True}}}, {"a": [{"n": n % 9_999} for n in range(10_000)]}),
        (items({"enum": [{"n": n} for n in range(100)]}), {"list": [{"n": -1}] * 9_000}),
    ],
)
def test_a_hostile_value_is_told_apart_in_linear_time(schema: dict[str, Any], payload: dict[str, Any]) -> None:
    """Each would take minutes with an engine that goes back, or a comparison of each with all."""
    assert refused(schema, payload)


TWICE = {
    "properties": {"tree": {"$ref": "#/definitions/node"}},
    "definitions": {
        "node": {
            "type": "object",
            "properties": {"next": {"$ref": "#/definitions/node"}},
            "patternProperties": {"^n": {"$ref": "#/definitions/node"}},
        }
    },
}


@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        (TREE, {"tree": nested(60)}),
        (TWICE, {"tree": nested(60, "no object")}),
        (items({"enum": NUMBERS}), {"list": [-1] * 9_000}),
        (items({"anyOf": [{"const": number} for number in range(1_500)]}), {"list": [-1] * 800}),
        ({"required": [f"k{number}" for number in range(400)]}, {"a": "x" * 1_000_000}),
    ],
)
def test_what_is_wrong_with_a_very_large_value_is_not_gone_through(
    schema: dict[str, Any], payload: dict[str, Any]
) -> None:
    """Collecting the errors of each would take seconds to ages, or all memory."""
    assert refused(schema, payload) == [("", "#")]


def test_of_a_large_value_the_first_problem_is_named() -> None:
    names = {"propertyNames": {"pattern": "^[a-z]+$"}}
    [first, *_] = refused(names, {f"k{number}": 1 for number in NUMBERS})
    assert first == ("", "#/propertyNames/pattern")
    assert refused(items({"type": "string"}), {"list": NUMBERS}) == [("list.0", "#/properties/list/items/type")]


def test_a_property_that_is_not_allowed_where_none_is_named() -> None:
    assert refused({"additionalProperties": False}, {"k": 1}) == [("k", "#/additionalProperties")]


def test_defaults_are_bounded_in_bytes() -> None:
    schema = items({"properties": {"a": {"default": "x" * 10_000}}})
    with pytest.raises(ValidationFailed):
        complete(schema, {"list": [{}] * 9_000})


@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        ({"properties": {"a": doubling(12)}, "definitions": doubling(12)["definitions"]}, {"a": 1}),
        (items({"anyOf": [{"const": number} for number in range(1_500)]}), {"list": [1_499] * 800}),
        (items({"oneOf": [{"const": number} for number in range(100)]}), {"list": [99] * 9_000}),
        (items({"allOf": [{"type": "string"}] * 1_000}), {"list": ["a"] * 2_000}),
        ({"patternProperties": {"a" * n: {} for n in range(1, 150)}}, {f"k{n}": 1 for n in NUMBERS}),
        ({"properties": {"list": {"allOf": [{"items": {}}] * 100}}}, {"list": NUMBERS}),
        ({"properties": {"list": {"allOf": [{"uniqueItems": True}] * 100}}}, {"list": NUMBERS}),
        (items({"not": {"required": [f"k{n}" for n in NUMBERS]}}), {"list": [{}] * 9_000}),
    ],
)
def test_a_large_value_that_fits_is_taken(schema: dict[str, Any], payload: dict[str, Any]) -> None:
    assert complete(schema, payload) == payload


def test_defaults_are_looked_for_in_so_many_parts_only() -> None:
    schema = items({"allOf": [{"properties": {"a": {"default": 1}}}] * 20})
    with pytest.raises(ValidationFailed) as error:
        complete(schema, {"list": [{}] * 9_000})
    assert error.value.fields == {"payload": ["payload has too many parts for the payload schema of w"]}


def test_the_largest_list_of_a_body_is_checked() -> None:
    lines = [{"sku": "A1", "n": n, "at": "2024-02-29T12:00:00Z"} for n in range(10_000)]
    properties = {"sku": {"type": "string"}, "n": {"type": "integer"}, "at": {"format": "date-time"}}
    part = {"type": "object", "required": ["sku"], "properties": properties}
    assert complete(items(part), {"list": lines}) == {"list": lines}


def test_the_values_of_an_enum_are_looked_up() -> None:
    assert complete(items({"enum": NUMBERS}), {"list": [8_999] * 9_000})


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (1, True),
        (1.0, True),
        (True, False),
        (0, False),
        (None, True),
        ("1", False),
        ("a", True),
        ([True], True),
        ([1], False),
        ({"a": 1}, True),
        ({"a": True}, False),
        ({"enum": [1]}, True),
    ],
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
