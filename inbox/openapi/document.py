"""The document itself: paths from the route table, operations from their table, schemas from the types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import orjson
from starlette.routing import BaseRoute, Route

from inbox import __version__
from inbox.openapi import examples, replies
from inbox.openapi.operation import Operation
from inbox.openapi.operations import OPERATIONS
from inbox.openapi.schemas import REFERENCE, Schema, Schemas
from inbox.openapi.tags import TAGS
from inbox.routes import BROWSER_SIDE, HEALTH, SERVER_SIDE

DESCRIPTION = """A self-hosted, real-time in-app notification inbox.

Backends send `Authorization: ApiKey <key>`, pages `Authorization: Bearer <token>` with the token of their session.
Every error has one shape (`ErrorReply`). A success is wrapped in `data` unless it is a page."""
PAGES = ("/v1/inbox/", "/v1/widgets/")
"""Where pages call, with the token of their session."""
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
"""Beginning of a path → what a handler of several paths serves there; the first that fits counts."""
ERRORS_OF_ALL = (400, 401, 422, 429, 503)
ERRORS_OF_BODIES = (408, 413, 415)
ERROR_STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 415, 422, 429, 503)
_PARAMETER = re.compile(r"\{(\w+)\}")


def operations(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str, Any]]:
    """(method, path, handler) of every plain route, in their order."""
    for route in routes:
        if isinstance(route, Route):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield method.lower(), route.path, route.endpoint


@lru_cache(maxsize=4)
def encoded_document(server: str = "/") -> bytes:
    """Return the document of the whole API as JSON; `server` is the address that its paths follow."""
    return orjson.dumps(build_document([*SERVER_SIDE, *BROWSER_SIDE, *HEALTH], server))


def build_document(routes: Iterable[BaseRoute], server: str = "/") -> Schema:
    """Return the document of these routes. Raise KeyError for one whose handler has no operation, or family no tag."""
    listed = [(method, path, handler, OPERATIONS[handler]) for method, path, handler in operations(routes)]
    types = [one for *_, operation in listed for one in (operation.reply, operation.body) if one is not None]
    schemas = Schemas([*types, replies.ErrorReply])
    paths: dict[str, Schema] = {}
    for method, path, handler, operation in listed:
        paths.setdefault(path, {})[method] = _describe(method, path, handler, operation, schemas)
    families = dict.fromkeys(_tag(path) for path in paths)
    return {
        "openapi": "3.1.0",
        "info": {"title": "inbox", "version": __version__, "description": DESCRIPTION},
        "servers": [{"url": server}],
        "tags": [{"name": family, "description": TAGS[family]} for family in families],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": {_error_name(status): _error(status, schemas) for status in ERROR_STATUSES},
            "securitySchemes": {
                "apiKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`ApiKey <key>`",
                },
                "session": {"type": "http", "scheme": "bearer", "description": "The token of a session"},
            },
        },
    }


def _describe(method: str, path: str, handler: Any, operation: Operation, schemas: Schemas) -> Schema:
    body = None if operation.body_in_path and f"{{{operation.body_in_path}}}" in path else operation.body
    described: Schema = {
        "operationId": _operation_id(path, operation.name),
        "tags": [_tag(path)],
        "summary": operation.summary,
        "description": _description(handler, operation),
        "parameters": [*_path_parameters(method, path), *_query_parameters(operation, schemas)],
        "responses": _responses(path, operation, body, schemas),
    }
    if body is not None:
        schema = schemas.of(body)
        content = {"application/json": {"schema": schema, "example": examples.BODIES[body]}}
        described["requestBody"] = {"required": bool(schemas.resolve(schema).get("required")), "content": content}
    if not operation.is_open:
        described["security"] = [{"session": []} if path.startswith(PAGES) else {"apiKey": []}]
    return described


def _description(handler: Any, operation: Operation) -> str:
    """Return the summary and what the handler's docstring says of the answer, behind its arrow."""
    told = " ".join((handler.__doc__ or "").split()).partition("→ ")[2]
    return f"{operation.summary}. Answers {told}" if told else f"{operation.summary}."


