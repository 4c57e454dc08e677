"""One connection to a server: all commands of a loop tick leave in one write, and replies come back in the same order.

Nothing is sent twice: when a connection is lost, what was sent may have been carried out, and only the caller knows
whether it may be repeated. Cancelling a caller is safe: its reply is dropped when it comes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from math import inf
from time import monotonic
from typing import Any, cast

import hiredis

from inbox import metrics
from inbox.store.connection.errors import ConnectionLost, ReplyError
from inbox.store.connection.url import Address, Login

Argument = str | bytes | int | float
Command = tuple[Argument, ...]

CONNECT_SECONDS = 3.0
REQUEST_SECONDS = 30.0
"""How long one HTTP request waits for the store in all, over all its commands; see `limit_waiting`."""
REPLY_SECONDS = 5.0
"""A server whose oldest reply has been due for this long has failed: its connection is dropped."""
SUSPECT_SECONDS = 1.0
"""When a reply has been due for this long, `on_silent` is called, so that a failover is noticed before the time-out."""
CHECK_SECONDS = 0.25
MAX_IN_FLIGHT_BYTES = 32 * 1024 * 1024
"""The size of all commands without a reply. Callers beyond it wait until there is room."""
CLIENT_NAME = "inbox"

deadline: ContextVar[float] = ContextVar("deadline of the store's replies", default=inf)
"""When the current HTTP request stops waiting for the store (seconds of `time.monotonic`)."""

pack = cast(Callable[[Command], bytes], hiredis.pack_command)
"""Return a command as it goes over the wire."""


def pack_all(commands: Iterable[Command]) -> bytes:
    """Return commands as they go over the wire, one after another."""
    return b"".join(map(pack, commands))


def limit_waiting() -> None:
    """Limit the current task: its commands fail once REQUEST_SECONDS from now have passed."""
    deadline.set(monotonic() + REQUEST_SECONDS)


def wait_without_limit() -> None:
    """Lift the limit of `limit_waiting` for the current task: an export or an erasure takes as long as its data."""
    deadline.set(inf)


class _Request:
    """Commands sent together that wait for `count` replies. The result is the one reply, or a list of several."""

    __slots__ = ("count", "deadline", "future", "replies", "sent_at", "size")

    def __init__(self, future: asyncio.Future[Any], count: int, size: int, sent_at: float) -> None:
        self.future = future
        self.count = count
        self.replies: list[Any] = []
        self.size = size
        self.sent_at = sent_at
        self.deadline = deadline.get()


class Wire(asyncio.Protocol):
    """A connection, logged in by `open_wire`. `lost` is done, with the reason, once the connection has ended."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.on_silent: Callable[[], None] = lambda: None
        """Called once, when a reply has been due for SUSPECT_SECONDS."""
        self.on_push: Callable[[Any], None] | None = None
        """If set, it is called with every reply: the connection is that of a subscriber."""
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[ConnectionLost] = self._loop.create_future()
        self._reader = hiredis.Reader(replyError=ReplyError)
        self._requests: deque[_Request] = deque()
        self._unsent: list[bytes] = []
        self._in_flight = 0
        self._room: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.is_silent = False
        self._transport: asyncio.Transport | None = None

    def request(self, packed: bytes, count: int = 1) -> asyncio.Future[Any]:
        """Send `count` packed commands. Return a future of the reply, or of the list of replies if count is not 1.

        A single error reply is raised as ReplyError; in a list, errors are elements. The future raises ConnectionLost
        if the connection breaks, or the request's deadline passes, before the last reply.
        """
        future = self._loop.create_future()
        if self.lost.done():
            future.set_exception(ConnectionLost(*self.lost.result().args))
            return future
        size = len(packed)
        self._requests.append(_Request(future, count, size, monotonic()))
        self._in_flight += size
        metrics.STORE_COMMANDS.add((), count)
        self.send(packed)
        if self._timer is None:
            self._timer = self._loop.call_later(CHECK_SECONDS, self._check)
        return future

    def send(self, packed: bytes) -> None:
        """Send commands whose replies go to `on_push`."""
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(packed)

    @property
    def is_full(self) -> bool:
        """Return whether so much waits for replies that a further request has to wait for `room`."""
        return self._in_flight > MAX_IN_FLIGHT_BYTES and not self.lost.done()

    async def room(self) -> None:
        """Wait until the connection takes further requests, or is lost."""
        while self.is_full:
            if self._room is None or self._room.done():
                self._room = self._loop.create_future()
            await asyncio.shield(self._room)

    def drop(self, reason: str) -> None:
        """Break the connection at once. Requests without a reply fail."""
        self._end(reason)
        if self._transport is not None:
            self._transport.abort()

    # what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Give each complete reply to the oldest request."""
        self._reader.feed(data)
        try:
            if self.on_push is None:
                self._take_replies()
            else:
                while (reply := self._reader.gets()) is not False:
                    self.on_push(reply)
        except hiredis.ProtocolError:
            self.drop("it sent something that is no reply")

    def connection_lost(self, error: Exception | None) -> None:
        """Fail what has no reply."""
        self._end(str(error) if error else "the connection was closed")

    def _take_replies(self) -> None:
        gets, requests, now = self._reader.gets, self._requests, monotonic()
        while (reply := gets()) is not False:
            if not requests:
                raise hiredis.ProtocolError("a reply to no request")
            request = requests[0]
            if request.count == 1:
                requests.popleft()
                self._in_flight -= request.size
                metrics.STORE_SECONDS.observe(now - request.sent_at)
                if not request.future.done():
                    if type(reply) is ReplyError:
                        request.future.set_exception(reply)
                    else:
                        request.future.set_result(reply)
                continue
            replies = request.replies
            replies.append(reply)
            if len(replies) == request.count:
                requests.popleft()
                self._in_flight -= request.size
                metrics.STORE_SECONDS.observe(now - request.sent_at)
                if not request.future.done():
                    request.future.set_result(replies)
        if self._room is not None and not self.is_full:
            self._let_in()

    def _flush(self) -> None:
        if self._transport is not None and not self.lost.done():
            self._transport.write(self._unsent[0] if len(self._unsent) == 1 else b"".join(self._unsent))
        self._unsent.clear()

    def _check(self) -> None:
        """Fail requests whose deadline has passed, and the connection if the server is silent."""
        self._timer = None
        if not self._requests or self.lost.done():
            self.is_silent = False
            return
        now = monotonic()
        waited = now - self._requests[0].sent_at
        if waited >= REPLY_SECONDS:
            metrics.STORE_TIMEOUTS.add(("reply",))
            self.drop(f"no reply within {REPLY_SECONDS:g} s")
            return
        if waited >= SUSPECT_SECONDS and not self.is_silent:
            self.is_silent = True
            self.on_silent()
        elif waited < SUSPECT_SECONDS:
            self.is_silent = False
        for request in self._requests:
            if request.deadline <= now and not request.future.done():
                metrics.STORE_TIMEOUTS.add(("request",))
                request.future.set_exception(ConnectionLost(f"{self.address}: no reply within the request's time"))
        self._timer = self._loop.call_later(CHECK_SECONDS, self._check)

    def _end(self, reason: str) -> None:
        if self.lost.done():
            return
        self.lost.set_result(ConnectionLost(f"{self.address}: {reason}"))
        if self._timer is not None:
            self._timer.cancel()
        for request in self._requests:
            if not request.future.done():
                request.future.set_exception(ConnectionLost(f"{self.address}: {reason}"))
        self._requests.clear()
        self._let_in()

    def _let_in(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None


async def open_wire(address: Address, login: Login) -> Wire:
    """Connect and log in. Raise ConnectionLost, or ReplyError if the server refuses the login."""
    loop = asyncio.get_running_loop()

    def make() -> Wire:
        return Wire(address)

    wire: Wire | None = None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            if address.path:
                _, wire = await loop.create_unix_connection(make, address.path, ssl=login.tls)
            else:
                _, wire = await loop.create_connection(make, address.host, address.port, ssl=login.tls)
            await _log_in(wire, login)
    except TimeoutError:
        metrics.STORE_TIMEOUTS.add(("connect",))
        raise ConnectionLost(f"{address}: no answer within {CONNECT_SECONDS:g} s") from None
    except (OSError, ValueError) as error:  # ValueError: a host that no resolver takes
        raise ConnectionLost(f"{address}: {error}") from error
    else:
        connected, wire = wire, None
        return connected
    finally:
        if wire is not None:
            wire.drop("the login failed")


async def _log_in(wire: Wire, login: Login) -> None:
    commands: list[Command] = []
    if login.user or login.password is not None:
        commands.append(("AUTH", *((login.user,) if login.user else ()), login.password or ""))
    if login.database:
        commands.append(("SELECT", login.database))
    needed = len(commands)
    commands += [("CLIENT", "SETNAME", CLIENT_NAME), ("PING",)]
    replies = await asyncio.gather(*(wire.request(pack(one)) for one in commands), return_exceptions=True)
    for index, reply in enumerate(replies):
        # some providers allow no names, and a server may be loading; but one that is full has closed the connection
        if isinstance(reply, BaseException) and (index < needed or not isinstance(reply, ReplyError)):
            raise reply
