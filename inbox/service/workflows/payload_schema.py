"""A workflow's JSON Schema for payloads: checked when it is stored, applied when the workflow is triggered."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import quote

from inbox.errors import PayloadInvalid, ValidationFailed, invalid
from inbox.models.json_values import JsonObject, JsonPath
from inbox.models.workflow import JsonSchema, Workflow
from inbox.service.workflows.json_schema import Problem, Schema, SchemaInvalid, ValueTooLarge
from inbox.service.workflows.payload_variables import complete_variables

CACHED_SCHEMAS = 1_024
MAX_ERRORS = 20
MAX_MESSAGE_LENGTH = 500


def check_schema(schema: JsonSchema | None) -> None:
    """Raise ValidationFailed, naming `payloadSchema`, for an invalid JSON Schema or one that cannot be applied."""
    if schema is None:
        return
    try:
        Schema(schema).complete({})
    except SchemaInvalid as error:
        raise _refused(str(error)) from None
    except ValueTooLarge:
        raise _refused("refers to itself without end") from None


def complete_payload(workflow: Workflow, payload: JsonObject) -> JsonObject:
    """Return the payload with the missing defaults of v1 steps' variables and of its schema.

    Raise PayloadInvalid if it does not match the schema, ValidationFailed (`payload`) if it has too many parts to
    fill in defaults, BadRequest if a required variable is missing.
    """
    if workflow.is_v1:
        payload = complete_variables(workflow, payload)
    if not workflow.validate_payload or not workflow.payload_schema:
        return payload
    try:
        schema = _schema(workflow)
        completed: JsonObject = schema.complete(payload)
    except SchemaInvalid as error:
        unusable = {"field": "", "message": f"the schema cannot be applied: {error}"[:MAX_MESSAGE_LENGTH]}
        raise PayloadInvalid([unusable], workflow.payload_schema) from None
    except ValueTooLarge:
        problem = f"payload has too many parts for the payload schema of {workflow.identifier}"
        raise invalid("payload", problem) from None
    if problems := schema.problems(completed):
        raise PayloadInvalid([_error(one, completed) for one in problems[:MAX_ERRORS]], workflow.payload_schema)
    return completed


@lru_cache(maxsize=CACHED_SCHEMAS)
def _schema(workflow: Workflow) -> Schema:
    return Schema(workflow.payload_schema)


def _refused(problem: str) -> ValidationFailed:
    return invalid("payloadSchema", f"payloadSchema {problem}"[:MAX_MESSAGE_LENGTH])


def _error(problem: Problem, payload: JsonObject) -> JsonObject:
    path = problem.path if problem.name is None else [*problem.path, problem.name]
    error: JsonObject = {
        "field": ".".join(map(str, path)),
        "message": problem.message[:MAX_MESSAGE_LENGTH],
        "schemaPath": schema_pointer(problem.schema_path),
    }
    value = _value_at(payload, path)
    return error if isinstance(value, dict | list) else error | {"value": value}


def schema_pointer(path: JsonPath) -> str:
    """Return a path within a schema as ajv writes it: a JSON pointer in a URI fragment."""
    steps = [quote(str(step).replace("~", "~0").replace("/", "~1"), safe="!~*'() ") for step in path]
    return "/".join(["#", *steps])


def _value_at(payload: Any, path: JsonPath) -> Any:
    """Return the value at a path; for a missing property its object."""
    for step in path:
        if isinstance(payload, dict) and step not in payload:
            break
        payload = payload[step]
    return payload
