"""A subscriber connection that takes nothing any more, though messages still arrive on it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from inbox.realtime import listener
from inbox.realtime.listener import _Link
from inbox.store.connection.wire import pack

CHANNEL = "feed:{1}"
MESSAGE = [b"smessage", CHANNEL.encode(), b"x"]


class Wire:
    """Acknowledges subscriptions. It answers no ping, but brings a message in its place."""

    address = "there"
    on_push: Any = None

    def __init__(self) -> None:
        self.lost = asyncio.get_running_loop().create_future()
        self.dropped: list[str] = []

    def send(self, packed: bytes) -> None:
        is_ping = packed == pack(("PING",))
        asyncio.get_running_loop().call_soon(self.on_push, MESSAGE if is_ping else [b"ssubscribe", CHANNEL.encode(), 1])

    def drop(self, reason: str) -> None:
        self.dropped.append(reason)


async def test_messages_are_no_answers_to_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HEARTBEAT_SECONDS", 0.001)
    wires: list[Wire] = []
    failures: list[Exception] = []
    heard: list[bytes] = []
    restored = asyncio.Event()

    async def dial() -> Wire:
        wires.append(Wire())
        return wires[-1]

    async def reroute(_: object) -> None:
        return

    owner: Any = SimpleNamespace(
        client=SimpleNamespace(on_failure=failures.append),
        receive=lambda _, payload: heard.append(payload),
        reroute=reroute,
        on_restored=lambda _: restored.set(),
    )
    node: Any = SimpleNamespace(name="there", dial=dial, is_closed=False)
    link = _Link(node, owner)
    link.add(CHANNEL)
    async with asyncio.timeout(60):
        await restored.wait()
    await link.close()
    assert wires[0].dropped == ["the listener ends"]
    assert "no answer" in str(failures[0])
    assert b"x" in heard
