"""What the OpenAPI document says of a request: the statuses that it may be answered with."""

from __future__ import annotations

import functools

import orjson
from starlette.routing import Match

from inbox.openapi.document import encoded_document
from inbox.routes import API_ROUTES


@functools.cache
def _paths() -> dict[str, dict[str, dict[str, dict[str, object]]]]:
    paths: dict[str, dict[str, dict[str, dict[str, object]]]] = orjson.loads(encoded_document())["paths"]
    return paths


def documented(method: str, path: str) -> set[int] | None:
    """The statuses of the route that takes this request, None when none does."""
    scope = {"type": "http", "method": method, "path": path, "root_path": ""}
    for route in API_ROUTES:
        if route.matches(scope)[0] is Match.FULL:
            found = _paths().get(route.path, {}).get("get" if method == "HEAD" else method.lower(), {})
            return {int(status) for status in found.get("responses", {})}
    return None
