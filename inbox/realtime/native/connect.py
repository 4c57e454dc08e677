"""The first request of a native client: what it has missed, or a snapshot to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from inbox.http.requests import convert
from inbox.ids import parse_object_id
from inbox.models.dates import iso, iso_now
from inbox.models.json_values import JsonObject
from inbox.realtime.handshake import PING_SECONDS, OpenSocket
from inbox.realtime.native.codec import change_view, counts_view
from inbox.realtime.native.connection import NativeConnection
from inbox.service.feed.notification_filter import ListFields, NotificationFilter, parse_list_filter
from inbox.services import Services
from inbox.store.feed import MessagePage
from inbox.store.rows import FeedCounts, Position

_FILTER_FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(ListFields))


class ListQuery:
    """The query of a list, as `GET /v1/inbox/notifications` has it. `echo` is its filter as it was sent."""

    class _Window(msgspec.Struct):
        limit: Annotated[int, Meta(ge=1, le=100)] = 10
        after: str | None = None

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        """Raise ValidationFailed or BadRequest."""
        window = convert(arguments, self._Window)
        self.limit: int = window.limit
        self.after = None if window.after is None else parse_object_id(window.after, "after")
        self.echo: JsonObject = {
            name: value for name, value in arguments.items() if name in _FILTER_FIELDS and value is not None
        }
        self.filter: NotificationFilter = parse_list_filter(self.echo)


class Connect(msgspec.Struct):
    """The arguments of `connect`."""

    token: str
    position: str | None = None
    list: dict[str, Any] | None = None


async def read_list(services: Services, socket: OpenSocket, query: ListQuery) -> tuple[JsonObject, MessagePage]:
    """Return a page of the feed as clients get it, and as it was read. Raise as `FeedService.page`."""
    connected = socket.connected
    page = await services.feed.page_of(connected.feed, query.filter, query.limit, after=query.after)
    items = await connected.complete(page.messages)
    view = {"data": [item.notification() for item in items], "hasMore": page.has_more, "filter": query.echo}
    return view, page


async def greet(
    services: Services, socket: OpenSocket, connection: NativeConnection, held: str | None, query: ListQuery | None
) -> tuple[JsonObject, Position]:
    """Return the result of `connect` for a socket that has joined its feed, and the position that it holds then.

    Raise ServiceUnavailable, and NotFound for a feed that is gone.
    """
    feed = socket.connected.feed
    since = feed.parse_position(held) if held is not None else None
    missed = await socket.connected.catch_up(since) if since else None
    if missed is not None:
        changes = [change_view(change) for change in missed.changes]
        return _result(socket, missed.position, missed.counts, {"recovered": True, "changes": changes}), missed.position
    position, counts = connection.position, connection.counts
    fresh: JsonObject = {"recovered": False}
    if query is not None:
        fresh["list"], page = await read_list(services, socket, query)
        position, counts = page.state.position, page.state.counts
    return _result(socket, position, counts, fresh), position


def _result(socket: OpenSocket, position: Position, counts: FeedCounts, state: JsonObject) -> JsonObject:
    feed = socket.connected.feed
    return {
        "position": feed.position_text(position),
        "time": iso_now(),
        "expiresAt": iso(int(socket.expires_at * 1000)),
        "subscriberId": feed.subscriber_id,
        "contextKeys": feed.contexts.split(",") if feed.contexts else [],
        "counts": counts_view(counts),
        "pingSeconds": PING_SECONDS,
        **state,
    }
