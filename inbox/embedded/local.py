"""The store of a data directory: run by the process that holds the directory, and used by commands meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager

import msgspec

from inbox.embedded.control import State, probe, socket_url
from inbox.embedded.directory import DataDirectory, DirectoryInUse, Holder
from inbox.embedded.files import FileLock
from inbox.embedded.store import SERVE, Store
from inbox.embedded.supervisor import EmbeddedStore
from inbox.errors import StartupError
from inbox.settings import Mode, Settings

WAIT_SECONDS = 15.0
POLL_SECONDS = 0.05


@asynccontextmanager
async def run_store(settings: Settings, command: str = SERVE) -> AsyncIterator[Store]:
    """Hold the data directory and run a store on it during the block. Wait for a command that holds the directory.

    Raise DirectoryInUse when a service holds it, and StartupError, also for a command where there is no data, since
    nobody would serve what it stores.
    """
    directory = DataDirectory(settings.data_dir)
    mode = settings.mode if command == SERVE else _mode(settings, directory.served_mode)
    holder = Holder.this_process(command, mode)
    with ExitStack() as stack:
        lock = await _hold(stack, directory, holder)
        if command != SERVE and (settings.durability == "memory" or not directory.has_data):
            raise _no_data(settings)
        async with EmbeddedStore(directory, settings.durability) as embedded:
            yield Store(embedded.url, mode, announce=lambda url: _write_url(lock, holder, url))


@asynccontextmanager
async def borrow_store(settings: Settings, command: str) -> AsyncIterator[Store]:
    """Yield the store of the service that holds the data directory, else one of `run_store`. Raise StartupError."""
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    if not DataDirectory.was_used(settings.data_dir):
        raise _no_data(settings)
    async with AsyncExitStack() as stack:
        store = None
        while (
            store is None
        ):  # a service that is starting or ending holds the directory before or after its store answers
            try:
                store = await stack.enter_async_context(run_store(settings, command))
            except DirectoryInUse as in_use:
                store = await _find_running(settings, in_use.holder)
                if store is None and asyncio.get_running_loop().time() > deadline:
                    raise StartupError(f"{in_use}, whose store does not answer") from in_use
                await asyncio.sleep(0 if store else POLL_SECONDS)
        yield store


async def _hold(stack: ExitStack, directory: DataDirectory, holder: Holder) -> FileLock:
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    while True:
        try:
            return stack.enter_context(directory.hold(holder))
        except DirectoryInUse as in_use:
            is_service = in_use.holder is not None and in_use.holder.command == SERVE
            if is_service or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(POLL_SECONDS)


async def _find_running(settings: Settings, holder: Holder | None) -> Store | None:
    directory = DataDirectory(settings.data_dir)
    path = directory.socket_path()
    if holder is None or await probe(path) is not State.READY:
        return None
    return Store(socket_url(path), _mode(settings, holder.mode))


def _mode(settings: Settings, service_mode: Mode | None) -> Mode:
    """Return INBOX_MODE if it is set, else the mode of the service: a command means its environment."""
    return settings.mode if service_mode is None or "mode" in settings.model_fields_set else service_mode


def _no_data(settings: Settings) -> StartupError:
    return StartupError(
        f"no service keeps data in {settings.data_dir.absolute()}: start `inbox serve` first, or set INBOX_REDIS_URL "
        "or INBOX_DATA_DIR as the service has it"
    )


def _write_url(lock: FileLock, holder: Holder, url: str) -> None:
    lock.write(msgspec.json.encode(msgspec.structs.replace(holder, url=url)))
