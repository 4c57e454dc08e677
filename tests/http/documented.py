"""What the OpenAPI document says of a request: the statuses that it may be answered with."""

from __future__ import annotations

import functools

import orjson
from starlette.routing import BaseRoute, Match, Route

from inbox.openapi.document import encoded_document
from inbox.routes import BROWSER_SIDE, HEALTH, SERVER_SIDE

DESCRIBED: list[BaseRoute] = [*SERVER_SIDE, *BROWSER_SIDE, *HEALTH]


@functools.cache
def _paths() -> dict[str, dict[str, dict[str, dict[str, object]]]]:
    paths: dict[str, dict[str, dict[str, dict[str, object]]]] = orjson.loads(encoded_document())["paths"]
    return paths


def documented(method: str, path: str) -> set[int] | None:
    """The statuses of the route that takes this request, None when none does."""
    scope = {"type": "http", "method": method, "path": path, "root_path": ""}
    for route in DESCRIBED:
        if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL:
            found = _paths().get(route.path, {}).get("get" if method == "HEAD" else method.lower(), {})
            return {int(status) for status in found.get("responses", {})}
    return None
