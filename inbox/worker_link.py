"""The socket between a worker and the first process, which starts it (`inbox/multiprocess.py`).

It is the worker's standard input. The worker writes a byte when it serves. A byte of the first process asks for the
worker's metrics; the answer is their length in four bytes, and JSON. At the end of it the other process is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable

import msgspec

from inbox.metrics_snapshot import MetricsSnapshot
from inbox.tasks import end_tasks, start_detached

log = logging.getLogger(__name__)

PARENT = 0
LENGTH_BYTES = 4
ANSWER_SECONDS = 5.0
_SERVES, _ASKS = b".", b"?"


class ParentLink:
    """The worker's end."""

    def __init__(self, on_lost: Callable[[], None], descriptor: int = PARENT) -> None:
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._socket = socket.fromfd(descriptor, socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._read: Callable[[], Awaitable[MetricsSnapshot]]
        self._loop.add_reader(self._socket, self._hear)

    def serve(self, read: Callable[[], Awaitable[MetricsSnapshot]]) -> None:
        """Say that this worker serves; `read` returns its metrics."""
        self._read = read
        self._socket.send(_SERVES)

    def close(self) -> None:
        """Forget the socket; the descriptor that it came from stays open."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _hear(self) -> None:
        if self._socket.recv(1):
            start_detached(self._answer(), "metrics")
        else:
            self._loop.remove_reader(self._socket)
            self._on_lost()

    async def _answer(self) -> None:
        try:
            body = msgspec.json.encode(await self._read())
        except Exception:  # without an answer the first process could never ask again
            log.exception("the metrics cannot be read", extra={"action": "metrics_failed"})
            body = msgspec.json.encode({})
        with contextlib.suppress(ConnectionError):
            await self._loop.sock_sendall(self._socket, len(body).to_bytes(LENGTH_BYTES, "big") + body)


class WorkerLink:
    """The end of the first process. Whoever asks while an answer is due gets that one too."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self._loop = asyncio.get_running_loop()
        self._asking: asyncio.Task[MetricsSnapshot] | None = None

    async def wait_ready(self) -> bool:
        """Return whether the worker serves; False if it has ended. Raise ConnectionError."""
        return bool(await self._loop.sock_recv(self._socket, 1))

    async def read_metrics(self) -> MetricsSnapshot:
        """Return the worker's metrics. Raise TimeoutError, or ConnectionError if it has ended."""
        asking = self._asking
        if asking is None or asking.done():
            asking = self._asking = start_detached(self._ask(), "ask a worker")
        # one that is late goes on: its answer must not be taken for that of the next question
        if not (await asyncio.wait([asking], timeout=ANSWER_SECONDS))[0]:
            raise TimeoutError
        if asking.cancelled() or isinstance(asking.exception(), OSError):
            raise ConnectionResetError("the worker has ended")
        return asking.result()

    async def close(self) -> None:
        if self._asking is not None:
            await end_tasks(self._asking)
        self._socket.close()

    async def _ask(self) -> MetricsSnapshot:
        if self._socket.fileno() < 0:
            raise ConnectionResetError("the worker has ended")
        await self._loop.sock_sendall(self._socket, _ASKS)
        size = int.from_bytes(await self._take(LENGTH_BYTES), "big")
        return msgspec.json.decode(await self._take(size), type=MetricsSnapshot)

    async def _take(self, size: int) -> bytes:
        taken = bytearray()
        while len(taken) < size:
            data = await self._loop.sock_recv(self._socket, size - len(taken))
            if not data:
                raise ConnectionResetError("the worker has ended")
            taken += data
        return bytes(taken)
