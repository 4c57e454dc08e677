"""The sockets: one function decides who may open one, one runs it (websocket.md §3)."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from inbox.errors import NotFound, StoreUnavailable, Unauthorized
from inbox.fanout.codecs import PLAIN
from inbox.fanout.connection import Connection, Limits
from inbox.fanout.hub import Hub
from inbox.fanout.transport import transport_of
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.routes.replies import json_reply
from inbox.services import Services
from inbox.store.feeds import Feed

log = logging.getLogger(__name__)

FULL_RETRY_SECONDS = 60
UNAVAILABLE_RETRY_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Handshake:
    """What of a request decides whether it may become a socket; the same for every transport."""

    token: str | None
    origin: str | None
    host: str | None


@dataclass(frozen=True, slots=True)
class Admission:
    """A socket that may be opened: whose, and on which feed."""

    environment: Environment
    subscriber: Subscriber
    feed: Feed


@dataclass
class Refusal(Exception):
    """A socket that may not be opened, as the HTTP answer to its handshake."""

    status: int
    error: str
    retry_after_seconds: int | None = None

    def reply(self) -> Response:
        headers = {"Retry-After": str(self.retry_after_seconds)} if self.retry_after_seconds else None
        return json_reply({"error": self.error}, self.status, headers)


async def admit(handshake: Handshake, services: Services, hub: Hub) -> Admission:
    """Lets a handshake in. Raises Refusal: 401 token, 403 origin, 503 store away or too many sockets."""
    if not _is_origin_allowed(handshake, services.settings.allowed_origins):
        raise Refusal(403, "This origin may not open a socket here")
    try:
        environment, subscriber, contexts = await services.sessions.verify(handshake.token or "")
        feed = await services.feed.feed_of(environment, subscriber, contexts)
    except Unauthorized:
        raise Refusal(401, "Missing or invalid token") from None
    except StoreUnavailable:
        raise Refusal(503, "The store is not available", UNAVAILABLE_RETRY_SECONDS) from None
    if hub.connections_of(feed) >= services.settings.max_sockets_per_subscriber:
        raise _too_many()
    return Admission(environment, subscriber, feed)


def _too_many() -> Refusal:
    return Refusal(503, "Too many sockets of this subscriber", FULL_RETRY_SECONDS)


def _is_origin_allowed(handshake: Handshake, allowed: Sequence[str]) -> bool:
    """Browsers always send an Origin; whoever sends none is a program, which only its token lets in."""
    origin = handshake.origin
    if origin is None or "*" in allowed or origin in allowed:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and origin == f"{parts.scheme}://{handshake.host}"


async def plain_socket(websocket: WebSocket) -> None:
    """`/ws` and `/`: the plain flavour. Text `ping` is answered `pong`; whatever else a client sends is ignored."""
    services: Services = websocket.app.state.services
    hub: Hub = websocket.app.state.hub
    handshake = Handshake(
        websocket.query_params.get("token"), websocket.headers.get("origin"), websocket.headers.get("host")
    )
    try:
        admission = await admit(handshake, services, hub)
        connection = await _attach(websocket, admission, services, hub)
    except Refusal as refusal:
        fields = {"action": "connection_refused", "status": refusal.status, "reason": refusal.error}
        log.info("socket refused", extra=fields)
        await websocket.send_denial_response(refusal.reply())
        return
    fields = {"connection_id": connection.id, "subscriber_id": admission.subscriber.subscriber_id}
    log.info("socket opened", extra={"action": "connection_opened", **fields})
    try:
        await websocket.accept()
        connection.open()
        await _read(websocket, connection)
    finally:
        connection.closed()
        await hub.detach(admission.feed, connection)
        services.presence.left(admission.environment, admission.subscriber.oid)
        ended = connection.ended_by
        log.info("socket closed", extra={"action": "connection_closed", "reason": ended and ended.reason, **fields})


async def _attach(websocket: WebSocket, admission: Admission, services: Services, hub: Hub) -> Connection:
    """The connection, attached before the handshake is answered: once the client is open it misses nothing."""
    settings = services.settings
    limits = Limits(settings.max_socket_queue_events, settings.max_socket_queue_bytes)
    connection = Connection(secrets.token_hex(6), transport_of(websocket.scope), PLAIN, limits)
    try:
        await services.presence.came(admission.environment, admission.subscriber.oid)
        try:
            await hub.attach(admission.feed, admission.environment, connection)
        except BaseException:
            services.presence.left(admission.environment, admission.subscriber.oid)
            raise
    except StoreUnavailable:
        raise Refusal(503, "The store is not available", UNAVAILABLE_RETRY_SECONDS) from None
    except NotFound:  # deleted since its token was looked at
        raise Refusal(401, "Missing or invalid token") from None
    if hub.connections_of(admission.feed) > settings.max_sockets_per_subscriber:  # others came while this one waited
        services.presence.left(admission.environment, admission.subscriber.oid)
        await hub.detach(admission.feed, connection)
        raise _too_many()
    return connection


async def _read(websocket: WebSocket, connection: Connection) -> None:
    while True:
        try:
            message = await websocket.receive()
        except WebSocketDisconnect:
            return
        if message["type"] == "websocket.disconnect":
            return
        if message.get("text") == "ping":
            connection.send(b"pong")


async def upgrade_required(_: Request) -> Response:
    """GET of a socket's path without an upgrade → 426."""
    return json_reply({"error": "This path is a WebSocket"}, 426, {"Upgrade": "websocket"})
