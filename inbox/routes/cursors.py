"""The parameters of cursor pages (rest-server.md §4)."""

from __future__ import annotations

from starlette.requests import Request

from inbox.errors import BadRequest
from inbox.models.cursor_page import CursorQuery, Side
from inbox.routes.reading import query_bool, query_int, query_list, query_one_of

MAX_LIMIT = 100


def cursor_query(request: Request) -> CursorQuery:
    """`limit` (1 to 100, default 10), `after` or `before`, `includeCursor`, `orderDirection` (default DESC).

    Raises BadRequest when both cursors are given, ValidationFailed for what is out of range.
    """
    after, before = request.query_params.get("after") or None, request.query_params.get("before") or None
    if after and before:
        raise BadRequest("after and before cannot be used together")
    include = bool(query_bool(request, "includeCursor"))
    side: Side = ("upto" if include else "before") if before else "from" if include else "after"
    order = query_one_of(request, "orderDirection", ("ASC", "DESC"), "DESC")
    limit = query_int(request, "limit", 10, 1, MAX_LIMIT)
    return CursorQuery(limit, "asc" if order == "ASC" else "desc", after or before, side)


def query_context_keys(request: Request) -> list[str] | None:
    """`contextKeys`: absent None (any context), an empty string the default context (no keys)."""
    keys = query_list(request, "contextKeys")
    return sorted({key for key in keys if key}) if keys else None
