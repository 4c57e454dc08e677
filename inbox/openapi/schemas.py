"""JSON Schemas of the types that the document names, in the form that generators of clients take."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, ClassVar, get_args

import msgspec

from inbox.models.credentials import Provider
from inbox.models.preference import Channel
from inbox.models.workflow import CollapseMode, Severity, StepType, Target, Unit
from inbox.routes.feed import Mark

Schema = dict[str, Any]

REFERENCE = "#/components/schemas/{name}"
WORDS = {
    "ChannelType": Channel,
    "CollapseMode": CollapseMode,
    "Mark": Mark,
    "ProviderId": Provider,
    "Severity": Severity,
    "StepType": StepType,
    "Target": Target,
    "Unit": Unit,
}
"""Words that many fields take: a component each, so that generators make one type of them."""
_NAMES = {frozenset(get_args(words)): name for name, words in WORDS.items()}


class OneOf:
    """A value of one of several types. msgspec cannot read such a union, so only documented types hold it."""

    options: ClassVar[tuple[Any, ...]] = ()


class Schemas:
    """The schemas of some types and, as `components`, of all that they refer to."""

    def __init__(self, types: Iterable[Any]) -> None:
        self._types = list(types)
        schemas, self.components = self._read()
        self._schemas = [_clean(schema) for schema in schemas]

    def of(self, kind: Any) -> Schema:
        """Return the schema of one of the types."""
        return self._schemas[self._types.index(kind)]

    def resolve(self, schema: Schema) -> Schema:
        """Return the component that a schema refers to, or the schema itself."""
        return self.components[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema

    def named(self, schema: Schema) -> Schema:
        """Return a schema of the query with the components of the words that it takes."""
        return schema if "default" in schema else _clean(schema)

    def _read(self) -> tuple[tuple[Schema, ...], dict[str, Schema]]:
        """Read the types again until the options of every union met are among them."""
        while True:
            unions: dict[str, type[OneOf]] = {}

            def refer(kind: type, unions: dict[str, type[OneOf]] = unions) -> Schema:
                unions[kind.__name__] = kind
                return {"$ref": REFERENCE.format(name=kind.__name__)}

            schemas, components = msgspec.json.schema_components(self._types, schema_hook=refer, ref_template=REFERENCE)
            options = [option for union in unions.values() for option in union.options]
            missing = [option for option in options if option not in self._types]
            if not missing:
                break
            self._types += missing
        for name, union in unions.items():
            any_of = [schemas[self._types.index(option)] for option in union.options]
            components[name] = {"title": name, "description": union.__doc__, "anyOf": any_of}
        for name, words in WORDS.items():
            components[name] = {"title": name, "type": "string", "enum": list(get_args(words))}
        return schemas, {name: _clean(schema) for name, schema in sorted(components.items())}


def _clean(schema: Schema) -> Schema:
    """Return the schema as generators need it, its parts too.

    - An array without `items` and an object without properties are closed or refused by generators: both are open.
    - A property with a `default` counts as required for openapi-typescript, in requests too: the default becomes text.
    - A TypedDict without a docstring has that of `dict`.
    """
    cleaned = {name: _clean_part(name, part) for name, part in schema.items()}
    if cleaned.get("type") == "array":
        cleaned.setdefault("items", {})
    if cleaned.get("type") == "object" and "properties" not in cleaned:
        cleaned.setdefault("additionalProperties", True)
    if "title" not in cleaned and (name := _NAMES.get(frozenset(map(str, cleaned.get("enum", ()))))):
        del cleaned["enum"]
        cleaned.pop("type", None)
        cleaned["$ref"] = REFERENCE.format(name=name)
    if not cleaned.get("required", True):
        del cleaned["required"]
    if all(isinstance(word, str) for word in cleaned.get("enum", [0])):
        cleaned.setdefault("type", "string")
    if "discriminator" in cleaned:
        cleaned["oneOf"] = cleaned.pop("anyOf")
    if str(cleaned.get("description", "")).startswith("dict("):
        del cleaned["description"]
    if cleaned.pop("default", None) is not None:
        text = f"Default: `{json.dumps(schema['default'])}`."
        cleaned["description"] = " ".join([*filter(None, [cleaned.get("description")]), text])
    return cleaned


def _clean_part(name: str, part: Any) -> Any:
    if name in ("properties", "$defs"):
        return {key: _clean(value) for key, value in part.items()}
    if name in ("examples", "enum", "const", "default", "discriminator"):
        return part
    if isinstance(part, dict):
        return _clean(part)
    if isinstance(part, list):
        return [_clean(item) if isinstance(item, dict) else item for item in part]
    return part
