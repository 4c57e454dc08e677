"""The handshake of every flavour of socket: which client may open one, and what opening and closing do.

A flavour reads the handshake from its request, calls `Sockets.open`, and answers in its own format.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections import deque
from dataclasses import dataclass

from inbox import metrics
from inbox.errors import NotFound, ServiceUnavailable, Unauthorized, ValidationFailed
from inbox.http.upgrade import UpgradeRequest
from inbox.logs import PacedLog
from inbox.models.environment import Environment
from inbox.origins import AllowedOrigins, is_of_host
from inbox.realtime import admission
from inbox.realtime.admission import Admission, LineFull
from inbox.realtime.connected_feed import ConnectedFeed
from inbox.realtime.connection import Codec, Connection, QueueLimits, Queues, Transport
from inbox.realtime.hub import Hub
from inbox.realtime.keepalive import Keepalive
from inbox.realtime.session_watch import SessionWatch
from inbox.services import Services
from inbox.store.feed import Feed

log = logging.getLogger(__name__)

FULL_RETRY_SECONDS = 60
UNAVAILABLE_RETRY_SECONDS = 1
BUSY_RETRY_SECONDS = (2, 10)
"""Between these, by chance: those who are sent away do not come back together."""
MAX_CLOSED_AT_ONCE = 50
PING_SECONDS = 25.0
MIN_RESTART_SECONDS = 1.0
LEFT = "left"
"""In metrics: the client has closed the socket, or its connection has ended."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """The parts of a request that decide whether it may become a socket, for every flavour."""

    token: str | None
    origin: str | None
    host: str | None

    @classmethod
    def of_upgrade(cls, request: UpgradeRequest) -> Handshake:
        """Return the handshake in the request of a WebSocket, with the token of its query."""
        return cls(request.query.get("token"), request.header(b"origin"), request.header(b"host"))


@dataclass
class Refusal(Exception):
    """A refused handshake: the status of an HTTP answer, and a sentence for every flavour."""

    status: int
    error: str
    retry_after_seconds: int | None = None

    @property
    def is_outage(self) -> bool:
        """Whether the service is unavailable or busy for seconds, and nothing is wrong with the handshake."""
        return self.status == 503 and self.retry_after_seconds != FULL_RETRY_SECONDS


@dataclass(slots=True, eq=False)
class OpenSocket:
    """An authorized socket of a connected feed. Its token expires at `expires_at` (Unix seconds)."""

    environment: Environment
    expires_at: float
    connected: ConnectedFeed
    connection: Connection

    @property
    def flavour(self) -> str:
        return self.connection.codec.flavour

    @property
    def log_fields(self) -> dict[str, str]:
        return {"connection_id": self.connection.id, "subscriber_id": self.connected.feed.subscriber_id}


class Sockets:
    """The open sockets of this process."""

    def __init__(self, services: Services, hub: Hub, watch: SessionWatch) -> None:
        self.services = services
        self._hub = hub
        self._watch = watch
        self._origins = AllowedOrigins(services.settings.allowed_origins)
        self._refused = PacedLog(log, "socket refused")
        self._max_sockets = services.settings.max_sockets_per_subscriber
        self._queues = Queues(
            QueueLimits(
                services.settings.max_socket_queue_events,
                services.settings.max_socket_queue_bytes,
                services.settings.max_socket_queue_total_bytes,
            )
        )
        self.pings = Keepalive(PING_SECONDS)
        """The pings of flavours that send their own in a message."""
        self._admission = Admission(admission.AT_ONCE, admission.MAX_WAITING)
        self._closed: deque[OpenSocket] = deque()

    async def open(
        self, handshake: Handshake, transport: Transport, codec: Codec, kind: type[Connection] = Connection
    ) -> OpenSocket:
        """Authorize a handshake in its turn. Its connection gets every event from now on.

        Nothing is sent before `connection.open`. The caller must `close` the socket. Raise Refusal: 400 too many
        contexts, 401 token, 403 origin, 503 store unavailable, too many sockets or too many handshakes. Safe to
        cancel.
        """
        try:
            if not self._is_origin_allowed(handshake):  # clients retry a refused attempt forever, so this comes first
                raise Refusal(403, "This origin may not open a socket here")
            socket = await self._open_in_turn(handshake, transport, codec, kind)
        except Refusal as refusal:  # paced: a page whose token has expired retries as long as it is open
            self._refused.write(action="connection_refused", status=refusal.status, reason=refusal.error)
            metrics.SOCKETS_REFUSED.add((refusal.status,))
            raise
        metrics.SOCKETS_OPENED.add((socket.flavour,))
        log.info("socket opened", extra={"action": "connection_opened", **socket.log_fields})
        return socket

    @property
    def queue_bytes(self) -> int:
        """Return what the queues of all sockets count for."""
        return self._queues.bytes

    @property
    def handshakes_waiting(self) -> int:
        return self._admission.waiting

    def restart_ms(self) -> int:
        """Return when one of the clients of a service that stops should return, spread over its drain time."""
        seconds = max(self.services.settings.drains_for_seconds, MIN_RESTART_SECONDS)
        return random.randrange(int(seconds * 1000) + 1)

    def close(self, socket: OpenSocket) -> None:
        """Note that a socket has closed. Of many that close together, a loop turn clears up MAX_CLOSED_AT_ONCE."""
        socket.connection.closed()
        if not self._closed:
            asyncio.get_running_loop().call_soon(self._clear_up)
        self._closed.append(socket)

    def _clear_up(self) -> None:
        for _ in range(min(len(self._closed), MAX_CLOSED_AT_ONCE)):
            socket = self._closed.popleft()
            connection, feed = socket.connection, socket.connected.feed
            self._watch.remove(socket)
            self.services.presence.remove_socket(socket.environment, feed.subscriber_oid)
            self._hub.leave(socket.connected, connection)
            reason = connection.ended_by and connection.ended_by.reason
            metrics.SOCKETS_CLOSED.add((socket.flavour, reason or LEFT))
            log.info("socket closed", extra={"action": "connection_closed", "reason": reason, **socket.log_fields})
        if self._closed:
            asyncio.get_running_loop().call_soon(self._clear_up)

    async def _open_in_turn(
        self, handshake: Handshake, transport: Transport, codec: Codec, kind: type[Connection]
    ) -> OpenSocket:
        try:
            await self._admission.enter()
        except LineFull:
            raise Refusal(503, "Too many handshakes at once", random.randint(*BUSY_RETRY_SECONDS)) from None
        try:
            if transport.has_ended:
                raise Refusal(503, "The client has left")
            return await self._open(handshake, transport, codec, kind)
        except (Unauthorized, NotFound):  # NotFound: deleted since its token was issued
            raise Refusal(401, "Missing or invalid token") from None
        except ServiceUnavailable as error:
            raise Refusal(503, error.message, UNAVAILABLE_RETRY_SECONDS) from None
        except ValidationFailed as error:  # too many contexts
            raise Refusal(400, error.reason) from None
        finally:
            self._admission.leave()

    async def _open(
        self, handshake: Handshake, transport: Transport, codec: Codec, kind: type[Connection]
    ) -> OpenSocket:
        """Open the socket in three round trips: its presence, with its subscriber; its subscription; its feed."""
        services = self.services
        environment, claims = await services.sessions.check(handshake.token or "")
        record = await services.presence.add_socket(environment, claims.subscriber_oid)
        try:
            subscriber = await services.sessions.subscriber(environment, claims, record)
            feed = await services.feed.feed_of(environment, subscriber, claims.contexts)
            if self._sockets_of(feed) >= self._max_sockets:
                raise Refusal(503, "Too many sockets of this subscriber", FULL_RETRY_SECONDS)
            connection = kind(secrets.token_hex(6), transport, codec, self._queues)
            connected = self._hub.enter(feed, environment)
            try:
                await self._hub.join(connected, connection)
            except BaseException:
                self._hub.leave(connected, connection)
                raise
        except BaseException:
            services.presence.remove_socket(environment, claims.subscriber_oid)
            raise
        socket = OpenSocket(environment, claims.expires_at, connected, connection)
        self._watch.add(socket)
        return socket

    def _sockets_of(self, feed: Feed) -> int:
        """Return how many sockets a feed has here, without those that have closed and are not cleared up yet."""
        count = self._hub.sockets_of(feed)
        if count >= self._max_sockets:
            count -= sum(socket.connected.channel == feed.keys.channel for socket in self._closed)
        return count

    def _is_origin_allowed(self, handshake: Handshake) -> bool:
        # browsers always send an Origin; a client without one is a program, for which the token decides
        origin = handshake.origin
        return origin is None or self._origins.allows(origin) or is_of_host(origin, handshake.host)
