"""A real service: `python -m inbox serve` as a process of its own, on a free port."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from .forking import Constants
from .processes import REPOSITORY, ChildProcess, ForkedChild, free_port

API_KEY = "0f6b1d2c9a7e4835b1c0d9e8f7a6b5c4"
APPLICATION_IDENTIFIER = "benchIdent01"
DEFAULTS: dict[str, str] = {}
"""Settings of each service that does not set them itself; pytest's options may add some."""
READY_SECONDS = 60.0
TOKEN = r"eyJ[\w-]{8,}\.[\w-]+"  # how a JWT begins


class Server:
    """One service process. It can be ended and started again with the same settings, port and data."""

    def __init__(
        self,
        directory: Path,
        settings: dict[str, str],
        *,
        demo: bool,
        wrapper: Sequence[str],
        constants: Constants | None,
    ) -> None:
        assert not (wrapper and constants), "only a fork can have other constants"
        self.directory = directory
        self.port = free_port()
        self.settings = {
            "INBOX_HOST": "127.0.0.1",
            "INBOX_PORT": str(self.port),
            "INBOX_API_KEY": API_KEY,
            "INBOX_APPLICATION_IDENTIFIER": APPLICATION_IDENTIFIER,
            "INBOX_DRAIN_SECONDS": "0",
            **DEFAULTS,
            **({"INBOX_MODE": "development"} if demo else {}),
            **settings,
        }
        self.arguments = ["serve", *(["--demo"] if demo else [])]
        self.wrapper = list(wrapper)
        self.constants = constants
        self.process: ChildProcess | None = None
        self.log_from = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def api_key(self) -> str:
        return self.settings["INBOX_API_KEY"]

    @property
    def application_identifier(self) -> str:
        return self.settings["INBOX_APPLICATION_IDENTIFIER"]

    @property
    def data_directory(self) -> Path:
        """Where the embedded store keeps its data; only without INBOX_REDIS_URL."""
        return Path(self.settings["INBOX_DATA_DIR"])

    @property
    def pid(self) -> int:
        return self._running().pid

    def _running(self) -> ChildProcess:
        assert self.process is not None, "the service was not started"
        return self.process

    def environment(self) -> dict[str, str]:
        """This process's environment without any setting of the service, then the settings of this server."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("INBOX_")}
        inherited.pop("PORT", None)
        return {**inherited, "PYTHONUNBUFFERED": "1", **self.settings}

    async def start(self) -> None:
        """Starts the process (again) and returns once `/ready` answers 200.

        Raises AssertionError with the log when it ends or is not ready within a minute.
        """
        log_path, env = self.directory / "service.log", self.environment()
        if self.wrapper:
            command = [*self.wrapper, sys.executable, "-m", "inbox", *self.arguments]
            self.process = ChildProcess(command, env=env, log_path=log_path, cwd=REPOSITORY)
        else:
            self.process = ForkedChild(
                self.arguments, env=env, log_path=log_path, cwd=REPOSITORY, constants=self.constants
            )
        await self.wait_ready()

    async def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Returns once `/ready` answers 200."""
        deadline = time.monotonic() + seconds
        async with httpx.AsyncClient(base_url=self.url, timeout=5, trust_env=False) as client:
            while not await self._is_ready(client):
                assert self._running().exit_code is None, f"the service ended:\n{self.log()}"
                assert time.monotonic() < deadline, f"the service is not ready:\n{self.log()}"
                await asyncio.sleep(0.02)

    @staticmethod
    async def _is_ready(client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get("/ready")).status_code == 200
        except httpx.TransportError:  # it does not listen yet
            return False

    def log(self) -> str:
        """Everything the process has written so far, earlier starts included; a view's since the view was made."""
        return self._running().log()[self.log_from :]

    async def kill(self) -> None:
        """SIGKILL, as a crash of the machine would: no shutdown code runs."""
        await asyncio.to_thread(self._running().kill)

    async def terminate(self) -> int:
        """SIGTERM; the exit code. Raises subprocess.TimeoutExpired when it does not end within half a minute."""
        return await asyncio.to_thread(self._running().terminate)

    async def stop(self) -> None:
        """Ends it if it runs: the end of every test."""
        if self.process is not None and self.process.exit_code is None:
            await self.terminate()


def check_log(server: Server) -> None:
    """Whatever a test did to it, a service logs no traceback and nothing that lets one in."""
    log = server.log()
    assert "Traceback" not in log, log
    assert not re.search(TOKEN, log), "a session token is in the log"
    if server.api_key and "--demo" not in server.arguments:  # the demo prints the key, for the person at the terminal
        assert server.api_key not in log, "the API key is in the log"


@asynccontextmanager
async def running_server(
    directory: Path,
    *,
    redis_url: str | None = None,
    demo: bool = False,
    wrapper: Sequence[str] = (),
    constants: Constants | None = None,
    **settings: str,
) -> AsyncIterator[Server]:
    """A service that is ready; ended at the end of the block, and its log checked.

    `redis_url` is the store; without it the service embeds its own, with its data in `directory`. `demo` adds the demo
    in development mode. `wrapper` is put before the command (strace). `constants` are other values for constants of the
    program, for what would take long. Settings go by their full names: INBOX_X="…".
    """
    where = {"INBOX_REDIS_URL": redis_url} if redis_url else {"INBOX_DATA_DIR": str(directory / "data")}
    server = Server(directory, {**where, **settings}, demo=demo, wrapper=wrapper, constants=constants)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
    check_log(server)


@asynccontextmanager
async def new_server(**options: Any) -> AsyncIterator[Server]:
    """A `running_server` in a directory of its own."""
    # not pytest's tmp_path: the embedded store's socket needs a path below 108 bytes
    with tempfile.TemporaryDirectory(prefix="inbox-server-") as home:
        async with running_server(Path(home), **options) as server:
            yield server
