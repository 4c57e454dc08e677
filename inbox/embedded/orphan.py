"""A store that outlived its service (kill -9, a crash) and still uses the data directory."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

from inbox.embedded.control import request_shutdown
from inbox.embedded.directory import DataDirectory
from inbox.embedded.files import command_line
from inbox.errors import StartupError

log = logging.getLogger(__name__)

END_SECONDS = 10.0
POLL_SECONDS = 0.02


async def end_orphan(directory: DataDirectory) -> None:
    """End the store of an earlier run, after it has written out its data, so that never two use one directory.

    Call it while holding the directory. Raise StartupError when the store cannot be ended.
    """
    if not _has_store(directory):
        return
    log.warning("ending the store that an earlier run left", extra={"action": "end_orphan"})
    await request_shutdown(directory.socket_path())
    if await _is_gone(directory):
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        if _signal_store(directory, number) and await _is_gone(directory):
            return
    raise StartupError(f"a store process of an earlier run still uses {directory.path} and does not end")


def _has_store(directory: DataDirectory) -> bool:
    lock = directory.lock_store()
    if lock:
        lock.close()
    return lock is None


async def _is_gone(directory: DataDirectory) -> bool:
    try:
        async with asyncio.timeout(END_SECONDS):
            while _has_store(directory):  # noqa: ASYNC110 (another process's end can only be polled)
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        return False
    return True


def _signal_store(directory: DataDirectory, number: signal.Signals) -> bool:
    """Return whether the signal was sent. Check the command line: another process may have the number by now."""
    try:
        pid = int(directory.pid_file.read_text())
        if not any(str(directory.path) in argument for argument in command_line(pid)):
            return False
        os.kill(pid, number)
    except (OSError, ValueError):
        return False
    return True
