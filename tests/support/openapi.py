"""Values held to the schemas of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

Json = dict[str, Any]
ADDRESS = "urn:document"


def validator(document: Json, schema: Json) -> Draft202012Validator:
    """Return a validator of a schema of the document, which refers to others by `#/components/…`."""
    registry: Registry[Any] = Registry().with_resource(ADDRESS, DRAFT202012.create_resource(document))
    rooted = {"$ref": f"{ADDRESS}{schema['$ref']}"} if "$ref" in schema else schema
    return Draft202012Validator(rooted, registry=registry)


def undocumented(document: Json, schema: Json, value: Any, name: str = "") -> set[str]:
    """Return the fields of a value that no part of its schema names; what is open takes any."""
    schemas = list(_parts(document, schema))
    if isinstance(value, list):
        items = [part["items"] for part in schemas if "items" in part]
        return {found for item in value for part in items[:1] for found in undocumented(document, part, item, name)}
    if not isinstance(value, dict) or any(part.get("additionalProperties") for part in schemas):
        return set()
    known = {field: part for one in schemas for field, part in one.get("properties", {}).items()}
    found = {f"{name}.{field}" for field in value.keys() - known.keys()}
    for field in value.keys() & known.keys():
        found |= undocumented(document, known[field], value[field], f"{name}.{field}")
    return found


def _parts(document: Json, schema: Json) -> Iterator[Json]:
    """Yield a schema without its references and unions."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    yield schema
    for option in [*schema.get("anyOf", []), *schema.get("oneOf", [])]:
        yield from _parts(document, option)
