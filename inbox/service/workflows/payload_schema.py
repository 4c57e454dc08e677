"""A workflow's JSON Schema for payloads: judged when it is stored, applied when it is triggered.

Schemas come from whoever holds an API key, payloads from anywhere: references are never fetched, patterns run against a
clock, and resolving references has a budget, so that no schema can hold the process.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import orjson
import regex
from jsonschema import Draft7Validator, SchemaError, ValidationError, validators
from referencing import Registry
from referencing.exceptions import Unresolvable

from inbox.errors import PayloadInvalid, invalid
from inbox.models.workflow import JsonSchema, Workflow
from inbox.service.workflows.payload_variables import complete_variables

CACHED_SCHEMAS = 1_024
MAX_ERRORS = 20
MAX_MESSAGE_LENGTH = 500
MAX_REFERENCES = 1_000
PATTERN_SECONDS = 0.05

_references: ContextVar[int] = ContextVar("references")


class _TooMuch(Exception):
    """The schema asks for more than is granted."""


def check_schema(schema: JsonSchema | None) -> None:
    """Raises ValidationFailed, naming `payloadSchema`, for what is no JSON Schema or could not be applied."""
    if schema is None:
        return
    try:
        Draft7Validator.check_schema(schema)
        for pattern in _patterns(schema):
            _compile(pattern)
        _run(_validator(schema), {})
    except SchemaError as error:
        problem = error.message[:MAX_MESSAGE_LENGTH]
        raise invalid("payloadSchema", f"payloadSchema is not a JSON Schema: {problem}") from None
    except regex.error as error:
        raise invalid("payloadSchema", f"payloadSchema has a pattern that does not compile: {error}") from None
    except (Unresolvable, RecursionError, _TooMuch):
        raise invalid("payloadSchema", "payloadSchema refers to what is not in it, or to itself without end") from None


def complete_payload(workflow: Workflow, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload with the defaults for what is missing: of v1 steps' variables, and of the schema if it is validated.

    Raises PayloadInvalid when it does not fit the schema, BadRequest when a required variable is missing.
    """
    if workflow.is_v1:
        payload = complete_variables(workflow, payload)
    if not workflow.validate_payload or not workflow.payload_schema:
        return payload
    completed: dict[str, Any] = _with_defaults(workflow.payload_schema, payload)
    try:
        problems = _run(_workflow_validator(workflow), completed)
    except (Unresolvable, RecursionError, _TooMuch, regex.error):
        problem = {"field": "", "message": "the schema cannot be applied"}
        raise PayloadInvalid([problem], workflow.payload_schema) from None
    if problems:
        raise PayloadInvalid([_problem(error) for error in problems], workflow.payload_schema)
    return completed


@lru_cache(maxsize=CACHED_SCHEMAS)
def _workflow_validator(workflow: Workflow) -> Any:
    return _validator(workflow.payload_schema or {})


def _validator(schema: JsonSchema) -> Any:
    # a registry of its own: without one the library fetches what a schema refers to
    return _Validator(schema, registry=Registry())


def _run(validator: Any, payload: dict[str, Any]) -> list[ValidationError]:
    token = _references.set(0)
    try:
        problems: list[ValidationError] = []
        for error in validator.iter_errors(payload):
            problems.append(error)
            if len(problems) == MAX_ERRORS:
                break
        return problems
    finally:
        _references.reset(token)


def _problem(error: ValidationError) -> dict[str, Any]:
    """One error of the reply: the dotted path of the field, and what is wrong with it."""
    path = [str(part) for part in error.absolute_path]
    if error.validator == "required":
        path.append(next((name for name in error.validator_value if name not in error.instance), ""))
    problem: dict[str, Any] = {
        "field": ".".join(path),
        "message": error.message[:MAX_MESSAGE_LENGTH],
        "schemaPath": "#/" + "/".join(str(part) for part in error.absolute_schema_path),
    }
    if error.validator != "required" and not isinstance(error.instance, dict | list):
        problem["value"] = error.instance
    return problem


def _with_defaults(schema: Any, value: Any) -> Any:
    """A copy of the value with the defaults of the schema's `properties` where a property is missing."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or not isinstance(value, dict):
        return value
    completed = dict(value)
    for name, part in properties.items():
        if not isinstance(part, dict):
            continue
        if name not in completed and "default" in part:
            completed[name] = copy.deepcopy(part["default"])
        if name in completed:
            completed[name] = _with_defaults(part, completed[name])
    return completed


def _patterns(schema: Any) -> Iterator[str]:
    """Every pattern anywhere in a schema."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if isinstance(pattern := part.get("pattern"), str):
                yield pattern
            if isinstance(by_pattern := part.get("patternProperties"), dict):
                yield from by_pattern
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


@lru_cache(maxsize=CACHED_SCHEMAS)
def _compile(pattern: str) -> Any:
    return regex.compile(pattern)


def _matches(pattern: str, text: str) -> bool:
    try:
        return _compile(pattern).search(text, timeout=PATTERN_SECONDS) is not None
    except TimeoutError:
        raise _TooMuch from None


def _reference(validator: Any, ref: str, instance: Any, _: Mapping[str, Any]) -> Iterator[ValidationError]:
    count = _references.get() + 1
    if count > MAX_REFERENCES:
        raise _TooMuch
    _references.set(count)
    yield from validator._validate_reference(ref=ref, instance=instance)


def _pattern(_: Any, pattern: str, instance: Any, __: Mapping[str, Any]) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, by_pattern: Mapping[str, Any], instance: Any, _: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, part in by_pattern.items():
        for name, value in instance.items():
            if _matches(pattern, name):
                yield from validator.descend(value, part, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, rest: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """As the library, with our way of matching patterns."""
    if not isinstance(instance, dict):
        return
    properties, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    extra = [
        name
        for name in instance
        if name not in properties and not any(_matches(pattern, name) for pattern in patterns)
    ]
    if rest is False and extra:
        yield ValidationError(f"additional properties are not allowed: {', '.join(sorted(extra))}")
    elif isinstance(rest, dict):
        for name in extra:
            yield from validator.descend(instance[name], rest, path=name)


def _unique_items(_: Any, unique: bool, instance: Any, __: Mapping[str, Any]) -> Iterator[ValidationError]:
    """By the items' JSON: the library compares every item with every other."""
    if unique and isinstance(instance, list):
        texts = {orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in instance}
        if len(texts) < len(instance):
            yield ValidationError("the items are not unique")


_Validator = validators.extend(
    Draft7Validator,
    {
        "$ref": _reference,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
    },
)
