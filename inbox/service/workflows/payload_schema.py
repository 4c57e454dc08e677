"""A workflow's JSON Schema for payloads: judged when it is stored, applied when it is triggered.

Schemas come from whoever holds an API key, payloads from anywhere: what one asks of the other is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import orjson
import regex
from jsonschema import ValidationError
from referencing.exceptions import Unresolvable

from inbox.errors import PayloadInvalid, ValidationFailed, invalid
from inbox.models.workflow import JsonSchema, Workflow
from inbox.service.workflows.bounded_validator import (
    META_SCHEMA,
    check_pattern,
    check_size,
    errors,
    granted,
    validator,
)
from inbox.service.workflows.payload_variables import complete_variables
from inbox.work import TooMuchWork

CACHED_SCHEMAS = 1_024
MAX_ERRORS = 20
MAX_MESSAGE_LENGTH = 500


def check_schema(schema: JsonSchema | None) -> None:
    """Raises ValidationFailed, naming `payloadSchema`, for what is no JSON Schema or could not be applied."""
    if schema is None:
        return
    work = granted()
    try:
        check_size(schema, work)
        problems = errors(_meta_validator(), schema, 1, work)
        if problems:
            raise _refused(f"is not a JSON Schema: {problems[0].message[:MAX_MESSAGE_LENGTH]}")
        for pattern in _patterns(schema):
            check_pattern(pattern, work)
        errors(validator(schema), {}, 1, work)
    except regex.error as error:
        raise _refused(f"has a pattern that does not compile: {error}") from None
    except TooMuchWork:
        raise _refused("is too much work to check: it is too large, or refers to itself too often") from None
    except (Unresolvable, RecursionError):
        raise _refused("refers to what is not in it, or to itself without end") from None


def complete_payload(workflow: Workflow, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload with the defaults for what is missing: of v1 steps' variables, and of the schema if it is validated.

    Raises PayloadInvalid when it does not fit the schema, ValidationFailed (`payload`) when that takes too long to
    tell, BadRequest when a required variable is missing.
    """
    if workflow.is_v1:
        payload = complete_variables(workflow, payload)
    if not workflow.validate_payload or not workflow.payload_schema:
        return payload
    completed: dict[str, Any] = _with_defaults(workflow.payload_schema, payload)
    try:
        problems = errors(_workflow_validator(workflow), completed, MAX_ERRORS, granted())
    except TooMuchWork:
        problem = f"payload is too much work to check against the payload schema of {workflow.identifier}"
        raise invalid("payload", problem) from None
    except (Unresolvable, RecursionError, regex.error):
        unusable = {"field": "", "message": "the schema cannot be applied"}
        raise PayloadInvalid([unusable], workflow.payload_schema) from None
    if problems:
        raise PayloadInvalid([_problem(error) for error in problems], workflow.payload_schema)
    return completed


@lru_cache(maxsize=CACHED_SCHEMAS)
def _workflow_validator(workflow: Workflow) -> Any:
    return validator(workflow.payload_schema or {})


@lru_cache(maxsize=1)
def _meta_validator() -> Any:
    return validator(META_SCHEMA)


def _refused(problem: str) -> ValidationFailed:
    return invalid("payloadSchema", f"payloadSchema {problem}")


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
            completed[name] = orjson.loads(orjson.dumps(part["default"]))
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
