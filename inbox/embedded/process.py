"""The store's own process: started on a data directory, watched until it is ready, ended with its data written out."""

from __future__ import annotations

import asyncio
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
    """A running store. Made by `start_process`."""

    def __init__(self, process: Process, socket_path: Path, directory: DataDirectory) -> None:
        self.socket_path = socket_path
        self._process = process
        self._directory = directory

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> int:
        """Its exit code, once it has ended; minus the signal's number when a signal ended it."""
        return await self._process.wait()

    async def wait_ready(self) -> None:
        """Returns once it answers with its data loaded, however long the loading takes.

        Raises StartupError with its last words when it ends, or when it says nothing for 15 s.
        """
        loop = asyncio.get_running_loop()
        ended = asyncio.create_task(self._process.wait())
        silent_since = noted = loop.time()
        try:
            while (state := await probe(self.socket_path)) is not State.READY:
                if state is State.LOADING:
                    silent_since = loop.time()
                if loop.time() - noted > LOADING_NOTE_SECONDS:
                    noted = loop.time()
                    log.info("waiting for the store: %s", state.value)
                done, _ = await asyncio.wait([ended], timeout=PROBE_SECONDS)
                if done or loop.time() - silent_since > START_SECONDS:
                    raise StartupError(f"the embedded store did not start: {last_words(self._directory.log_file)}")
        finally:
            ended.cancel()

    async def stop(self) -> None:
        """Ends it and returns when it is gone; after 10 s without obedience it is killed."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.returncode is not None:
                return
            self._send(number)
            try:
                await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
            except TimeoutError:
                log.warning("the store does not end on %s", number.name)

    def _send(self, number: signal.Signals) -> None:
        try:
            self._process.send_signal(number)
        except ProcessLookupError:
            return  # it ended in this very moment


async def start_process(binary: Path, directory: DataDirectory, durability: Durability) -> StoreProcess:
    """Starts a store on a data directory that no other store uses; the caller waits until it is ready.

    Raises StartupError when another store still has the directory or the program does not run.
    """
    lock = directory.lock_store()
    if lock is None:
        raise StartupError(f"another store process still uses {directory.path}")
    try:
        socket_path = directory.choose_socket_path()
        command = [str(binary), *_arguments(directory, socket_path, durability)]
        process = await _spawn(command, directory, lock)
    except (OSError, SubprocessError) as error:
        raise StartupError(f"the embedded store cannot be started{_as_whom(directory)}: {error}") from error
    finally:
        lock.close()  # the child holds it from here on
    return StoreProcess(process, socket_path, directory)


def last_words(log_file: Path) -> str:
    """The last line that a store wrote to its log, and where to read the rest."""
    lines = log_file.read_text(errors="replace").split("\n") if log_file.exists() else []
    spoken = [line.strip() for line in lines if line.strip()]
    return f"{spoken[-1] if spoken else 'it said nothing'} (log: {log_file})"


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
            preexec_fn=None if owner.is_this_process else owner.become,  # uvloop's way knows no `user`
        )


def _as_whom(directory: DataDirectory) -> str:
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
        *("--set-proc-title", "no"),  # its command line tells a later run whose it is
    ]
