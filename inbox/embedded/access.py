"""How a process gets at its store: the one of INBOX_REDIS_URL, an embedded one of its own, or the running service's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inbox.embedded.address import Store, tell_nobody
from inbox.settings import Settings


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The store of a service: INBOX_REDIS_URL, else one that this process runs in its data directory.

    Raises StartupError when the directory cannot be used, is held by another service, or the store does not start.
    """
    if settings.redis_url is not None:
        yield _given_store(settings, settings.redis_url)
        return
    from inbox.embedded.local import run_store  # needs a POSIX system, which a URL does not

    async with run_store(settings) as store:
        yield store


@asynccontextmanager
async def use_store(settings: Settings, command: str) -> AsyncIterator[Store]:
    """The store for a command: INBOX_REDIS_URL, else the running service's, else one run for the command's time.

    The mode is that of the service, running or stopped, where INBOX_MODE does not say otherwise. Raises StartupError.
    """
    if settings.redis_url is not None:
        yield _given_store(settings, settings.redis_url)
        return
    from inbox.embedded.local import borrow_store

    async with borrow_store(settings, command) as store:
        yield store


def _given_store(settings: Settings, url: str) -> Store:
    return Store(url, settings.mode, announce=tell_nobody)
