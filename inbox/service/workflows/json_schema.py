"""JSON Schema, draft 7, with what ajv adds to it: defaults, `nullable`, its formats and its words.

Schemas are the operator's and trusted; values are not. A compiled validator checks them: its patterns take linear time
and it caches its results, so no value makes it slow. Collecting errors is different: each error holds a copy of the
invalid part, and there is one for each way that leads there. So the size of the value bounds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any
from urllib.parse import unquote

import orjson
from jsonschema_rs import Draft7Validator, RegexOptions, ValidationError, ValidationErrorKind

from inbox.models.json_values import JsonPath
from inbox.rendering.javascript import number_text
from inbox.service.workflows.formats import FORMATS

MAX_PATTERN_BYTES = 1024 * 1024
"""Of a compiled pattern. The time of a match is proportional to the text and to this."""
MAX_ENUM_OBJECTS = 100
"""In an `enum`: they are compared one by one; texts and numbers are looked up."""
MAX_COPIED = 100_000_000
"""Of errors: parts of a value, times its bytes, the weight of the schema and the ways to a part."""
BYTES_PER_KEYWORD = 10
COPIES_OF_NAMES = 25
"""An error of `propertyNames` holds a copy of the whole object for each name."""
MAX_DEFAULTS = 100_000
"""Steps: parts of a value and its schema that are visited for defaults, and hundreds of bytes of the defaults."""
BYTES_PER_STEP = 100

ALTERNATIVES = ("anyOf", "oneOf")
_SCHEMA = ("additionalItems", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else", "items")
_LISTED = ("allOf", "anyOf", "oneOf", "items")
_NAMED = ("properties", "patternProperties", "definitions", "$defs", "dependencies")

_IGNORED = ("$schema", "contentEncoding", "contentMediaType")
"""Keywords that ajv ignores."""
_NOT_OFFERED = frozenset({"formatMinimum", "formatMaximum", "formatExclusiveMinimum", "formatExclusiveMaximum"})


class SchemaInvalid(Exception):
    """A JSON Schema is invalid or cannot be applied. The message says where and why."""


class ValueTooLarge(Exception):
    """A value and a schema take more than MAX_DEFAULTS steps to fill in defaults."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An error in a value. `name` is the property that is missing or not allowed."""

    path: JsonPath
    message: str
    schema_path: JsonPath
    name: str | None = None


class Schema:
    """A compiled schema."""

    def __init__(self, schema: Any) -> None:
        """Raise SchemaInvalid if it is no schema, refers outside itself, or has a pattern that is not linear."""
        self._schema = schema
        text = orjson.dumps(schema)
        self._has_defaults = b'"default"' in text
        parts = list(_parts(schema))
        for part in parts:
            _check_part(part)
        self._alternatives = sum(len(part.get(name, ())) for part in parts for name in ALTERNATIVES)
        self._references = sum("$ref" in part for part in parts)
        self._weight = 1 + len(text) // BYTES_PER_KEYWORD
        if any("propertyNames" in part for part in parts):
            self._weight *= COPIES_OF_NAMES
        options = RegexOptions(size_limit=MAX_PATTERN_BYTES)
        try:
            self._validator = Draft7Validator(
                _adapted(schema), formats=FORMATS, validate_formats=True, pattern_options=options, offline=True
            )
            self._validator.is_valid({})
        except ValidationError as error:
            raise SchemaInvalid(_schema_problem(error)) from None

    def complete(self, value: Any) -> Any:
        """Return a copy of the value with the missing defaults of the schema. Raise ValueTooLarge."""
        if not self._has_defaults:
            return value
        copied = orjson.loads(orjson.dumps(value))
        try:
            _Defaults(self._schema).fill(self._schema, copied)
        except RecursionError:  # a schema that refers to itself without end
            raise ValueTooLarge from None
        return copied

    def problems(self, value: Any) -> list[Problem]:
        """Return all problems; of a large value the first one, of a very large one only that it does not match."""
        if self._validator.is_valid(value):
            return []
        size, depth = _size(value)
        copied = len(orjson.dumps(value)) * self._weight * self._ways(depth)
        if copied * size <= MAX_COPIED:
            errors = self._validator.iter_errors(value)
            return [problem for error in errors for problem in self._described(error, value)]
        if copied <= MAX_COPIED:
            return list(self._described(self._first_error(value), value))
        return [Problem([], "must match the schema (it is too large to say where it does not)", [])]

    def _ways(self, depth: int) -> int:
        """Return how many ways there may be to a part of a value at that depth."""
        ways: int = max(self._alternatives, 1)
        return max(self._alternatives + self._references, 1) ** depth if self._references else ways

    def _first_error(self, value: Any) -> ValidationError:
        try:
            self._validator.validate(value)
        except ValidationError as error:
            return error
        raise AssertionError("the value is valid")  # `is_valid` said that it is not

    def _described(self, error: ValidationError, value: Any) -> Iterator[Problem]:
        """Yield the problems that ajv reports for an error of the library; for alternatives first those of each."""
        kind, path, schema_path = error.kind, error.instance_path, error.schema_path
        for branch in kind.value if kind.name in ALTERNATIVES else ():
            for inner in branch:
                yield from self._described(inner, value)
        if kind.name == "additionalProperties":
            for name in kind.value:
                yield Problem(path, "must NOT have additional properties", schema_path, name)
        elif kind.name == "propertyNames":
            yield from self._described(kind.value, value)
            yield Problem(path, "property name must be valid", schema_path)
        elif kind.name == "falseSchema" and schema_path[-1:] == ["additionalProperties"]:
            for name in _at(value, path):  # the error has no names
                yield Problem(path, "must NOT have additional properties", schema_path, name)
        elif kind.name == "falseSchema":
            yield Problem(path, _message(error), [*schema_path, "false schema"])
        elif kind.name == "type":
            yield Problem(path, f"must be {self._types(schema_path) or ','.join(kind.value)}", schema_path)
        else:
            yield Problem(path, _message(error), schema_path, kind.value if kind.name == "required" else None)

    def _types(self, path: JsonPath) -> str:
        """Return the types at a path of the schema, without those that `nullable` adds."""
        types = _at(self._schema, path)
        return types if isinstance(types, str) else ",".join(types or ())


