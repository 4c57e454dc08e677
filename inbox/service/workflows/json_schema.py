"""JSON Schema, draft 7, with what ajv adds to it: defaults, `nullable`, its formats and its words.

Schemas are the operator's and trusted; values are not. A compiled validator judges them: its patterns take linear time
and it remembers what it has judged, so no value makes it slow. Collecting what is wrong is another matter: each error
holds a copy of the part that is wrong, and there is one for each way that leads there. The size of the value bounds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson
from jsonschema_rs import Draft7Validator, RegexOptions, ValidationError, ValidationErrorKind

from inbox.rendering.javascript import number_text
from inbox.service.workflows.formats import FORMATS

MAX_PATTERN_BYTES = 1024 * 1024
"""Of a compiled pattern. Matching takes time in proportion to the text and to this."""
MAX_ENUM_OBJECTS = 100
"""Lists and objects in an `enum`, which are compared one by one; texts and numbers are looked up."""
MAX_COPIED = 100_000_000
"""What errors may hold: parts of a value, times its bytes, the weight of the schema and the ways to a part."""
BYTES_PER_KEYWORD = 10
COPIES_OF_NAMES = 25
"""An error of `propertyNames` holds the whole object again for each name."""
MAX_DEFAULTS = 100_000
"""Parts of a value and its schema that are looked at for defaults, and hundreds of bytes that these may have."""
BYTES_PER_STEP = 100

ALTERNATIVES = ("anyOf", "oneOf")
_SCHEMA = ("additionalItems", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else", "items")
_LISTED = ("allOf", "anyOf", "oneOf", "items")
_NAMED = ("properties", "patternProperties", "definitions", "$defs", "dependencies")

_NOT_JUDGED = ("$schema", "contentEncoding", "contentMediaType")
"""Keywords that ajv passes over."""
_NOT_OFFERED = frozenset({"formatMinimum", "formatMaximum", "formatExclusiveMinimum", "formatExclusiveMaximum"})

Path = list[str | int]


class SchemaInvalid(Exception):
    """What is no JSON Schema, or cannot be applied. The message says where and why."""


class ValueTooLarge(Exception):
    """A value and a schema take more steps than are granted to fill in the defaults."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a value. `name` is the property that is missing or not allowed."""

    path: Path
    message: str
    schema_path: Path
    name: str | None = None


class Schema:
    """A schema ready to complete and judge values."""

    def __init__(self, schema: Any) -> None:
        """Raise SchemaInvalid for what is no schema, refers outside itself, or has a pattern that is not linear."""
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
        """Return a copy of the value with the schema's defaults where it lacks them. Raise ValueTooLarge."""
        if not self._has_defaults:
            return value
        copied = orjson.loads(orjson.dumps(value))
        try:
            _Defaults(self._schema).fill(self._schema, copied)
        except RecursionError:  # a schema that refers to itself without end
            raise ValueTooLarge from None
        return copied

    def problems(self, value: Any) -> list[Problem]:
        """Return what is wrong: of a large value the first problem, of a very large one only that it does not match."""
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
        """Return how many ways there may be to a part of a value that is nested so deeply."""
        ways: int = max(self._alternatives, 1)
        return max(self._alternatives + self._references, 1) ** depth if self._references else ways

    def _first_error(self, value: Any) -> ValidationError:
        try:
            self._validator.validate(value)
        except ValidationError as error:
            return error
        raise AssertionError("the value fits")  # it did not a moment ago

    def _described(self, error: ValidationError, value: Any) -> Iterator[Problem]:
        """Yield what ajv says of an error of the library: of alternatives first what is wrong with each."""
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
            for name in _at(value, path):  # the error tells none of the names
                yield Problem(path, "must NOT have additional properties", schema_path, name)
        elif kind.name == "falseSchema":
            yield Problem(path, _message(error), [*schema_path, "false schema"])
        elif kind.name == "type":
            yield Problem(path, f"must be {self._types(schema_path) or ','.join(kind.value)}", schema_path)
        else:
            yield Problem(path, _message(error), schema_path, kind.value if kind.name == "required" else None)

    def _types(self, path: Path) -> str:
        """Return the types at a path of the schema as they are written there; without those that `nullable` adds."""
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
    """Return the part of the schema that a reference within it names; None for any other."""
    if not reference.startswith("#"):
        return None
    return _at(root, [step.replace("~1", "/").replace("~0", "~") for step in unquote(reference[1:]).split("/")[1:]])


