"""The embedded store: one server on one directory, kept alive, ended cleanly, found again after a crash."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import stat
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from inbox.embedded import binary, orphan
from inbox.embedded.control import State, probe
from inbox.embedded.directory import SOCKET_PATH_BYTES, DataDirectory, DirectoryInUse, Holder
from inbox.embedded.files import FileLock
from inbox.embedded.local import borrow_store, run_store
from inbox.embedded.process import StoreProcess, start_process
from inbox.embedded.supervisor import LAST_DELAY_SECONDS, EmbeddedStore
from inbox.errors import StartupError
from inbox.settings import Settings

from ..support.tools import TOOLS
from .conftest import is_running

SERVERS = [
    pytest.param("valkey", marks=pytest.mark.needs("valkey")),
    pytest.param("redis-server", marks=pytest.mark.needs("redis-server")),
]


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program that is embedded: the packaged Valkey, or the system's redis-server."""
    path = TOOLS[request.param].find()
    assert path is not None
    if request.param == "redis-server":
        monkeypatch.setattr(binary, "_candidates", lambda: [Path(path)])
    return Path(path)


def settings_for(data: Path, **others: str) -> Settings:
    return Settings.model_validate({"data_dir": data, **others})


async def run_once(data: Path) -> None:
    """A service has been here."""
    async with run_store(settings_for(data)):
        pass


async def ask(url: str, *command: str) -> object:
    async with Redis.from_url(url, protocol=2, decode_responses=True) as client:
        return await client.execute_command(*command)


