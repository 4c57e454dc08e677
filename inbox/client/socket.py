"""One connection of the native protocol `inbox.v1`: requests with answers, and what comes by itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_socket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from inbox.client.errors import ClientError, Disconnected, FeedClosed, RequestRefused, is_temporary
from inbox.client.types import Json

PATH = "/v1/socket"
SUBPROTOCOL = Subprotocol("inbox.v1")
CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 35.0
"""The service pings every 25 s."""
MAX_IN_FLIGHT = 100
"""The service ends a socket with more requests than this."""
TOKEN_REFUSED = (4401, 4403)
CONNECT_TIMEOUT = 4408
"""The client was held up between opening and connecting, so the next attempt is another one."""
RETRY_AFTER = re.compile(r"retry_after=(\d+)")

OpenConnection: TypeAlias = Callable[..., AbstractAsyncContextManager[ClientConnection]]


class TokenRefused(ClientError):
    """The token has expired, was revoked, or is none: another one may be accepted."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


class Socket:
    """An open connection. `connect` comes first; then `frames` has to be consumed for answers to arrive."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._next_id = 1
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._in_flight = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._has_ended = False

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, open_connection: OpenConnection = connect_socket) -> AsyncIterator[Socket]:
        """Open the connection. Raise FeedClosed, or Disconnected if a later attempt may succeed."""
        address = re.sub("^http", "ws", url.rstrip("/")) + PATH
        options: Json = {
            "subprotocols": [SUBPROTOCOL],
            "open_timeout": CONNECT_SECONDS,
            "ping_interval": None,  # the service pings, and silence ends the connection
            "max_size": None,  # a list of a hundred notifications of 64 KiB is allowed
        }
        async with contextlib.AsyncExitStack() as stack:
            try:
                connection = await stack.enter_async_context(open_connection(address, **options))
            except InvalidStatus as error:
                raise _refused_handshake(error) from error
            except (OSError, TimeoutError, InvalidHandshake, EOFError) as error:
                raise Disconnected(f"{address} cannot be reached: {error}") from error
            try:
                yield cls(connection)
            finally:
                await connection.close()  # here, since to leave is no error: the library would say 1011

    async def connect(self, arguments: Json) -> Json:
        """Return the result of `connect`. Raise TokenRefused, FeedClosed, or Disconnected."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._connection.send(json.dumps({"id": self._take_id(), "connect": arguments}))
                while "id" not in (frame := await self._receive()):
                    pass  # a ping, before the answer
                if "result" in frame:
                    result: Json = frame["result"]
                    return result
                await self._connection.wait_closed()
        except TimeoutError as error:
            raise Disconnected("The service did not answer in time") from error
        except ConnectionClosed:
            raise self._ending() from None
        raise self._ending(frame["error"]["message"])

    async def frames(self) -> AsyncGenerator[Json]:
        """Yield the frames `event` and `ping`; give answers to those who wait. Raise what ended the connection."""
        try:
            while True:
                async with asyncio.timeout(SILENCE_SECONDS):
                    frame = await self._receive()
                if "id" in frame:
                    self._answer(frame)
                else:
                    yield frame
        except TimeoutError as error:
            raise Disconnected(f"Nothing was heard for {SILENCE_SECONDS:g} s") from error
        except ConnectionClosed:
            raise self._ending() from None
        finally:
            self._has_ended = True  # the connection may be open still, but nobody reads its answers
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(Disconnected("The connection was lost before the answer"))
                    answer.exception()  # a request that is still being sent takes no answer

    async def request(self, verb: str, arguments: Mapping[str, Any]) -> Any:
        """Return the result. Raise RequestRefused, or Disconnected if the connection ends before the answer."""
        async with self._in_flight:
            if self._has_ended:
                raise Disconnected("The connection was lost before the request")
            number = self._take_id()
            answer = self._answers[number] = asyncio.get_running_loop().create_future()
            try:
                await self._connection.send(json.dumps({"id": number, verb: arguments}))
                return await answer
            except ConnectionClosed as error:
                raise Disconnected("The connection was lost before the answer") from error
            finally:
                del self._answers[number]

    async def _receive(self) -> Json:
        try:
            frame: Json = json.loads(await self._connection.recv())
        except ValueError as error:
            raise Disconnected("A frame was no JSON") from error
        return frame

    def _take_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _answer(self, frame: Json) -> None:
        answer = self._answers.get(frame["id"])
        if answer is None or answer.done():
            return  # nobody waits any more
        error = frame.get("error")
        if error is None:
            answer.set_result(frame["result"])
        else:
            answer.set_exception(RequestRefused(error["code"], error["message"], is_temporary=error["retry"]))

    def _ending(self, refusal: str = "") -> ClientError:
        """Return why the connection ended, by its close code; `refusal` is the answer to a refused `connect`."""
        code, reason = self._connection.close_code or 1006, self._connection.close_reason or ""
        message = refusal or reason or f"The socket closed ({code})"
        if hint := RETRY_AFTER.match(reason):
            return Disconnected(message, int(hint[1]) / 1_000)
        if code in TOKEN_REFUSED:
            return TokenRefused(code, message)
        if 4400 <= code <= 4499 and code != CONNECT_TIMEOUT:
            return FeedClosed(code, message)
        return Disconnected(message)


def _refused_handshake(error: InvalidStatus) -> ClientError:
    status, seconds = error.response.status_code, error.response.headers.get("Retry-After", "")
    message = f"The service answered the handshake with {status} {error.response.reason_phrase}"
    if is_temporary(status):
        return Disconnected(message, float(seconds) if seconds.isdecimal() else None)
    return FeedClosed(status, message)