def _at(schema: Any, path: Path) -> Any:
    """Return what stands at a path, None where there is none."""
    for step in path:
        try:
            schema = schema[int(step)] if isinstance(schema, list) else schema[step]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return schema


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema within a schema that is an object, itself first."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if not isinstance(part, dict):
            continue
        yield part
        waiting += [part[name] for name in _SCHEMA if name in part]
        waiting += [one for name in _LISTED if isinstance(part.get(name), list) for one in part[name]]
        waiting += [one for name in _NAMED if isinstance(part.get(name), dict) for one in part[name].values()]


def _adapted(schema: Any) -> Any:
    """Return a copy that means to the library what the schema means to ajv."""
    copied = orjson.loads(orjson.dumps(schema))
    for part in list(_parts(copied)):
        if part.get("nullable") is True and "type" in part:
            types = part["type"] if isinstance(part["type"], list) else [part["type"]]
            part["type"] = types if "null" in types else [*types, "null"]
        if "$ref" in part and len(part) > 1:  # draft 7 passes over what stands beside it, ajv does not
            part["allOf"] = [*part.get("allOf", ()), {"$ref": part.pop("$ref")}]
        for name in _NOT_JUDGED:
            part.pop(name, None)
    return copied


def _check_part(part: dict[str, Any]) -> None:
    """Raise SchemaInvalid for what ajv refuses and the library takes, and for what neither can do well."""
    values = part.get("enum")
    if values == []:
        raise SchemaInvalid("has an enum without values")
    if isinstance(values, list) and sum(isinstance(value, list | dict) for value in values) > MAX_ENUM_OBJECTS:
        raise SchemaInvalid(f"has an enum of more than {MAX_ENUM_OBJECTS} lists or objects")
    if not_offered := sorted(_NOT_OFFERED & part.keys()):
        raise SchemaInvalid(f"has {not_offered[0]}, which is not offered")


def _size(value: Any) -> tuple[int, int]:
    """Return how many values there are in a value, and how deep they are nested."""
    size, depth = 0, 0
    level = [value]
    while level:
        size += len(level)
        depth += 1
        level = [inner for part in level if isinstance(part, dict | list) for inner in _inside(part)]
    return size, depth


def _inside(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _message(error: ValidationError) -> str:
    kind = error.kind
    if kind.name == "uniqueItems":
        return "must NOT have duplicate items (items ## {} and {} are identical)".format(*_equal_pair(error.instance))
    make = _MESSAGES.get(kind.name)
    return make(kind.value) if make else "must match the schema"


def _equal_pair(items: Any) -> tuple[int, int]:
    """Return the index of the last item that equals an earlier one, after that of the nearest earlier one."""
    found, seen = (0, 0), dict[bytes, int]()
    for index, item in enumerate(items):
        text = orjson.dumps(_canonical(item), option=orjson.OPT_SORT_KEYS)
        if text in seen:
            found = (seen[text], index)
        seen[text] = index
    return found


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
    """Return where a schema is none, and why."""
    if isinstance(error.kind, ValidationErrorKind.Referencing):
        return "refers to what is not in it"
    if error.kind.name in ALTERNATIVES:
        return _schema_problem(error.kind.value[0][0])
    where = "/".join(["#", *map(str, error.instance_path)])
    if error.kind.name == "format" and error.kind.value == "regex":
        return f"{where} must be a regular expression without look-around and back-references, and not too large"
    return f"{where} {_message(error)}"
