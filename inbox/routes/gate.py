"""The gate of every flavour of socket: who may open one, and what opening and closing one means.

It knows nothing of HTTP or of frames: a flavour reads the handshake from its wire, asks the gate, and answers in its
own way.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass

from inbox.errors import NotFound, StoreUnavailable, SubscriberGone, Unauthorized, ValidationFailed
from inbox.fanout.codecs import Codec
from inbox.fanout.connection import Connection, Limits, Transport
from inbox.fanout.hub import Hub
from inbox.fanout.session_watch import SessionWatch
from inbox.logs import PacedLog
from inbox.models.trigger import reason_of
from inbox.origins import AllowedOrigins, is_of_host
from inbox.service.subscribers.sessions import Session
from inbox.services import Services
from inbox.store.feed import Feed

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
    """A socket that may be opened: in whose session, and on which feed."""

    session: Session
    feed: Feed


@dataclass
class Refusal(Exception):
    """A socket that may not be opened: the status of an HTTP answer, and a sentence for any."""

    status: int
    error: str
    retry_after_seconds: int | None = None

    @property
    def is_outage(self) -> bool:
        """Whether nothing is wrong with the handshake, but the store is away."""
        return self.retry_after_seconds == UNAVAILABLE_RETRY_SECONDS


class Gate:
    """Lets sockets in and out."""

    def __init__(self, services: Services, hub: Hub, watch: SessionWatch) -> None:
        self._services = services
        self._hub = hub
        self._watch = watch
        self._origins = AllowedOrigins(services.settings.allowed_origins)
        self._refused = PacedLog(log, "socket refused")
        self._most = services.settings.max_sockets_per_subscriber
        self._limits = Limits(services.settings.max_socket_queue_events, services.settings.max_socket_queue_bytes)

    async def admit(self, handshake: Handshake) -> Admission:
        """Lets a handshake in. Raises Refusal: 401 token, 403 origin, 503 store away or too many sockets.

        Clients repeat a refused attempt for ever, so what needs no store is looked at first.
        """
        try:
            return await self._admit(handshake)
        except Refusal as refusal:
            self._note_refusal(refusal)
            raise

    async def attach(self, admission: Admission, transport: Transport, codec: Codec) -> Connection:
        """A connection that gets every event from now on, first the counts; they leave once it is opened.

        Raises Refusal. Who attaches must `detach`.
        """
        try:
            connection = await self._attach(admission, transport, codec)
        except Refusal as refusal:
            self._note_refusal(refusal)
            raise
        self._watch.add(connection, admission.session.environment, admission.session.expires_at)
        log.info("socket opened", extra={"action": "connection_opened", **_fields(admission, connection)})
        return connection

    async def detach(self, admission: Admission, connection: Connection) -> None:
        """The socket is gone."""
        connection.closed()
        self._watch.remove(connection)
        await self._leave(admission, connection)
        reason = connection.ended_by and connection.ended_by.reason
        fields = {"action": "connection_closed", "reason": reason, **_fields(admission, connection)}
        log.info("socket closed", extra=fields)

    async def _admit(self, handshake: Handshake) -> Admission:
        services = self._services
        if not self._is_origin_allowed(handshake):
            raise Refusal(403, "This origin may not open a socket here")
        try:
            session = await services.sessions.verify(handshake.token or "")
            feed = await services.feed.feed_of(session.environment, session.subscriber, session.contexts)
        except (Unauthorized, SubscriberGone):
            raise _unauthorized() from None
        except StoreUnavailable:
            raise _unavailable() from None
        except ValidationFailed as error:  # a context too many
            raise Refusal(400, reason_of(error)) from None
        if self._hub.connections_of(feed) >= self._most:
            raise _too_many()
        return Admission(session, feed)

    def _is_origin_allowed(self, handshake: Handshake) -> bool:
        """Browsers always send an Origin; whoever sends none is a program, which only its token lets in."""
        origin = handshake.origin
        return origin is None or self._origins.allows(origin) or is_of_host(origin, handshake.host)

    async def _attach(self, admission: Admission, transport: Transport, codec: Codec) -> Connection:
        connection = Connection(secrets.token_hex(6), transport, codec, self._limits)
        session, presence = admission.session, self._services.presence
        try:
            await presence.came(session.environment, session.subscriber.oid)
            try:
                await self._hub.attach(admission.feed, session.environment, connection)
            except BaseException:
                presence.left(session.environment, session.subscriber.oid)
                raise
        except StoreUnavailable:
            raise _unavailable() from None
        except NotFound:  # deleted since its token was looked at
            raise _unauthorized() from None
        if self._hub.connections_of(admission.feed) > self._most:  # others came while this one waited
            await self._leave(admission, connection)
            raise _too_many()
        return connection

    def _note_refusal(self, refusal: Refusal) -> None:
        """A page whose token has expired tries again for as long as it is open."""
        self._refused.write(action="connection_refused", status=refusal.status, reason=refusal.error)

    async def _leave(self, admission: Admission, connection: Connection) -> None:
        self._services.presence.left(admission.session.environment, admission.session.subscriber.oid)
        await self._hub.detach(admission.feed, connection)


def _fields(admission: Admission, connection: Connection) -> dict[str, str]:
    return {"connection_id": connection.id, "subscriber_id": admission.session.subscriber.subscriber_id}


def _unauthorized() -> Refusal:
    return Refusal(401, "Missing or invalid token")


def _unavailable() -> Refusal:
    return Refusal(503, "The store is not available", UNAVAILABLE_RETRY_SECONDS)


def _too_many() -> Refusal:
    return Refusal(503, "Too many sockets of this subscriber", FULL_RETRY_SECONDS)