class _Defaults:
    """Fills in defaults of `properties` and of listed `items`, in place, where ajv does: not within alternatives."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._steps = MAX_DEFAULTS

    def fill(self, schema: Any, value: Any) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise ValueTooLarge
        if not isinstance(schema, dict):
            return
        if isinstance(reference := schema.get("$ref"), str):
            self.fill(_referenced(self._root, reference), value)
        for part in schema.get("allOf", ()):
            self.fill(part, value)
        if isinstance(value, dict):
            self._fill_object(schema, value)
        elif isinstance(value, list):
            self._fill_list(schema.get("items"), value)

    def _fill_object(self, schema: dict[str, Any], value: dict[str, Any]) -> None:
        properties = schema.get("properties", {})
        for name, part in properties.items():
            if name not in value and isinstance(part, dict) and "default" in part:
                value[name] = self._copy(part["default"])
            if name in value:
                self.fill(part, value[name])
        for name, part in schema.get("dependencies", {}).items():
            if name in value:
                self.fill(part, value)
        others = schema.get("additionalProperties")
        if isinstance(others, dict) and "patternProperties" not in schema:
            for name in value.keys() - properties.keys():
                self.fill(others, value[name])

    def _copy(self, default: Any) -> Any:
        text = orjson.dumps(default)
        self._steps -= len(text) // BYTES_PER_STEP
        return orjson.loads(text)

    def _fill_list(self, items: Any, value: list[Any]) -> None:
        if not isinstance(items, list):
            for item in value:
                self.fill(items, item)
            return
        for index, part in enumerate(items):
            if index == len(value) and isinstance(part, dict) and "default" in part:
                value.append(self._copy(part["default"]))
            if index < len(value):
                self.fill(part, value[index])


def _referenced(root: Any, reference: str) -> Any:
    """Return the part of the schema that a local reference names; None for any other."""
    if not reference.startswith("#"):
        return None
    return _at(root, [step.replace("~1", "/").replace("~0", "~") for step in unquote(reference[1:]).split("/")[1:]])


def _at(schema: Any, path: JsonPath) -> Any:
    for step in path:
        try:
            schema = schema[int(step)] if isinstance(schema, list) else schema[step]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return schema


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema within a schema that is an object, itself first."""
    stack = [schema]
    while stack:
        part = stack.pop()
        if not isinstance(part, dict):
            continue
        yield part
        stack += [part[name] for name in _SCHEMA if name in part]
        stack += [one for name in _LISTED if isinstance(part.get(name), list) for one in part[name]]
        stack += [one for name in _NAMED if isinstance(part.get(name), dict) for one in part[name].values()]


