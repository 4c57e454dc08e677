"""The status with which a request over a native socket is counted, which is that of its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import pytest

from inbox import metrics
from inbox.errors import NotFound
from inbox.realtime.handshake import Handshake, Refusal, Sockets
from inbox.realtime.native import NativeReceiver
from inbox.realtime.transport import SocketTransport


class Transport:
    """Keeps the task of the newest request, so that a test sees how it ends."""

    task: asyncio.Task[None]

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        self.task = asyncio.create_task(work)

    def write(self, frame: bytes) -> None: ...

    def close(self, _: Any) -> None: ...


class RefusingSockets:
    async def open(self, *_: Any) -> Any:
        raise Refusal(403, "this page may not")


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
async def receiver(transport: Transport) -> NativeReceiver:
    sockets, handshake = cast(Sockets, RefusingSockets()), Handshake(None, None, None)
    return NativeReceiver(sockets, handshake, cast(SocketTransport, transport))


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[Any, int]:
    """The requests of this test, by verb and status."""
    values: dict[Any, int] = {}
    monkeypatch.setattr(metrics.SOCKET_REQUESTS, "values", values)
    return values


@pytest.mark.parametrize(
    ("outcome", "status"), [({}, 200), (NotFound("no such message"), 404), (ValueError("a fault"), 500)]
)
async def test_a_request_is_counted_with_the_status_of_its_answer(
    receiver: NativeReceiver,
    transport: Transport,
    counted: dict[Any, int],
    monkeypatch: pytest.MonkeyPatch,
    outcome: dict[str, object] | Exception,
    status: int,
) -> None:
    async def carry_out(*_: Any) -> dict[str, object]:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(NativeReceiver, "_carry_out", carry_out)
    receiver.received('{"id":1,"list":{}}')
    await asyncio.wait([transport.task])
    error = transport.task.exception()
    assert error is (outcome if status == 500 else None), "a fault is for the log, and ends the socket"
    assert counted == {("list", status): 1}
    receiver.closed()


async def test_a_refused_connect_is_counted_as_refused(
    receiver: NativeReceiver, transport: Transport, counted: dict[Any, int]
) -> None:
    receiver.received('{"id":1,"connect":{"token":"t"}}')
    await transport.task
    assert counted == {("connect", 403): 1}
