"""`/v1/feeds`: named feeds."""

from __future__ import annotations

from starlette.requests import Request

from inbox.http.auth import ApiCaller, services_of
from inbox.http.operation import operation
from inbox.http.requests import path_param
from inbox.http.responses import Data, data
from inbox.models import wire
from inbox.models.named_feed import NamedFeedRequest, named_feed_view


@operation("POST /v1/feeds", "createFeed", status=201, errors=[409])
async def create_feed(request: Request, caller: ApiCaller, body: NamedFeedRequest) -> Data[wire.NamedFeedReply]:
    """Create a named feed. A name that is taken is 409."""
    feed = await services_of(request).named_feeds.create(caller.environment, body.name)
    return data(named_feed_view(feed, caller.environment), 201)


@operation("GET /v1/feeds", "listFeeds")
async def list_feeds(request: Request, caller: ApiCaller) -> Data[list[wire.NamedFeedReply]]:
    """List named feeds. The oldest come first."""
    feeds = await services_of(request).named_feeds.list(caller.environment)
    return data([named_feed_view(feed, caller.environment) for feed in feeds])


@operation("DELETE /v1/feeds/{feedId}", "deleteFeed")
async def delete_feed(request: Request, caller: ApiCaller) -> Data[list[wire.NamedFeedReply]]:
    """Delete a named feed. The answer lists the feeds that are left."""
    feeds = services_of(request).named_feeds
    await feeds.delete(caller.environment, path_param(request, "feedId"))
    return data([named_feed_view(feed, caller.environment) for feed in await feeds.list(caller.environment)])