def _operation_id(path: str, name: str) -> str:
    if "{}" not in name:
        return name
    return name.format(next(noun for beginning, noun in NOUNS.items() if path.startswith(beginning)))


def _tag(path: str) -> str:
    """The family: what follows the version."""
    version, _, rest = path.strip("/").partition("/")
    return rest.partition("/")[0] or version


def _path_parameters(method: str, path: str) -> list[Schema]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": examples.parameter(method, path, name)[0],
            "schema": {"type": "string", "minLength": 1},
            "example": examples.parameter(method, path, name)[1],
        }
        for name in _PARAMETER.findall(path)
    ]


def _query_parameters(operation: Operation, schemas: Schemas) -> list[Schema]:
    return [
        {
            "name": name,
            "in": "query",
            "required": bool(schema.get("required")),
            "description": examples.QUERY[name],
            "schema": schemas.named({key: value for key, value in schema.items() if key != "required"}),
            **({"style": "form", "explode": True} if schema.get("type") == "array" else {}),
        }
        for name, schema in operation.query.items()
    ]


def _responses(path: str, operation: Operation, body: Any, schemas: Schemas) -> Schema:
    shown: Schema = {str(operation.status): _success(operation, schemas)}
    if operation.also:
        shown[str(operation.also)] = {"description": HTTPStatus(operation.also).phrase}
    errors = [*ERRORS_OF_ALL, *operation.errors]
    if "{" in path:
        errors.append(404)
    if body is not None:
        errors += ERRORS_OF_BODIES
    if operation.is_open:
        errors.remove(401)
    named = {str(status): {"$ref": f"#/components/responses/{_error_name(status)}"} for status in sorted(set(errors))}
    return shown | named


def _error_name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "")


def _error(status: int, schemas: Schemas) -> Schema:
    schema, example = schemas.of(replies.ErrorReply), examples.error(status)
    return {
        "description": HTTPStatus(status).phrase,
        "content": {"application/json": {"schema": schema, "example": example}},
    }


def _success(operation: Operation, schemas: Schemas) -> Schema:
    phrase = HTTPStatus(operation.status).phrase
    if operation.envelope == "none":
        return {"description": phrase}
    schema = _wrapped(operation, schemas)
    content = {"schema": schema, "example": examples.example_of(schema, schemas)}
    return {"description": phrase, "content": {"application/json": content}}


def _wrapped(operation: Operation, schemas: Schemas) -> Schema:
    """Return the schema of an answer in its envelope, which is a component that every such answer shares."""
    schema = schemas.of(operation.reply)
    if operation.envelope == "bare":
        return schema
    listed = {"type": "array", "items": schema}
    count = {"type": "integer", "minimum": 0}
    flag = {"type": "boolean"}
    cursor = {"type": ["string", "null"]}
    page = {"page": count, "pageSize": count}
    envelopes: dict[str, tuple[Schema, Schema]] = {
        "data": ({"data": schema}, {}),
        "list": ({"data": listed}, {}),
        "page": ({"data": listed, **page, "hasMore": flag}, {"totalCount": count}),
        "items": ({"data": listed, **page, "totalCount": count}, {"hasMore": flag}),
        "cursor": (
            {"data": listed, "next": cursor, "previous": cursor, "totalCount": count, "totalCountCapped": flag},
            {},
        ),
    }
    required, optional = envelopes[operation.envelope]
    name = f"{_content_name(operation, schemas)}{'' if operation.envelope == 'data' else operation.envelope.title()}"
    schemas.components[f"{name}Response"] = {
        "title": f"{name}Response",
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
    }
    return {"$ref": REFERENCE.format(name=f"{name}Response")}


def _content_name(operation: Operation, schemas: Schemas) -> str:
    schema = schemas.resolve(schemas.of(operation.reply))
    return str(schema.get("title") or schema["type"].title()).removesuffix("Reply")
