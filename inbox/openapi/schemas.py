"""JSON Schemas of the types in the document, in the form that client generators accept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Literal, get_args

import msgspec

from inbox.models.credentials import Provider
from inbox.models.documented import COMPONENTS, REFERENCE, OneOf
from inbox.models.workflow import ChannelType, CollapseMode, LinkTarget, Severity, Unit
from inbox.routes.feed import Mark
from inbox.steps import STEP_TYPES

SchemaObject = dict[str, Any]

WORDS = {
    "ChannelType": ChannelType,
    "CollapseMode": CollapseMode,
    "Mark": Mark,
    "ProviderId": Provider,
    "Severity": Severity,
    "StepType": Literal[tuple(STEP_TYPES)],
    "Target": LinkTarget,
    "Unit": Unit,
}
"""Enumerations that many fields share. Each is a component, so that generators make one type of it."""
_REFERENCED = re.compile(r'"\$ref":"#/components/schemas/(\w+)"')
_NAMES = {frozenset(get_args(words)): name for name, words in WORDS.items()}


class Schemas:
    """The schemas of some types and, as `components`, of all that they refer to."""

    def __init__(self, types: Iterable[Any]) -> None:
        self._types = list(types)
        schemas, self.components = self._read()
        self._schemas = [_clean(schema) for schema in schemas]

    def of(self, kind: Any) -> SchemaObject:
        return self._schemas[self._types.index(kind)]

    def resolve(self, schema: SchemaObject) -> SchemaObject:
        """Return the component that a schema refers to, or the schema itself if it refers to none."""
        return self.components[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema

    def named(self, schema: SchemaObject) -> SchemaObject:
        """Return the schema of a query parameter, with a reference in place of a shared enumeration."""
        return schema if "default" in schema else _clean(schema)

    def _read(self) -> tuple[tuple[SchemaObject, ...], dict[str, SchemaObject]]:
        """Read the schemas of the types, adding the types that `documented` fields refer to until none is missing."""
        unions: dict[str, OneOf] = {}
        while True:
            schemas, components = msgspec.json.schema_components(self._types, ref_template=REFERENCE)
            names = set(_REFERENCED.findall(msgspec.json.encode([schemas, components]).decode()))
            missing = [COMPONENTS[name] for name in sorted(names - components.keys() - unions.keys())]
            if not missing:
                break
            unions |= {kind.name: kind for kind in missing if isinstance(kind, OneOf)}
            for kind in missing:
                self._types += kind.options if isinstance(kind, OneOf) else [kind]
        for name, union in unions.items():
            any_of = [schemas[self._types.index(option)] for option in union.options]
            components[name] = {"title": name, "description": union.description, "anyOf": any_of}
        for name, words in WORDS.items():
            components[name] = {"title": name, "type": "string", "enum": list(get_args(words))}
        return schemas, {name: _clean(schema) for name, schema in sorted(components.items())}


def _clean(schema: SchemaObject) -> SchemaObject:
    """Return the schema and its parts as client generators need them.

    - Generators refuse or close an array without `items` and an object without properties: both are made open.
    - openapi-typescript takes a property with a `default` for required, in requests too: the default becomes text.
    - A TypedDict without a docstring has that of `dict`, which is dropped.
    - A `documented` field has the type of its reader beside the reference, which is dropped.
    """
    if "properties" in schema:
        required = [name for name, part in schema["properties"].items() if part.pop("x-required", False)]
        schema["required"] = [*schema["required"], *required]
    cleaned = {name: _clean_part(name, part) for name, part in schema.items()}
    if "$ref" in cleaned:
        cleaned.pop("type", None)
    if cleaned.get("type") == "array":
        cleaned.setdefault("items", {})
    if cleaned.get("type") == "object" and "properties" not in cleaned:
        cleaned.setdefault("additionalProperties", True)
    if cleaned.get("title") in WORDS and "enum" not in cleaned:  # registered with the step types
        return {"$ref": REFERENCE.format(name=cleaned["title"])}
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
