"""How a process reaches its store: at INBOX_REDIS_URL, embedded in this process, or embedded in the running service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inbox.embedded.store import SERVE, Store
from inbox.settings import Settings


@asynccontextmanager
async def open_store(settings: Settings, command: str = SERVE) -> AsyncIterator[Store]:
    """Yield the store at INBOX_REDIS_URL, else an embedded one: for a command that of a running service, if any.

    A command works in the mode of that service, running or stopped, unless INBOX_MODE is set. Raise StartupError when
    the directory cannot be used, is held by another service, or the store does not start.
    """
    if settings.redis_url is not None:
        yield Store(settings.redis_url, settings.mode)
        return
    from inbox.embedded.local import borrow_store, run_store  # need a POSIX system, which a URL does not

    async with run_store(settings) if command == SERVE else borrow_store(settings, command) as store:
        yield store
