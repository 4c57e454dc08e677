"""The OpenAPI document: its paths and operations come from the routes, its schemas from the types."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import msgspec
import orjson
from msgspec.structs import FieldInfo, fields

from inbox import __version__
from inbox.http.operation import Operation, OperationRoute
from inbox.models import wire
from inbox.models.documented import REFERENCE
from inbox.openapi import examples
from inbox.openapi.schemas import SchemaObject, Schemas
from inbox.openapi.tags import TAGS
from inbox.routes import API_ROUTES

DESCRIPTION = """A self-hosted, real-time in-app notification inbox.

Backends send `Authorization: ApiKey <key>`, pages `Authorization: Bearer <token>` with the token of their session.
Every error has one shape (`ErrorReply`). A success is wrapped in `data` unless it is a page."""
PAGES = ("/v1/inbox/", "/v1/widgets/")
"""The paths that pages call with the token of their session."""
NOUNS = {
    "/v1/inbox/": "Inbox",
    "/v1/widgets/": "Widget",
    "/v1/subscribers/{subscriberId}/": "Subscriber",
    "/v2/subscribers/{subscriberId}/": "Subscriber",
    "/v1/subscribers/": "SubscriberV1",
    "/v2/subscribers/": "Subscriber",
    "/v1/workflows": "LegacyWorkflow",
    "/v1/notification-templates": "NotificationTemplate",
    "/v1/workflow-overrides/workflows/": "WorkflowOverrideOfTenant",
    "/v1/workflow-overrides/": "WorkflowOverride",
    "/v1/changes": "Changes",
    "/v1/layouts": "LayoutsV1",
}
"""Prefix of a path → the `{}` in the operationId of a handler with several paths; the first match counts."""
ERRORS_OF_ALL = (400, 401, 422, 429, 503)
ERRORS_OF_BODIES = (408, 413, 415)
ERROR_STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 415, 422, 429, 503)
API_KEY_SCHEME = {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`ApiKey <key>`"}
ETAG = {"description": "Names this answer: send it as `If-None-Match` with the next poll", "schema": {"type": "string"}}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of the answer that the client has: 304 if it still holds",
    "schema": {"type": "string"},
}
_PARAMETER = re.compile(r"\{(\w+)\}")


@lru_cache(maxsize=4)
def encoded_document(server: str = "/") -> bytes:
    """Return the document of the whole API as JSON; `server` is the base URL of its paths."""
    return orjson.dumps(build_document(API_ROUTES, server))


def build_document(routes: Iterable[OperationRoute], server: str = "/") -> SchemaObject:
    """Return the document of these routes.

    Raise LookupError for a tag without a description, and for a body or a path parameter without an example.
    """
    routes = list(routes)
    types = [kind for route in routes for kind in (route.operation.reply, route.operation.body) if kind is not None]
    schemas = Schemas([*types, wire.ErrorReply])
    paths: dict[str, SchemaObject] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _describe(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "inbox", "version": __version__, "description": DESCRIPTION},
        "servers": [{"url": server}],
        "tags": [
            {"name": tag, "description": examples.entry(TAGS, tag, "inbox/openapi/tags.py, TAGS")}
            for tag in dict.fromkeys(map(_tag, paths))
        ],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": {_error_name(status): _error(status, schemas) for status in ERROR_STATUSES},
            "securitySchemes": {
                "apiKey": API_KEY_SCHEME,
                "session": {"type": "http", "scheme": "bearer", "description": "The token of a session"},
            },
        },
    }


def _describe(route: OperationRoute, schemas: Schemas) -> SchemaObject:
    path, operation = route.path, route.operation
    summary, _, details = " ".join((operation.handler.__doc__ or "").split()).partition(".")
    body = None if operation.body_in_path and f"{{{operation.body_in_path}}}" in path else operation.body
    described: SchemaObject = {
        "operationId": _operation_id(path, operation.name),
        "tags": [_tag(path)],
        "summary": summary,
        "description": f"{summary}.{details}",
        "parameters": [
            *(_path_parameter(route.method.lower(), path, name) for name in _PARAMETER.findall(path)),
            *(_query_parameter(field, schemas) for field in (fields(operation.query) if operation.query else ())),
            *([IF_NONE_MATCH] if operation.is_poll else []),
        ],
        "responses": _responses(path, operation, body, schemas),
    }
    if body is not None:
        schema = schemas.of(body)
        content = {"application/json": {"schema": schema, "example": examples.body(body.__name__)}}
        described["requestBody"] = {"required": bool(schemas.resolve(schema).get("required")), "content": content}
    if not operation.is_open:
        described["security"] = [{"session": []} if path.startswith(PAGES) else {"apiKey": []}]
    return described


def _operation_id(path: str, name: str) -> str:
    if "{}" not in name:
        return name
    return name.format(next(noun for prefix, noun in NOUNS.items() if path.startswith(prefix)))


def _tag(path: str) -> str:
    """Return the first segment of a path after the version."""
    version, _, rest = path.strip("/").partition("/")
    return rest.partition("/")[0] or version


def _path_parameter(method: str, path: str, name: str) -> SchemaObject:
    description, example = examples.parameter(method, path, name)
    schema = {"type": "string", "minLength": 1}
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
        "example": example,
    }


def _query_parameter(field: FieldInfo, schemas: Schemas) -> SchemaObject:
    """Return a field of a query. A default of None or "" is not shown: it stands for an absent parameter."""
    schema = msgspec.json.schema(field.type)
    description = schema.pop("description")
    if "anyOf" in schema:
        [schema] = [option for option in schema["anyOf"] if option != {"type": "null"}]
    if "enum" in schema:
        schema = {"type": "string", "enum": [word for word in schema["enum"] if word is not None]}
    if field.default not in (msgspec.NODEFAULT, None, ""):
        schema["default"] = field.default
    return {
        "name": field.encode_name,
        "in": "query",
        "required": field.required,
        "description": description,
        "schema": schemas.named(schema),
        **({"style": "form", "explode": True} if schema.get("type") == "array" else {}),
    }


def _responses(path: str, operation: Operation, body: Any, schemas: Schemas) -> SchemaObject:
    successes: SchemaObject = {str(operation.status): _success(operation, schemas)}
    if operation.is_poll:
        successes[str(operation.status)]["headers"] = {"ETag": ETAG}
        successes["304"] = {"description": HTTPStatus(304).phrase}
    if operation.also:
        successes[str(operation.also)] = {"description": HTTPStatus(operation.also).phrase}
    errors = [*ERRORS_OF_ALL, *operation.errors]
    if "{" in path:
        errors.append(404)
    if body is not None:
        errors += ERRORS_OF_BODIES
    if operation.is_open:
        errors.remove(401)
    references = {
        str(status): {"$ref": f"#/components/responses/{_error_name(status)}"} for status in sorted(set(errors))
    }
    return successes | references


def _error_name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "")


def _error(status: int, schemas: Schemas) -> SchemaObject:
    content = {"schema": schemas.of(wire.ErrorReply), "example": examples.error(status)}
    return {"description": HTTPStatus(status).phrase, "content": {"application/json": content}}


def _success(operation: Operation, schemas: Schemas) -> SchemaObject:
    phrase = HTTPStatus(operation.status).phrase
    if operation.envelope == "none":
        return {"description": phrase}
    schema = _wrapped(operation, schemas)
    content = {"schema": schema, "example": examples.example_of(schema, schemas)}
    return {"description": phrase, "content": {"application/json": content}}


def _wrapped(operation: Operation, schemas: Schemas) -> SchemaObject:
    """Return a reference to the component of an answer in its envelope, or the bare answer's schema."""
    schema = schemas.of(operation.reply)
    if operation.envelope == "bare":
        return schema
    items, flag, cursor = {"type": "array", "items": schema}, {"type": "boolean"}, {"type": ["string", "null"]}
    count = {"type": "integer", "minimum": 0}
    page = {"data": items, "page": count, "pageSize": count}
    envelopes: dict[str, tuple[SchemaObject, SchemaObject]] = {
        "data": ({"data": schema}, {}),
        "list": ({"data": items}, {}),
        "page": ({**page, "hasMore": flag}, {"totalCount": count}),
        "items": ({**page, "totalCount": count}, {"hasMore": flag}),
        "cursor": (
            {"data": items, "next": cursor, "previous": cursor, "totalCount": count, "totalCountCapped": flag},
            {},
        ),
    }
    required, optional = envelopes[operation.envelope]
    content = schemas.resolve(schema)
    noun = str(content.get("title") or content["type"].title()).removesuffix("Reply")
    name = f"{noun}{'' if operation.envelope == 'data' else operation.envelope.title()}Response"
    schemas.components[name] = {
        "title": name,
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
    }
    return {"$ref": REFERENCE.format(name=name)}
