"""Operations: each handler of `inbox/routes/` with its paths, parameters and answer.

`@operation` decorates the handlers. It makes their routes, reads their parameters, and keeps what the OpenAPI document
shows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from types import ModuleType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from inbox.http.auth import ApiCaller, SessionCaller, authenticate, authenticate_session
from inbox.http.queries import read_query
from inbox.http.requests import BODY_LIMIT_BYTES, read_body
from inbox.http.responses import Data
from inbox.http.target import Target, target_of
from inbox.models import wire
from inbox.store.connection.wire import limit_waiting

RouteHandler = Callable[..., Awaitable[Response]]
Reader = Callable[[Request], Awaitable[Any]]
Endpoint = Callable[[Request], Awaitable[Response]]
Envelope = Literal["data", "list", "bare", "none", "page", "items", "cursor"]
"""How an answer is wrapped: `{data: X}`, `{data: [X]}`, X itself, nothing, or a page of X: numbered with `hasMore`,
numbered with `totalCount`, or with cursors."""


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """A handler with its description in the OpenAPI document: its docstring, whose first sentence is the summary.

    `endpoint` reads the handler's parameters and calls it. `paths` include the method: `GET /v1/tenants`. `name` is the
    operationId; `{}` in it stands for the noun of a path (`NOUNS` of the document). `errors` are statuses beyond those
    of every operation of its kind, `also` is a second success, without content. With `is_open` it needs no credentials.
    """

    handler: RouteHandler
    endpoint: Endpoint
    paths: Sequence[str]
    name: str
    reply: Any
    envelope: Envelope
    status: int
    query: Any
    body: Any
    body_in_path: str
    errors: Sequence[int]
    also: int | None
    is_open: bool


class OperationRoute(Route):
    """The route of an operation at one of its paths. It matches a path by its segments, without a pattern."""

    def __init__(self, operation: Operation, path: str) -> None:
        self.method, path = path.split(" ")
        super().__init__(path, operation.endpoint, methods=[self.method])
        self.operation = operation
        self._methods = frozenset(self.methods or ())
        segments = path.split("/")
        self._length = len(segments)
        self._names = [(index, name[1:-1]) for index, name in enumerate(segments) if name.startswith("{")]
        self._words = [(index, word) for index, word in enumerate(segments) if not word.startswith("{")]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether the route has this path, fully if also this method, and the parameters as they were sent."""
        parameters = self._parameters(scope["path"]) if scope["type"] == "http" else None
        if parameters is None:
            return Match.NONE, {}
        match = Match.FULL if scope["method"] in self._methods else Match.PARTIAL
        return match, {"endpoint": self.endpoint, "path_params": parameters}

    def _parameters(self, path: str) -> dict[str, str] | None:
        """Return the parameters that a path has here, None for a path of others."""
        if not self._names:
            return {} if path == self.path else None
        segments = path.split("/")
        if len(segments) != self._length:
            return None
        for index, word in self._words:
            if segments[index] != word:
                return None
        parameters = {name: segments[index] for index, name in self._names}
        return None if "" in parameters.values() else parameters

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. Raise what the operation raises, before anything was sent."""
        if scope["method"] not in self._methods:
            raise HTTPException(405)
        response = await self.operation.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)


def operation(
    path: str | Sequence[str],
    name: str,
    *,
    status: int | None = None,
    query: Any = None,
    body: Any = None,
    limit: int = BODY_LIMIT_BYTES,
    body_in_path: str = "",
    unknown: Literal[400, 404] = 404,
    errors: Sequence[int] = (),
    also: int | None = None,
    is_open: bool = False,
) -> Callable[[RouteHandler], Operation]:
    """Make an operation of a handler. By default one that returns a bare `Response` answers 204, any other 200.

    A handler gets the parameters that it declares, read in their order: by type the `Request`, an `ApiCaller`, a
    `SessionCaller` or a `Target` (which is read first), by name `query` and `body` (as their types; a body up to
    `limit` bytes). A handler that reads one of these two itself declares its type here. `body_in_path` is the path
    parameter in place of the body: a path with it takes no body. `unknown` is the status for a `Target` that does not
    exist.
    """

    def describe(handler: RouteHandler) -> Operation:
        reply, envelope = _documented(get_type_hints(handler, include_extras=True)["return"])
        kinds = {name: kind for name, kind in get_type_hints(handler).items() if name != "return"}
        by_name: dict[str, Callable[..., Awaitable[Any]]] = {
            "body": partial(read_body, limit=limit),
            "query": _read_query,
        }
        by_type = _READERS | {Target: partial(target_of, unknown=unknown)}
        readers: dict[str, Reader] = {
            name: partial(by_name[name], kind=kind) if name in by_name else by_type[kind]
            for name, kind in kinds.items()
        }

        target_name = next((name for name, kind in kinds.items() if kind is Target), "")
        further = {name: read for name, read in readers.items() if name != target_name}

        @wraps(handler)
        async def endpoint(request: Request) -> Response:
            limit_waiting()
            if not target_name:
                return await call(request, {})
            target: Target = await readers[target_name](request)
            return await target.answer(partial(call, request, {target_name: target}))

        async def call(request: Request, arguments: dict[str, Any]) -> Response:
            for name, read in further.items():
                arguments[name] = await read(request)
            if "body" in further:  # it came at the caller's pace
                limit_waiting()
            return await handler(**arguments)

        return Operation(
            handler,
            endpoint,
            [path] if isinstance(path, str) else path,
            name,
            reply,
            envelope,
            status or (204 if envelope == "none" else 200),
            query or kinds.get("query"),
            body or kinds.get("body"),
            body_in_path,
            errors,
            also,
            is_open,
        )

    return describe


def _documented(answer: Any) -> tuple[Any, Envelope]:
    """Return the content of an answer of this type, and its envelope. Of a union, ignore the empty answer."""
    answer = get_args(answer)[0] if get_origin(answer) is Union else answer
    if answer is Response:
        return None, "none"
    [body] = get_args(answer)
    if get_origin(answer) is Data:
        return (get_args(body)[0], "list") if get_origin(body) is list else (body, "data")
    envelope = _PAGES.get(get_origin(body))
    return (get_args(body)[0], envelope) if envelope else (body, "bare")


def routes_of(*modules: ModuleType) -> list[OperationRoute]:
    operations = [value for module in modules for value in vars(module).values() if isinstance(value, Operation)]
    return [OperationRoute(operation, path) for operation in operations for path in operation.paths]


async def _read_query(request: Request, kind: Any) -> Any:
    return read_query(request, kind)


async def _request(request: Request) -> Request:
    return request


_PAGES: dict[Any, Envelope] = {
    wire.PageReply: "page",
    wire.CountedPageReply: "items",
    wire.CursorPageReply: "cursor",
}
_READERS: dict[Any, Reader] = {
    Request: _request,
    ApiCaller: authenticate,
    SessionCaller: authenticate_session,
}
