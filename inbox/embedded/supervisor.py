"""Keeps a store running: starts it, starts it again when it dies, ends it."""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType
from typing import Self

from inbox.embedded.binary import find_binary
from inbox.embedded.control import socket_url
from inbox.embedded.directory import DataDirectory
from inbox.embedded.orphan import end_orphan
from inbox.embedded.process import StoreProcess, last_words, start_process
from inbox.errors import StartupError
from inbox.settings import Durability
from inbox.tasks import end_tasks

log = logging.getLogger(__name__)

FIRST_DELAY_SECONDS = 0.1
LAST_DELAY_SECONDS = 5.0
STEADY_SECONDS = 10.0


class EmbeddedStore:
    """A store on a data directory that the caller holds, running for the length of an `async with` block.

    Entering raises StartupError when there is no program to run or it does not start. While the block runs, a store
    that dies is replaced, after 0.1 s at first and up to 5 s when it dies again and again; clients keep the same URL.
    """

    def __init__(self, directory: DataDirectory, durability: Durability) -> None:
        self._directory = directory
        self._durability = durability
        self._process: StoreProcess | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where clients reach it: a unix:// URL."""
        return socket_url(self._directory.socket_path())

    @property
    def pid(self) -> int | None:
        """The process id of the store; None before the first start."""
        return self._process.pid if self._process else None

    async def __aenter__(self) -> Self:
        self._binary = find_binary()
        await end_orphan(self._directory)
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        self._watcher = asyncio.create_task(self._watch(), name="store supervisor")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watcher:
            await end_tasks(self._watcher)
        await self._stop()

    async def _start(self) -> None:
        self._process = process = await start_process(self._binary, self._directory, self._durability)
        try:
            await process.wait_ready()
        except StartupError:
            await process.stop()
            raise

    async def _stop(self) -> None:
        if self._process:
            await self._process.stop()
        self._directory.clear_store()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        delay = FIRST_DELAY_SECONDS
        while self._process:
            started = loop.time()
            code = await self._process.wait()
            words = last_words(self._directory.log_file)
            log.error("the store ended with code %d: %s", code, words, extra={"action": "store_end"})
            if loop.time() - started > STEADY_SECONDS:
                delay = FIRST_DELAY_SECONDS
            await asyncio.sleep(delay)
            delay = min(2 * delay, LAST_DELAY_SECONDS)
            await self._restart()

    async def _restart(self) -> None:
        """Starts the store once more; when that fails, `_watch` sees it ended and comes back later."""
        try:
            await end_orphan(self._directory)  # a child of the dead one may still be writing
            await self._start()
            log.warning("the store runs again, as process %d", self.pid, extra={"action": "store_start"})
        except StartupError as error:
            log.error("%s", error, extra={"action": "store_start"})
