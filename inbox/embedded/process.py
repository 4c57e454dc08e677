"""The store's own process: start it on a data directory, wait until it is ready, end it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path
from subprocess import SubprocessError

from inbox.embedded.control import State, probe
from inbox.embedded.directory import DataDirectory
from inbox.embedded.files import FileLock
from inbox.errors import StartupError
from inbox.settings import Durability

log = logging.getLogger(__name__)

START_SECONDS = 15.0
STOP_SECONDS = 10.0
PROBE_SECONDS = 0.01
LOADING_NOTE_SECONDS = 5.0

_PERSISTENCE: dict[Durability, list[str]] = {
    "memory": ["--appendonly", "no"],
    "everysec": ["--appendonly", "yes", "--appendfsync", "everysec"],
    "fsync": ["--appendonly", "yes", "--appendfsync", "always"],
}


class StoreProcess:
    """A running store, started by `start_process`."""

    def __init__(self, process: Process, socket_path: Path, directory: DataDirectory) -> None:
        self.socket_path = socket_path
        self._process = process
        self._directory = directory

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> int:
        """Return the exit code once the store has ended: the negative signal number if a signal ended it."""
        return await self._process.wait()

    async def wait_ready(self) -> None:
        """Return once the store answers with its data loaded, however long that takes.

        Raise StartupError with its last log line when it ends, or does not answer for START_SECONDS.
        """
        loop = asyncio.get_running_loop()
        ended = asyncio.create_task(self._process.wait())
        silent_since = logged_at = loop.time()
        try:
            while (state := await probe(self.socket_path)) is not State.READY:
                if state is State.LOADING:
                    silent_since = loop.time()
                if loop.time() - logged_at > LOADING_NOTE_SECONDS:
                    logged_at = loop.time()
                    log.info("waiting for the store: %s", state.value)
                done, _ = await asyncio.wait([ended], timeout=PROBE_SECONDS)
                if done or loop.time() - silent_since > START_SECONDS:
                    raise StartupError(f"the embedded store did not start: {last_log_line(self._directory.log_file)}")
        finally:
            ended.cancel()

    async def stop(self) -> None:
        """Terminate the store, and kill it if it is still running after STOP_SECONDS. Return once it has ended."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.returncode is not None:
                return
            with contextlib.suppress(ProcessLookupError):  # it ended in this very moment
                self._process.send_signal(number)
            try:
                await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
            except TimeoutError:
                log.warning("the store does not end on %s", number.name)


async def start_process(binary: Path, directory: DataDirectory, durability: Durability) -> StoreProcess:
    """Start a store on a data directory; the caller waits until it is ready.

    Raise StartupError when another store still uses the directory or the program does not run.
    """
    lock = directory.lock_store()
    if lock is None:
        raise StartupError(f"another store process still uses {directory.path}")
    try:
        socket_path = directory.choose_socket_path()
        command = [str(binary), *_arguments(directory, socket_path, durability)]
        process = await _spawn(command, directory, lock)
    except (OSError, SubprocessError) as error:
        raise StartupError(f"the embedded store cannot be started{_user_note(directory)}: {error}") from error
    finally:
        lock.close()  # the child process has inherited the lock
    return StoreProcess(process, socket_path, directory)


def last_log_line(log_file: Path) -> str:
    """Return the last line of a store's log, and the path of the log."""
    lines = log_file.read_text(errors="replace").split("\n") if log_file.exists() else []
    written = [line.strip() for line in lines if line.strip()]
    return f"{written[-1] if written else 'the log is empty'} (log: {log_file})"


async def _spawn(command: list[str], directory: DataDirectory, lock: FileLock) -> Process:
    owner = directory.owner
    with directory.open_log() as output:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(lock.descriptor,),
            start_new_session=True,  # Ctrl-C reaches the service only, which ends the store last
            preexec_fn=None if owner.is_this_process else owner.become,  # uvloop does not support `user`
        )


def _user_note(directory: DataDirectory) -> str:
    return "" if directory.owner.is_this_process else f" as {directory.owner.name}, the data directory's owner"


def _arguments(directory: DataDirectory, socket_path: Path, durability: Durability) -> list[str]:
    return [
        *("--port", "0"),
        *("--unixsocket", str(socket_path)),
        *("--unixsocketperm", "700"),
        *("--dir", str(directory.path)),
        *("--pidfile", str(directory.pid_file)),
        *_PERSISTENCE[durability],
        *("--save", ""),
        *("--stream-node-max-bytes", "1024"),
        *("--daemonize", "no"),
        *("--set-proc-title", "no"),  # a later run recognizes the store by its command line
    ]