def _adapted(schema: Any) -> Any:
    """Return a copy that the library reads as ajv reads the schema."""
    copied = orjson.loads(orjson.dumps(schema))
    for part in list(_parts(copied)):
        if part.get("nullable") is True and "type" in part:
            types = part["type"] if isinstance(part["type"], list) else [part["type"]]
            part["type"] = types if "null" in types else [*types, "null"]
        if "$ref" in part and len(part) > 1:  # draft 7 ignores its sibling keywords, ajv does not
            part["allOf"] = [*part.get("allOf", ()), {"$ref": part.pop("$ref")}]
        for name in _IGNORED:
            part.pop(name, None)
    return copied


def _check_part(part: dict[str, Any]) -> None:
    """Raise SchemaInvalid for what ajv refuses but the library accepts, and for what is slow or not supported."""
    values = part.get("enum")
    if values == []:
        raise SchemaInvalid("has an enum without values")
    if isinstance(values, list) and sum(isinstance(value, list | dict) for value in values) > MAX_ENUM_OBJECTS:
        raise SchemaInvalid(f"has an enum of more than {MAX_ENUM_OBJECTS} lists or objects")
    if not_offered := sorted(_NOT_OFFERED & part.keys()):
        raise SchemaInvalid(f"has {not_offered[0]}, which is not offered")


def _size(value: Any) -> tuple[int, int]:
    size, depth = 0, 0
    level = [value]
    while level:
        size += len(level)
        depth += 1
        lists = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list)]
        level = list(chain.from_iterable(lists))
    return size, depth


def _message(error: ValidationError) -> str:
    kind = error.kind
    if kind.name == "uniqueItems":
        return "must NOT have duplicate items (items ## {} and {} are identical)".format(*_equal_pair(error.instance))
    make = _MESSAGES.get(kind.name)
    return make(kind.value) if make else "must match the schema"


def _equal_pair(items: Any) -> tuple[int, int]:
    """Return the index of the last item that equals an earlier one, after that of the nearest earlier one."""
    pair, seen = (0, 0), dict[bytes, int]()
    for index, item in enumerate(items):
        text = orjson.dumps(_canonical(item), option=orjson.OPT_SORT_KEYS)
        if text in seen:
            pair = (seen[text], index)
        seen[text] = index
    return pair


def _canonical(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return {name: _canonical(item) for name, item in value.items()} if isinstance(value, dict) else value


def _bound(text: str) -> Callable[[Any], str]:
    return lambda limit: text.format(number_text(limit))


_MESSAGES: dict[str, Callable[[Any], str]] = {
    "type": lambda types: f"must be {','.join(types)}",
    "required": lambda name: f"must have required property '{name}'",
    "minLength": _bound("must NOT have fewer than {} characters"),
    "maxLength": _bound("must NOT have more than {} characters"),
    "minItems": _bound("must NOT have fewer than {} items"),
    "maxItems": _bound("must NOT have more than {} items"),
    "additionalItems": _bound("must NOT have more than {} items"),
    "minProperties": _bound("must NOT have fewer than {} properties"),
    "maxProperties": _bound("must NOT have more than {} properties"),
    "minimum": _bound("must be >= {}"),
    "maximum": _bound("must be <= {}"),
    "exclusiveMinimum": _bound("must be > {}"),
    "exclusiveMaximum": _bound("must be < {}"),
    "multipleOf": _bound("must be multiple of {}"),
    "pattern": lambda pattern: f'must match pattern "{pattern}"',
    "format": lambda name: f'must match format "{name}"',
    "enum": lambda _: "must be equal to one of the allowed values",
    "const": lambda _: "must be equal to constant",
    "anyOf": lambda _: "must match a schema in anyOf",
    "oneOf": lambda _: "must match exactly one schema in oneOf",
    "not": lambda _: "must NOT be valid",
    "contains": lambda _: "must contain at least 1 valid item(s)",
    "falseSchema": lambda _: "boolean schema is false",
}


def _schema_problem(error: ValidationError) -> str:
    if isinstance(error.kind, ValidationErrorKind.Referencing):
        return "refers to what is not in it"
    if error.kind.name in ALTERNATIVES:
        return _schema_problem(error.kind.value[0][0])
    where = "/".join(["#", *map(str, error.instance_path)])
    if error.kind.name == "format" and error.kind.value == "regex":
        return f"{where} must be a regular expression without look-around and back-references, and not too large"
    return f"{where} {_message(error)}"
