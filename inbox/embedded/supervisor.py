"""The supervisor of an embedded store, which starts it again when it dies."""

from __future__ import annotations

import asyncio
import logging
from typing import Self

from inbox.embedded.binary import find_binary
from inbox.embedded.control import socket_url
from inbox.embedded.directory import DataDirectory
from inbox.embedded.orphan import end_orphan
from inbox.embedded.process import StoreProcess, last_log_line, start_process
from inbox.errors import StartupError
from inbox.settings import Durability
from inbox.tasks import end_tasks

log = logging.getLogger(__name__)

FIRST_DELAY_SECONDS = 0.1
LAST_DELAY_SECONDS = 5.0
STEADY_SECONDS = 10.0


class EmbeddedStore:
    """A store on a data directory that the caller holds, running for the length of an `async with` block.

    Entering raises StartupError when there is no program to run or it does not start. During the block a store that
    dies is started again after 0.1 s, up to 5 s when it dies repeatedly; clients keep the same URL.
    """

    def __init__(self, directory: DataDirectory, durability: Durability) -> None:
        self._directory = directory
        self._durability = durability
        self._process: StoreProcess | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return socket_url(self._directory.socket_path())

    @property
    def pid(self) -> int | None:
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

    async def __aexit__(self, *_: object) -> None:
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
            reason = last_log_line(self._directory.log_file)
            log.error("the store ended with code %d: %s", code, reason, extra={"action": "store_end"})
            if loop.time() - started > STEADY_SECONDS:
                delay = FIRST_DELAY_SECONDS
            await asyncio.sleep(delay)
            delay = min(2 * delay, LAST_DELAY_SECONDS)
            await self._restart()

    async def _restart(self) -> None:
        """Start the store again; if that fails, `_watch` sees that it has ended and retries."""
        try:
            await end_orphan(self._directory)  # a child of the ended store may still be writing
            await self._start()
            log.warning("the store runs again, as process %d", self.pid, extra={"action": "store_start"})
        except StartupError as error:
            log.error("%s", error, extra={"action": "store_start"})
