"""The native flavour of sockets, at `/v1/socket`: subprotocol `inbox.v1`, JSON frames (docs/native-protocol.md).

Every client gets an open transport. Its token comes in its first request, `connect`, whose answer says what the client
has missed. A refusal is an answer too, and a close code that says whether to come back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from time import monotonic
from typing import Any, cast

from inbox import metrics
from inbox.errors import InboxError, NotFound, ServiceUnavailable, Unauthorized, invalid
from inbox.http.requests import convert
from inbox.http.upgrade import UpgradeRequest
from inbox.realtime.connecting import ConnectingReceiver, Phase
from inbox.realtime.connection import RequestedAnswer
from inbox.realtime.events import (
    INVALID_REQUEST,
    STORE_LOST,
    SUBSCRIBER_DELETED,
    TOO_MANY_REQUESTS,
    Close,
)
from inbox.realtime.handshake import Handshake, OpenSocket, Refusal, Sockets
from inbox.realtime.inbound import ClientFault, FrameLimits
from inbox.realtime.native.codec import CODEC
from inbox.realtime.native.connect import Connect, ListQuery, greet
from inbox.realtime.native.connection import NativeConnection
from inbox.realtime.native.frames import error_frame, parse_request, parse_verb, refusal_of, result_frame
from inbox.realtime.native.verbs import CHANGES, READS, Caller, Verb
from inbox.realtime.transport import SocketTransport
from inbox.store.connection.wire import limit_waiting
from inbox.store.positions import noting_positions
from inbox.tracing import begin_socket_request

SUBPROTOCOL = "inbox.v1"
MAX_IN_FLIGHT = 100
VERBS = {"connect", *READS, *CHANGES}
REQUESTS = FrameLimits(10.0, 120, 600, TOO_MANY_REQUESTS)


def open_socket(sockets: Sockets, request: UpgradeRequest, transport: SocketTransport) -> None:
    """Answer a handshake. Its token comes later, and never in the URL."""
    handshake = dataclasses.replace(Handshake.of_upgrade(request), token=None)
    transport.accept(NativeReceiver(sockets, handshake, transport), subprotocol=SUBPROTOCOL, limits=REQUESTS)


class NativeReceiver(ConnectingReceiver):
    """The requests of one client. Each has a task; an answer may overtake that of an earlier one."""

    __slots__ = ("_in_flight", "_turn")

    def __init__(self, sockets: Sockets, handshake: Handshake, transport: SocketTransport) -> None:
        super().__init__(sockets, handshake, transport)
        self._in_flight: set[int] = set()
        self._turn: int | None = None
        """Where the timer of pings has this socket."""

    def received(self, message: str | bytes) -> None:
        if self._phase is Phase.OVER:
            return
        try:
            request_id, fields = parse_request(message)
        except ClientFault as fault:
            self.end(fault.close)
            return
        if request_id in self._in_flight:  # its answers could not be told apart
            self.end(INVALID_REQUEST)
        elif len(self._in_flight) >= MAX_IN_FLIGHT:
            self.end(TOO_MANY_REQUESTS)
        else:
            self._in_flight.add(request_id)
            self._transport.start(self._answer(request_id, fields))

    def keep_alive(self) -> None:
        """Tell the client its position; a ping of the WebSocket finds out whether it is there."""
        if self._socket is not None:
            connection = cast(NativeConnection, self._socket.connection)
            connection.deliver(CODEC.ping(self._socket.connected.feed, connection.position))

    async def _answer(self, request_id: int, fields: Mapping[str, Any]) -> None:
        limit_waiting()
        began, verb, status = monotonic(), "", 500
        if self._socket is not None:
            begin_socket_request(self._socket.connection.id, request_id)
        try:
            verb, arguments = parse_verb(fields)
            if verb == "connect":
                status = await self._connect(request_id, arguments)
            else:
                self._send(result_frame(request_id, await self._carry_out(request_id, verb, arguments)))
                status = 200
        except InboxError as error:
            status = error.status
            self._send(error_frame(request_id, error))
        finally:
            self._in_flight.discard(request_id)
            verb = verb if verb in VERBS else "unknown"
            metrics.SOCKET_REQUESTS.add((verb, status))
            metrics.SOCKET_REQUEST_SECONDS.observe(monotonic() - began, (verb,))

    async def _carry_out(self, request_id: int, verb: str, arguments: Mapping[str, Any]) -> Mapping[str, object]:
        if self._phase is not Phase.OPEN or self._socket is None:
            raise Unauthorized("The first request is `connect`")
        caller = Caller(self._sockets.services, self._socket)
        if verb not in READS and verb not in CHANGES:
            raise invalid("verb", f"`{verb[:50]}` is no verb of {SUBPROTOCOL}")
        await caller.count_request()
        if verb in READS:
            return await READS[verb](caller, arguments)
        return await self._change(request_id, CHANGES[verb], caller, arguments)

    async def _change(
        self, request_id: int, change: Verb, caller: Caller, arguments: Mapping[str, Any]
    ) -> Mapping[str, object]:
        """Carry out a change, and return its result with the position of the last event that it causes."""
        connection = caller.connection
        connection.hold()
        with noting_positions(caller.feed.number) as positions:
            try:
                result = await change(caller, arguments)
            finally:
                connection.settle(request_id, positions)
        position = positions[-1] if positions else connection.position
        return {**result, "position": caller.feed.position_text(position)}

    async def _connect(self, request_id: int, arguments: Mapping[str, Any]) -> int:
        """Open the socket, answer, and return the status. Raise ValidationFailed if that was requested before."""
        if not self._is_waiting:
            raise invalid("connect", "this socket has connected already")
        handshake = self._begin_connecting()
        try:
            connect = convert(arguments, Connect)
            query = None if connect.list is None else ListQuery(connect.list)
            handshake = dataclasses.replace(handshake, token=connect.token)
            socket = await self._sockets.open(handshake, self._transport, CODEC, NativeConnection)
            if self._phase is Phase.OVER:  # the client has left meanwhile
                self._sockets.close(socket)
            else:
                self._socket = socket
                await self._greet(request_id, socket, connect.position, query)
        except Refusal as refusal:
            return self._refuse(request_id, *refusal_of(refusal))
        except ServiceUnavailable as error:
            return self._refuse(request_id, error, STORE_LOST)
        except NotFound:
            return self._refuse(request_id, Unauthorized(), SUBSCRIBER_DELETED)
        except InboxError as error:
            return self._refuse(request_id, error, INVALID_REQUEST)
        return 200

    async def _greet(self, request_id: int, socket: OpenSocket, held: str | None, query: ListQuery | None) -> None:
        connection = cast(NativeConnection, socket.connection)
        result, position = await greet(self._sockets.services, socket, connection, held, query)
        if self._phase is Phase.OVER or connection.ended_by is not None:  # meanwhile
            return
        self._phase = Phase.OPEN
        connection.send(result_frame(request_id, result))  # ahead of the events that wait
        connection.begin(position)
        connection.open()
        self._turn = self._sockets.pings.add(self)

    def _refuse(self, request_id: int, error: InboxError, close: Close) -> int:
        self._transport.write(error_frame(request_id, error))
        self.end(close)
        return error.status

    def _send(self, frame: bytes) -> None:
        if self._socket is not None:
            self._socket.connection.deliver(RequestedAnswer(frame))
        else:
            self._transport.write(frame)

    def _stop(self) -> None:
        super()._stop()
        if self._turn is not None:
            self._sockets.pings.remove(self, self._turn)
            self._turn = None
