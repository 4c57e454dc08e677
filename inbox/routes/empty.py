"""Lists that are always empty here, since they belong to other channels or the dashboard."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from inbox.http.auth import ApiCaller
from inbox.http.operation import operation
from inbox.http.queries import OffsetQuery, PageQuery
from inbox.http.responses import Bare, Data, bare, data
from inbox.models import wire

PageSize = Annotated[int, Meta(ge=1, le=100)]


class EmptyPageQuery(PageQuery):
    """A numbered page; its size has two names."""

    page_size: Annotated[PageSize | None, Meta(description="How many rows a page has")] = None


@operation(["GET /v1/changes", "GET /v1/layouts"], "list{}")
async def numbered_page(_: ApiCaller, query: EmptyPageQuery) -> Bare[wire.CountedPageReply[wire.Empty]]:
    """List what this service does not have."""
    return bare({"data": [], "totalCount": 0, "page": query.page, "pageSize": query.page_size or query.limit})


@operation("GET /v1/changes/count", "countChanges")
async def count(_: ApiCaller) -> Data[wire.Count]:
    """Count what this service does not have."""
    return data(0)


@operation("GET /v2/layouts", "listLayouts")
async def layouts(_: ApiCaller, query: OffsetQuery) -> Data[wire.LayoutsReply]:  # noqa: ARG001 (only checked)
    """List what this service does not have."""
    return data({"layouts": [], "totalCount": 0})
