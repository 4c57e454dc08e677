"""Families that hold nothing here, since they serve other channels or the dashboard: well-formed and empty."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.routes.access import authenticate
from inbox.routes.reading import query_int
from inbox.routes.replies import data, page

MAX_PAGE = 1_000_000


async def numbered_page(request: Request) -> Response:
    """GET /v1/changes, /v1/layouts → 200 `{data: [], totalCount: 0, page, pageSize}`."""
    await authenticate(request)
    size = "limit" if "limit" in request.query_params else "pageSize"
    number, limit = query_int(request, "page", 0, 0, MAX_PAGE), query_int(request, size, 10, 1, 100)
    return page({"data": [], "totalCount": 0, "page": number, "pageSize": limit})


async def count(request: Request) -> Response:
    """GET /v1/changes/count → 200 0."""
    await authenticate(request)
    return data(0)


async def layouts(request: Request) -> Response:
    """GET /v2/layouts → 200 `{layouts: [], totalCount: 0}`."""
    await authenticate(request)
    query_int(request, "limit", 10, 1, 100)
    query_int(request, "offset", 0, 0, MAX_PAGE)
    return data({"layouts": [], "totalCount": 0})
