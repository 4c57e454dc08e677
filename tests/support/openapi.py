"""Values held to the schemas of the OpenAPI document."""

from __future__ import annotations

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
