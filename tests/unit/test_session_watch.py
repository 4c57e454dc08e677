"""Which sockets outlive their session, and how they are ended."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import pytest

from inbox.errors import StoreUnavailable
from inbox.events import SESSION_REVOKED, TOKEN_EXPIRED, Close
from inbox.fanout import session_watch
from inbox.fanout.session_watch import SessionWatch

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


def opened(watch: SessionWatch, expires_at: float = LATER, environment: int = 1) -> Tab:
    tab = Tab()
    watch.add(tab, ENVIRONMENT if environment == 1 else SECOND, expires_at)  # type: ignore[arg-type]
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
    tab = opened(watch, time.time() - 0.1)
    watch.remove(tab)  # type: ignore[arg-type]
    watch.remove(tab)  # type: ignore[arg-type]
    await watch.look()
    assert tab.ended == []


async def test_without_sockets_the_store_is_not_asked(watch: SessionWatch, store: Store) -> None:
    await watch.look()
    assert store.reads == 0


async def test_a_look_that_fails_is_not_the_last(
    watch: SessionWatch, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session_watch, "PERIOD_SECONDS", 0.01)
    failing = opened(watch, time.time() - 0.1)
    monkeypatch.setattr(failing, "end", lambda _: 1 / 0)
    watch.start()
    try:
        await store.has_read(3)
    finally:
        await watch.close()
    assert "sessions not looked over" in caplog.text


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
        watch.add(object(), ENVIRONMENT, LATER)  # type: ignore[arg-type]
    await watch.look()
    assert (looked_at, store.reads) == (10_000, 1)
