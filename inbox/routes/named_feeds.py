"""`/v1/feeds`: named feeds (rest-server.md §9)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.models.named_feed import NamedFeedRequest, named_feed_view
from inbox.routes.access import authenticate, services_of
from inbox.routes.reading import path_param, read_body
from inbox.routes.replies import data


async def create_feed(request: Request) -> Response:
    """POST /v1/feeds → 201 the feed; 409 when the name is taken."""
    caller = await authenticate(request)
    body = await read_body(request, NamedFeedRequest)
    feed = await services_of(request).named_feeds.create(caller.environment, body.name)
    return data(named_feed_view(feed, caller.environment), 201)


async def list_feeds(request: Request) -> Response:
    """GET /v1/feeds → 200 every feed, oldest first."""
    caller = await authenticate(request)
    feeds = await services_of(request).named_feeds.list(caller.environment)
    return data([named_feed_view(feed, caller.environment) for feed in feeds])


async def delete_feed(request: Request) -> Response:
    """DELETE /v1/feeds/:feedId → 200 the feeds that are left; 404 unknown."""
    caller = await authenticate(request)
    feeds = services_of(request).named_feeds
    await feeds.delete(caller.environment, path_param(request, "feedId"))
    return data([named_feed_view(feed, caller.environment) for feed in await feeds.list(caller.environment)])
