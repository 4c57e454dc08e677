"""The requests of native clients after `connect`, each with the checks and effects of the REST call beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from inbox.realtime.handshake import OpenSocket, Sockets
from inbox.realtime.native.connect import ListQuery, read_list

Verb = Callable[[Sockets, OpenSocket, Mapping[str, Any]], Awaitable[Mapping[str, object]]]


async def list_notifications(
    sockets: Sockets, socket: OpenSocket, arguments: Mapping[str, Any]
) -> Mapping[str, object]:
    """Return a page as `GET /v1/inbox/notifications` does, with the position at which it was read."""
    view, page = await read_list(sockets, socket, ListQuery(arguments))
    return {**view, "position": socket.connected.feed.position_text(page.state.position)}


VERBS: Mapping[str, Verb] = {
    "list": list_notifications,
}
