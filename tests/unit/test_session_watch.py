"""Which sockets outlive their session, and how they are ended."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from inbox.errors import StoreUnavailable
from inbox.models.environment import Environment
from inbox.realtime import session_watch
from inbox.realtime.events import SESSION_REVOKED, TOKEN_EXPIRED, Close
from inbox.realtime.session_watch import SessionWatch

from .fake_feed import ENVIRONMENT, Tab

LATER = time.time() + 3600
SECOND = msgspec.structs.replace(ENVIRONMENT, number=2)


class Store:
    """The generations, as read: `away` while the store is."""

    def __init__(self) -> None:
        self.generations = {1: 0, 2: 0}
        self.away = False
        self.reads = 0
        self._was_read = asyncio.Condition()

    async def has_read(self, times: int) -> None:
        async with self._was_read:
            await self._was_read.wait_for(lambda: self.reads >= times)

    async def read(self) -> dict[int, int]:
        self.reads += 1
        async with self._was_read:
            self._was_read.notify_all()
        if self.away:
            raise StoreUnavailable
        return self.generations


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def watch(store: Store) -> SessionWatch:
    return SessionWatch(store.read)


@dataclass(eq=False)
class Socket:
    environment: Environment = ENVIRONMENT
    expires_at: float = LATER
    connection: Any = field(default_factory=Tab)


def opened(watch: SessionWatch, expires_at: float = LATER, environment: int = 1) -> Tab:
    socket = Socket(ENVIRONMENT if environment == 1 else SECOND, expires_at)
    watch.add(socket)
    tab: Tab = socket.connection
    return tab


async def test_an_expired_token_ends_its_socket_alone(watch: SessionWatch) -> None:
    staying, expired = opened(watch), opened(watch, time.time() - 0.1)
    await watch.look()
    assert (staying.ended, expired.ended) == ([], [TOKEN_EXPIRED])


async def test_a_revoked_key_ends_every_socket_of_its_environment(watch: SessionWatch, store: Store) -> None:
    first, second, other = opened(watch), opened(watch), opened(watch, environment=2)
    store.generations[1] = 1
    await watch.look()
    assert (first.ended, second.ended, other.ended) == ([SESSION_REVOKED], [SESSION_REVOKED], [])


async def test_a_socket_of_an_environment_that_is_gone_ends(watch: SessionWatch, store: Store) -> None:
    tab = opened(watch)
    del store.generations[1]
    await watch.look()
    assert tab.ended == [SESSION_REVOKED]


async def test_a_store_that_is_away_ends_nobody_but_the_expired(watch: SessionWatch, store: Store) -> None:
    staying, expired = opened(watch), opened(watch, time.time() - 0.1)
    store.away, store.generations = True, {}
    await watch.look()
    assert (staying.ended, expired.ended) == ([], [TOKEN_EXPIRED])


async def test_one_that_left_is_forgotten(watch: SessionWatch) -> None:
    socket = Socket(expires_at=time.time() - 0.1)
    watch.add(socket)
    watch.remove(socket)
    watch.remove(socket)
    await watch.look()
    assert socket.connection.ended == []


async def test_without_sockets_the_store_is_not_asked(watch: SessionWatch, store: Store) -> None:
    await watch.look()
    assert store.reads == 0


async def test_each_socket_is_looked_at_once_and_the_store_asked_once_for_all(
    watch: SessionWatch, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every 2 s, over all sockets of a process: it must not be felt."""
    looked_at = 0

    def count_looks(*args: Any) -> Close | None:
        nonlocal looked_at
        looked_at += 1
        return end_of(*args)

    end_of = session_watch._end_of
    monkeypatch.setattr(session_watch, "_end_of", count_looks)
    for _ in range(10_000):
        watch.add(Socket())
    await watch.look()
    assert (looked_at, store.reads) == (10_000, 1)