async def ask_patiently(url: str, *command: str) -> object:
    """The reply, from a store that is being started again."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await ask(url, *command)
            except (RedisError, OSError):
                await asyncio.sleep(0.01)


async def leave_orphan(data: Path) -> StoreProcess:
    """A store as a service killed with -9 leaves it: running, with nobody who holds the directory."""
    process = await start_process(binary.find_binary(), DataDirectory(data), "everysec")
    await process.wait_ready()
    return process


async def test_keeps_its_data_and_leaves_no_process(server: Path, home: Path) -> None:
    async with run_store(settings_for(home / "data")) as store:
        await ask(store.url, "SET", "k", "v")
        pid = int((home / "data" / "store.pid").read_text())
        assert is_running(pid)
    assert not is_running(pid)
    assert {path.name for path in (home / "data").iterdir()} == {
        "appendonlydir",
        "inbox.lock",
        "inbox.mode",
        "store.lock",
        "store.log",
    }
    async with run_store(settings_for(home / "data")) as store:
        assert await ask(store.url, "GET", "k") == "v"


async def test_only_the_owner_can_reach_it(server: Path, home: Path) -> None:
    async with run_store(settings_for(home / "data")) as store:
        assert await ask(store.url, "CONFIG", "GET", "port") == ["port", "0"]
        assert stat.S_IMODE((home / "data" / "store.sock").stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "data").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("durability", "expected"),
    [("memory", ("no", "everysec")), ("everysec", ("yes", "everysec")), ("fsync", ("yes", "always"))],
)
async def test_durability(server: Path, home: Path, durability: str, expected: tuple[str, str]) -> None:
    async with run_store(settings_for(home / "data", durability=durability)) as store:
        for name, value in zip(("appendonly", "appendfsync"), expected, strict=True):
            assert await ask(store.url, "CONFIG", "GET", name) == [name, value]
        assert await ask(store.url, "CONFIG", "GET", "save") == ["save", ""]
        assert await ask(store.url, "CONFIG", "GET", "stream-node-max-bytes") == ["stream-node-max-bytes", "1024"]


async def test_a_path_of_any_characters(server: Path, home: Path) -> None:
    data = home / 'it\'s a "data" directory, größer\\n'
    async with run_store(settings_for(data)) as store:
        await ask(store.url, "SET", "k", "v")
    assert (data / "appendonlydir").is_dir()


@pytest.mark.parametrize("excess", [-1, 0, 60])
async def test_a_path_at_the_limit_of_a_socket(server: Path, home: Path, excess: int) -> None:
    fixed = len(os.fsencode(home / "x" / "store.sock")) - 1
    data = home / ("x" * (SOCKET_PATH_BYTES + excess - fixed))
    directory = DataDirectory(data)
    async with run_store(settings_for(data)) as store:
        await ask(store.url, "SET", "k", "v")
        path = directory.socket_path()
        assert (path.parent == data) == (excess < 0)
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        async with borrow_store(settings_for(data), "keys") as borrowed:
            assert await ask(borrowed.url, "GET", "k") == "v"
    assert not path.exists()
    assert path.parent == data or not path.parent.exists()


async def test_a_store_that_dies_is_started_again(server: Path, home: Path) -> None:
    async with run_store(settings_for(home / "data", durability="fsync")) as store:
        await ask(store.url, "SET", "k", "v")
        first = int((home / "data" / "store.pid").read_text())
        os.kill(first, signal.SIGKILL)
        assert await ask_patiently(store.url, "GET", "k") == "v"
        second = int((home / "data" / "store.pid").read_text())
        assert second != first
        assert not is_running(first)
    assert not is_running(second)


@pytest.mark.needs("valkey")
async def test_back_off_while_it_cannot_be_started(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken = home / "broken"
    broken.write_text("#!/bin/sh\necho out of order\nexit 3\n")
    broken.chmod(0o700)
    data = DataDirectory(home / "data")
    with data.hold(Holder.this_process("serve", "production")):
        async with EmbeddedStore(data, "everysec") as store:
            good, store._binary = store._binary, broken
            assert store.pid is not None
            os.kill(store.pid, signal.SIGKILL)
            async with asyncio.timeout(30):
                while len(ends := [r.created for r in caplog.records if "ended with code" in r.getMessage()]) < 4:
                    await asyncio.sleep(0.01)
            store._binary = good
            assert await ask_patiently(store.url, "PING") in ("PONG", True)
    waits = [later - earlier for earlier, later in pairwise(ends)]
    assert all(wait >= delay for wait, delay in zip(waits, (0.1, 0.2, 0.4), strict=True)), waits
    assert max(waits) < LAST_DELAY_SECONDS, waits
    assert any("the embedded store did not start: out of order" in record.getMessage() for record in caplog.records)
    assert all(record.levelno >= logging.WARNING for record in caplog.records if record.name.startswith("inbox"))


async def test_an_orphan_is_ended_before_the_next_start(server: Path, home: Path) -> None:
    left = await leave_orphan(home / "data")
    await ask(f"unix://{left.socket_path}", "SET", "k", "v")
    async with run_store(settings_for(home / "data")) as store:
        assert not is_running(left.pid)
        assert await left.wait() == 0  # else its transport may be left open when the loop closes
        assert await ask(store.url, "GET", "k") == "v"
    assert "bye bye" in (home / "data" / "store.log").read_text()


@pytest.mark.needs("valkey")
async def test_an_orphan_at_a_short_socket_path_is_found(home: Path) -> None:
    data = home / ("x" * 150)
    left = await leave_orphan(data)
    await ask(f"unix://{left.socket_path}", "SET", "k", "v")
    async with run_store(settings_for(data)) as store:
        assert not is_running(left.pid)
        assert await left.wait() == 0
        assert await ask(store.url, "GET", "k") == "v"


async def test_an_orphan_that_does_not_answer_is_killed(
    server: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphan, "END_SECONDS", 1.0)  # also for the killed one: a busy machine takes a while to bury it
    left = await leave_orphan(home / "data")
    await ask(f"unix://{left.socket_path}", "SET", "k", "v")
    os.kill(left.pid, signal.SIGSTOP)
    async with run_store(settings_for(home / "data")) as store:
        assert await left.wait() == -signal.SIGKILL
        assert await ask(store.url, "GET", "k") == "v"


@pytest.mark.needs("valkey")
async def test_a_stranger_with_the_orphans_number_is_left_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphan, "END_SECONDS", 0.2)
    data = DataDirectory(home / "data")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        data.pid_file.write_text(str(stranger.pid))
        held = FileLock.acquire(data.store_lock)
        assert held is not None
        with pytest.raises(StartupError, match="a store process of an earlier run still uses"):
            async with run_store(settings_for(data.path)):
                pytest.fail("two stores on one directory")
        held.close()
        assert stranger.poll() is None
        stranger.communicate(b"\n")


@pytest.mark.needs("valkey")
async def test_never_two_stores_on_one_directory(home: Path) -> None:
    left = await leave_orphan(home / "data")
    with pytest.raises(StartupError, match="another store process still uses"):
        await start_process(binary.find_binary(), DataDirectory(home / "data"), "everysec")
    assert await probe(left.socket_path) is State.READY
    await left.stop()
    assert await probe(left.socket_path) is State.SILENT


@pytest.mark.needs("valkey")
async def test_a_second_service_is_told_who_has_the_directory(home: Path) -> None:
    async with run_store(settings_for(home / "data", mode="development")) as store:
        store.announce("http://127.0.0.1:8000")
        with pytest.raises(DirectoryInUse) as caught:
            async with run_store(settings_for(home / "data")):
                pytest.fail("two services on one directory")
    told = str(caught.value)
    assert f"{home}/data is in use by process {os.getpid()} (inbox serve at http://127.0.0.1:8000, since 2" in told
    assert "\n" not in told


@pytest.mark.needs("valkey")
async def test_a_command_uses_the_services_store_and_mode(home: Path) -> None:
    async with run_store(settings_for(home / "data", mode="development")) as store:
        pid = (home / "data" / "store.pid").read_text()
        async with borrow_store(settings_for(home / "data"), "keys") as borrowed:
            assert (borrowed.url, borrowed.mode) == (store.url, "development")
        async with borrow_store(settings_for(home / "data", mode="production"), "keys") as borrowed:
            assert borrowed.mode == "production"
        assert (home / "data" / "store.pid").read_text() == pid
        assert await ask(store.url, "PING")
    for asked, expected in ({}, "development"), ({"mode": "production"}, "production"), ({}, "development"):
        async with borrow_store(settings_for(home / "data", **asked), "keys") as stopped:
            assert stopped.mode == expected
    (home / "data" / "inbox.mode").write_text("nonsense")
    async with borrow_store(settings_for(home / "data"), "keys") as unknown:
        assert unknown.mode == "production"


@pytest.mark.needs("valkey")
async def test_commands_without_a_service_take_turns(home: Path) -> None:
    await run_once(home / "data")

    async def count() -> object:
        async with borrow_store(settings_for(home / "data"), "keys") as store:
            return await ask(store.url, "INCR", "n")

    assert sorted(map(str, await asyncio.gather(*(count() for _ in range(4))))) == ["1", "2", "3", "4"]


@pytest.mark.needs("valkey")
async def test_a_command_waits_for_a_service_that_is_just_ending(home: Path) -> None:
    await run_once(home / "data")
    data = DataDirectory(home / "data")
    with data.hold(Holder.this_process("serve", "production")):  # its store has gone already
        waiting = asyncio.create_task(_ping_borrowed(data.path))
        await asyncio.sleep(0)
        assert not waiting.done()
    async with asyncio.timeout(30):
        assert await waiting


async def _ping_borrowed(data: Path) -> object:
    async with borrow_store(settings_for(data), "keys") as store:
        return await ask(store.url, "PING")


@pytest.mark.needs("valkey")
async def test_cancelling_the_start_leaves_no_store(home: Path) -> None:
    async def start() -> None:
        async with run_store(settings_for(home / "data")):
            await asyncio.Event().wait()

    task = asyncio.create_task(start())
    pid_file = home / "data" / "store.pid"
    async with asyncio.timeout(30):
        while not pid_file.exists() or not pid_file.read_text().strip():
            await asyncio.sleep(0)
    pid = int(pid_file.read_text())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_running(pid)


def test_what_to_install_when_there_is_no_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(StartupError, match=r"install valkey-server or redis-server 7\.0 or newer, or set INBOX_"):
        binary.find_binary()
    for name, version in (("valkey-server", "Redis server v=6.2.14"), ("redis-server", "Valkey server v=8.0.1")):
        program = home / name
        program.write_text(f"#!/bin/sh\necho '{version} sha=0'\n")
        program.chmod(0o700)
    assert binary.find_binary() == home / "redis-server"


@pytest.mark.needs("valkey")
async def test_the_stores_last_words_when_it_does_not_start(home: Path) -> None:
    data = home / "data"
    async with run_store(settings_for(data)) as store:
        await ask(store.url, "SET", "k", "v")
    next((data / "appendonlydir").glob("*.manifest")).write_text("nonsense\n")
    with pytest.raises(StartupError) as caught:
        async with run_store(settings_for(data)):
            pytest.fail("it started")
    message = str(caught.value)
    assert message.startswith("the embedded store did not start: ")
    assert message.endswith(f"(log: {data}/store.log)")
    assert "\n" not in message


@pytest.mark.parametrize("unusable", ["file/data", "file"])
def test_a_directory_that_cannot_be_used(home: Path, unusable: str) -> None:
    (home / "file").write_text("")
    with pytest.raises(StartupError, match=r"cannot be used: .*; set INBOX_DATA_DIR"):
        DataDirectory(home / unusable)
