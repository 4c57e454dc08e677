"""The document itself: paths from the route table, operations from their table, schemas from the types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import msgspec
import orjson
from starlette.routing import BaseRoute, Route

from inbox import __version__
from inbox.openapi import replies
from inbox.openapi.operation import Operation
from inbox.openapi.operations import OPERATIONS
from inbox.routes import BROWSER_SIDE, HEALTH, SERVER_SIDE

Schema = dict[str, Any]

DESCRIPTION = """A self-hosted, real-time in-app notification inbox.

Backends send `Authorization: ApiKey <key>`, pages `Authorization: Bearer <token>` with the token of their session.
Every error has one shape (`ErrorReply`). A success is wrapped in `data` unless it is a page."""
PAGES = ("/v1/inbox/", "/v1/widgets/")
"""Where pages call, with the token of their session."""
ERRORS_OF_ALL = (400, 401, 422, 429, 503)
ERRORS_OF_BODIES = (408, 413, 415)
ERROR_STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 415, 422, 429, 503)
_PARAMETER = re.compile(r"\{(\w+)\}")
_REFERENCES = "#/components/schemas/{name}"


def operations(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str, Any]]:
    """(method, path, handler) of every plain route, in their order."""
    for route in routes:
        if isinstance(route, Route):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield method.lower(), route.path, route.endpoint


@lru_cache(maxsize=1)
def encoded_document() -> bytes:
    """The document of the whole API as JSON."""
    return orjson.dumps(build_document([*SERVER_SIDE, *BROWSER_SIDE, *HEALTH]))


def build_document(routes: Iterable[BaseRoute]) -> Schema:
    """The document of these routes. Raises KeyError for one whose handler has no operation."""
    listed = [(method, path, handler, OPERATIONS[handler]) for method, path, handler in operations(routes)]
    types = [one for *_, operation in listed for one in (operation.reply, operation.body) if one is not None]
    schemas, components = msgspec.json.schema_components([*types, replies.ErrorReply], ref_template=_REFERENCES)
    by_type = {id(one): schema for one, schema in zip([*types, replies.ErrorReply], schemas, strict=True)}
    paths: dict[str, Schema] = {}
    for method, path, handler, operation in listed:
        paths.setdefault(path, {})[method] = _describe(method, path, handler, operation, by_type)
    return {
        "openapi": "3.1.0",
        "info": {"title": "inbox", "version": __version__, "description": DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": {name: _plain(schema) for name, schema in components.items()},
            "responses": {f"E{status}": _error(status, by_type) for status in ERROR_STATUSES},
            "securitySchemes": {
                "apiKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`ApiKey <key>`",
                },
                "session": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _describe(method: str, path: str, handler: Any, operation: Operation, by_type: dict[int, Schema]) -> Schema:
    text = " ".join((handler.__doc__ or "").split())
    described: Schema = {
        "operationId": _operation_id(method, path),
        "tags": [_tag(path)],
        "summary": handler.__name__.replace("_", " "),
        "description": text.partition("→ ")[2] or text,
        "parameters": [*_path_parameters(path), *_query_parameters(operation)],
        "responses": _responses(path, operation, by_type),
    }
    if operation.body is not None:
        schema = by_type[id(operation.body)]
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if not operation.is_open:
        described["security"] = [{"session": []} if path.startswith(PAGES) else {"apiKey": []}]
    return described


def _operation_id(method: str, path: str) -> str:
    words = re.sub(r"[^A-Za-z0-9]+", "_", path).strip("_")
    return f"{method}_{words}"


def _tag(path: str) -> str:
    """The family: what follows the version."""
    version, _, rest = path.strip("/").partition("/")
    family = rest.partition("/")[0] or version
    return f"{family} (pages)" if f"{path}/".startswith(PAGES) else family


def _path_parameters(path: str) -> list[Schema]:
    schema = {"type": "string", "minLength": 1}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in _PARAMETER.findall(path)]


def _query_parameters(operation: Operation) -> list[Schema]:
    return [
        {
            "name": name,
            "in": "query",
            "required": bool(schema.get("required")),
            "schema": {key: value for key, value in schema.items() if key != "required"},
        }
        for name, schema in operation.query.items()
    ]


def _responses(path: str, operation: Operation, by_type: dict[int, Schema]) -> Schema:
    shown: Schema = {str(operation.status): _success(operation, by_type)}
    if operation.also:
        shown[str(operation.also)] = {"description": HTTPStatus(operation.also).phrase}
    errors = [*ERRORS_OF_ALL, *operation.errors]
    if "{" in path:
        errors.append(404)
    if operation.body is not None:
        errors += ERRORS_OF_BODIES
    if operation.is_open:
        errors.remove(401)
    return shown | {str(status): {"$ref": f"#/components/responses/E{status}"} for status in sorted(set(errors))}


def _error(status: int, by_type: dict[int, Schema]) -> Schema:
    content = {"application/json": {"schema": by_type[id(replies.ErrorReply)]}}
    return {"description": HTTPStatus(status).phrase, "content": content}


def _plain(schema: Schema) -> Schema:
    """A schema without the description that a TypedDict without a docstring takes from `dict`."""
    if str(schema.get("description", "")).startswith("dict("):
        return {name: value for name, value in schema.items() if name != "description"}
    return schema


def _success(operation: Operation, by_type: dict[int, Schema]) -> Schema:
    phrase = HTTPStatus(operation.status).phrase
    if operation.envelope == "none":
        return {"description": phrase}
    schema = _wrapped(operation, by_type[id(operation.reply)])
    return {"description": phrase, "content": {"application/json": {"schema": schema}}}


def _wrapped(operation: Operation, schema: Schema) -> Schema:
    listed = {"type": "array", "items": schema}
    count = {"type": "integer", "minimum": 0}
    flag = {"type": "boolean"}
    cursor = {"type": ["string", "null"]}
    fields: dict[str, Schema] = {
        "data": {"data": schema},
        "list": {"data": listed},
        "page": {"data": listed, "page": count, "pageSize": count, "hasMore": flag},
        "items": {"data": listed, "page": count, "pageSize": count, "totalCount": count},
        "cursor": {"data": listed, "next": cursor, "previous": cursor, "totalCount": count, "totalCountCapped": flag},
    }
    if operation.envelope == "bare":
        return schema
    properties = fields[operation.envelope]
    return {"type": "object", "properties": properties, "required": list(properties)}
