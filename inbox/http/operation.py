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

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.http.auth import ApiCaller, SessionCaller, authenticate, authenticate_session
from inbox.http.polls import Poll
from inbox.http.queries import read_query
from inbox.http.requests import BODY_LIMIT_BYTES, read_body
from inbox.http.responses import Data
from inbox.http.route_index import Endpoint
from inbox.http.target import Target, target_of
from inbox.models import wire
from inbox.store.connection.wire import limit_waiting

RouteHandler = Callable[..., Awaitable[Response]]
Reader = Callable[..., Any]
"""Returns a parameter of a handler for its request; those that are not at hand have to be awaited."""
Envelope = Literal["data", "list", "bare", "none", "page", "items", "cursor"]
"""How an answer is wrapped: `{data: X}`, `{data: [X]}`, X itself, nothing, or a page of X: numbered with `hasMore`,
numbered with `totalCount`, or with cursors."""


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """A handler with its description in the OpenAPI document: its docstring, whose first sentence is the summary.

    `endpoint` reads the handler's parameters and calls it. `paths` include the method: `GET /v1/tenants`. `name` is the
    operationId; `{}` in it stands for the noun of a path (`NOUNS` of the document). `errors` are statuses beyond those
    of every operation of its kind, `also` is a second success, without content. With `is_open` it needs no credentials.
    The answer of one that `is_poll` has an ETag.
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
    is_poll: bool


class OperationRoute(Route):
    """The route of an operation at one of its paths."""

    def __init__(self, operation: Operation, path: str) -> None:
        self.method, path = path.split(" ")
        super().__init__(path, operation.endpoint, methods=[self.method])
        self.operation = operation


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
    `SessionCaller`, a `Target` (which is read first) or the `Poll` of that target, by name `query` and `body` (as their
    types; a body up to `limit` bytes). A handler that reads one of these two itself declares its type here.
    `body_in_path` is the path parameter in place of the body: a path with it takes no body. `unknown` is the status for
    a `Target` that does not exist.
    """

    def describe(handler: RouteHandler) -> Operation:
        reply, envelope = _documented(get_type_hints(handler, include_extras=True)["return"])
        kinds = {name: kind for name, kind in get_type_hints(handler).items() if name != "return"}
        by_name: dict[str, Reader] = {
            "body": partial(read_body, limit=limit),
            "query": read_query,
        }
        by_type = _READERS | {Target: partial(target_of, unknown=unknown)}
        poll_name = next((name for name, kind in kinds.items() if issubclass(kind, Poll)), "")
        readers: dict[str, Reader] = {
            name: partial(by_name[name], kind=kind) if name in by_name else by_type[kind]
            for name, kind in kinds.items()
            if name != poll_name
        }
        target_name = next((name for name, kind in kinds.items() if kind is Target), "")
        read_target = readers.pop(target_name, None)
        further = [(name, read, kinds[name] is Request or name == "query") for name, read in readers.items()]

        @wraps(handler)
        async def endpoint(request: Request) -> Response:
            limit_waiting()
            if read_target is None:
                return await handler(**await arguments_of(request))
            target: Target = await read_target(request)
            if not poll_name:
                return await target.answer(partial(call, request, {target_name: target}))
            poll: Poll = kinds[poll_name](request, target)
            read = partial(call, request, {target_name: target, poll_name: poll})
            return poll.finish(await target.answer(poll.guard(read)))

        async def call(request: Request, targeted: dict[str, Any]) -> Response:
            return await handler(**targeted, **await arguments_of(request))

        async def arguments_of(request: Request) -> dict[str, Any]:
            arguments = {}
            for name, read, is_at_hand in further:
                arguments[name] = read(request) if is_at_hand else await read(request)
            return arguments

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
            bool(poll_name),
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


def _request(request: Request) -> Request:
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
