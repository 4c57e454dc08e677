"""A service process from start to end: its banner, its signals, its store's death and its own, its log."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import httpx
import pytest
import websockets

from inbox import listening
from inbox.settings import variable_name

from ..support.waiting import until
from .conftest import Service, banner_value, environment, is_running, run_inbox

pytestmark = pytest.mark.needs("valkey")

MakeService = Callable[..., Service]
own_interpreter = pytest.mark.parametrize("forked", [False], ids=["interpreter"])
"""For a test of the process from its first line on."""
WELCOME = {"name": "welcome", "to": "alice", "payload": {"subject": "Hello", "body": "There"}}


async def trigger(service: Service, api_key: str, transaction: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client:
        body = {**WELCOME, "transactionId": transaction}
        return await client.post("/v1/events/trigger", json=body, headers={"Authorization": f"ApiKey {api_key}"})


async def count_feed(service: Service, token: str) -> int:
    async with httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client:
        page = await client.get("/v1/inbox/notifications", headers={"Authorization": f"Bearer {token}"})
        assert page.status_code == 200, page.text
        return len(page.json()["data"])


def closed_at(log: str) -> datetime:
    """When the service told that a socket had closed."""
    line = next(line for line in log.splitlines() if "socket closed" in line)
    return datetime.fromisoformat(line.split()[0])


def asked_to_end_at(log: str) -> datetime:
    """When the store was asked to end, by its own log: `123:M 31 Dec 2026 23:59:59.999 * …` in local time."""
    line = next(line for line in log.splitlines() if "User requested shutdown" in line)
    return datetime.strptime(" ".join(line.split()[1:5]), "%d %b %Y %H:%M:%S.%f").astimezone()


def token_of(service: Service) -> str:
    return run_inbox("token", "--subscriber", "alice", INBOX_DATA_DIR=str(service.data)).stdout.strip()


async def start_demo(make_service: MakeService, **settings: str) -> tuple[Service, str]:
    """A running service with its demo, and its API key as the banner shows it."""
    service = make_service(INBOX_MODE="development", **settings)
    await service.start("--demo")
    return service, banner_value(service.log(), "API key")


@pytest.mark.needs("curl")
async def test_the_banner_works_when_pasted(make_service: MakeService) -> None:
    service, _ = await start_demo(make_service)
    shown = service.log()
    assert banner_value(shown, "Demo") == f"{service.url}/"
    for label, path in (("Console", "/console"), ("API", "/docs")):
        assert banner_value(shown, label) == service.url + path
        await service.wait_status(200, path)
    keys = run_inbox("keys", INBOX_DATA_DIR=str(service.data)).stdout
    assert f"INBOX_APPLICATION_IDENTIFIER={banner_value(shown, 'Application identifier')}\n" in keys

    curl = re.search(r"^curl .*$", shown, re.MULTILINE)
    assert curl
    run = await asyncio.to_thread(subprocess.run, ["sh", "-c", curl[0]], capture_output=True, text=True, check=True)
    assert '"status":"processed"' in run.stdout

    snippet = re.search(r"^import novu_py\n.*?\)$(?=\n\n)", shown, re.MULTILINE | re.DOTALL)
    assert snippet
    interpreter = [sys.executable, "-i", "-q"]
    run = await asyncio.to_thread(
        subprocess.run, interpreter, input=snippet[0] + "\n", env=environment(), capture_output=True, text=True
    )
    assert "acknowledged=True" in run.stdout, run.stderr
    assert await count_feed(service, token_of(service)) == 2


@own_interpreter
async def test_sigterm_ends_sockets_then_service_then_store(make_service: MakeService) -> None:
    service, api_key = await start_demo(make_service)
    assert (await trigger(service, api_key, "one")).status_code == 201
    token, store = token_of(service), service.store_pid
    assert os.getsid(store) != os.getsid(service.running.pid)  # Ctrl-C must not reach it
    async with websockets.connect(f"ws://127.0.0.1:{service.port}/ws?token={token}") as socket:
        service.running.signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            await socket.wait_closed()
        assert socket.close_code == 1012
    assert await asyncio.to_thread(service.running.wait) == 0
    assert not is_running(store)
    log = service.log()
    assert log.index("socket closed") < log.index("INFO inbox.server stopped")
    assert closed_at(log) <= asked_to_end_at((service.data / "store.log").read_text())  # the service needed it so long
    assert "Traceback" not in log
    await service.start("--demo")
    assert await count_feed(service, token_of(service)) == 1


@own_interpreter
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
async def test_ctrl_c_and_a_closed_terminal_are_clean_ends_too(
    make_service: MakeService, number: signal.Signals
) -> None:
    service = make_service()
    await service.start()
    store = service.store_pid
    assert await service.stop(number) == 0
    assert not is_running(store)


@own_interpreter
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_while_starting_leaves_no_store(make_service: MakeService, number: signal.Signals) -> None:
    service = make_service()
    service.launch()
    pid_file = service.data / "store.pid"
    async with asyncio.timeout(60):
        while not pid_file.exists() or not pid_file.read_text().strip():
            await asyncio.sleep(0)
    store = service.store_pid
    assert await service.stop(number) == 0
    assert not is_running(store)
    assert "Traceback" not in service.log()


@own_interpreter
async def test_kill_9_leaves_nothing_that_blocks_the_next_start(make_service: MakeService) -> None:
    service, api_key = await start_demo(make_service)
    for number in range(20):
        assert (await trigger(service, api_key, f"t{number}")).status_code == 201
    orphan = service.store_pid
    service.running.kill()
    assert is_running(orphan)
    await service.start("--demo")
    assert not is_running(orphan)
    assert service.store_pid != orphan
    assert await count_feed(service, token_of(service)) == 10  # a page; the rest is there too:
    assert (await trigger(service, api_key, "t0")).json()["data"]["status"] == "processed"


async def test_503_while_the_store_is_away_and_recovery(make_service: MakeService) -> None:
    service, api_key = await start_demo(make_service)
    assert (await trigger(service, api_key, "before")).status_code == 201
    store = service.store_pid
    os.kill(store, signal.SIGSTOP)  # it must not be back before we have asked
    answering = asyncio.create_task(trigger(service, api_key, "during"))
    os.kill(store, signal.SIGKILL)
    assert (await answering).status_code in (201, 503)  # 201 when the request met the next one already
    async with asyncio.timeout(60):
        while (await trigger(service, api_key, "after")).status_code != 201:
            await asyncio.sleep(0.01)
    await service.wait_status(200)
    assert service.store_pid != store

    lines = ("the store fails", f"the store runs again, as process {service.store_pid}", "the store is well again")

    async def told() -> bool:  # requests may be served a moment before the supervisor has looked
        return all(line in service.log() for line in lines)

    await until(told)
    assert [service.log().count(line) for line in lines] == [1, 1, 1]
    assert "Traceback" not in service.log()


async def test_503_for_as_long_as_the_store_cannot_be_started(make_service: MakeService) -> None:
    # a store that is killed while its disk is slow may lose the last second otherwise, and the demo's workflows with it
    service, api_key = await start_demo(make_service, INBOX_DURABILITY="fsync")
    manifest = next((service.data / "appendonlydir").glob("*.manifest"))
    good = manifest.read_text()
    manifest.write_text("nonsense\n")
    os.kill(service.store_pid, signal.SIGKILL)
    away = await service.wait_status(503)
    assert away.headers["retry-after"]
    answer = await trigger(service, api_key, "during")
    assert answer.status_code == 503
    assert answer.json()["statusCode"] == 503
    manifest.write_text(good)
    await service.wait_status(200)
    assert (await trigger(service, api_key, "after")).status_code == 201


@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_no_secret_in_any_log(make_service: MakeService, log_format: str) -> None:
    given = {"api_key": "k" * 33, "secret_key": "s" * 34}
    settings = {variable_name(name): value for name, value in given.items()}
    service = make_service(INBOX_MODE="development", INBOX_LOG_LEVEL="debug", INBOX_LOG_FORMAT=log_format, **settings)
    await service.start()
    subscriber_hash = hmac.new(given["api_key"].encode(), b"alice", hashlib.sha256).hexdigest()
    keys = run_inbox("keys", INBOX_DATA_DIR=str(service.data), **settings).stdout
    identifier = keys.partition("IDENTIFIER=")[2].strip()
    session = {"applicationIdentifier": identifier, "subscriberId": "alice", "subscriberHash": subscriber_hash}
    async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=60) as client:
        opened = await client.post("/v1/inbox/session", json=session)
        token = opened.json()["data"]["token"]
        await client.post("/v1/inbox/session", json={**session, "subscriberHash": subscriber_hash[::-1]})
        await client.get(f"/v1/subscribers?api_key={given['api_key']}", headers={"Authorization": "ApiKey wrong-key"})
    for wrong in ("", "x"):
        with contextlib.suppress(websockets.WebSocketException):  # how a wrong one is refused is not the point
            async with websockets.connect(f"ws://127.0.0.1:{service.port}/ws?token={token}{wrong}") as socket:
                await socket.send("ping")
                assert await socket.recv()
    with pytest.raises(websockets.InvalidHandshake):
        await websockets.connect(f"ws://127.0.0.1:{service.port}/nowhere?token={token}")
    await service.stop()
    log = service.log() + (service.data / "store.log").read_text()
    assert "connection_opened" in log
    assert "connection_refused" in log
    for secret in (
        *given.values(),
        token,
        token.rpartition(".")[2],
        subscriber_hash,
        subscriber_hash[::-1],
        "wrong-key",
    ):
        assert secret not in log


@own_interpreter
async def test_the_port_of_the_platform(make_service: MakeService) -> None:
    """What the Procfile relies on."""
    service = make_service()
    service.settings["PORT"] = service.settings.pop("INBOX_PORT")
    await service.start("--host", "0.0.0.0")
    assert f"serving at {service.url} " in service.log()


async def test_a_free_port_is_announced(make_service: MakeService) -> None:
    service = make_service(INBOX_PORT="0")
    service.launch()
    async with asyncio.timeout(60):
        while "serving at" not in service.log():
            await asyncio.sleep(0.01)
    url = str(service.holder()["url"])
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        assert (await client.get(f"{url}/health")).status_code == 200


async def test_a_later_start_finds_what_the_first_one_made(make_service: MakeService) -> None:
    service, api_key = await start_demo(make_service)
    made = await count_feed(service, token_of(service))
    await service.stop()
    await service.start("--demo")
    assert banner_value(service.log(), "API key") == api_key
    assert await count_feed(service, token_of(service)) == made


def test_what_the_listening_socket_gives_every_connection() -> None:
    import socket

    (listener,) = listening.bind("127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            size = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            assert size <= 2 * listening.SEND_BUFFER_BYTES  # Linux counts its own overhead
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            if sys.platform == "linux":
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == listening.USER_TIMEOUT_MS


def test_every_address_of_a_host_has_the_same_port() -> None:
    listeners = listening.bind("localhost", 0)
    ports = {listener.getsockname()[1] for listener in listeners}
    for listener in listeners:
        listener.close()
    assert len(ports) == 1


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:1"), ("0.0.0.0", "http://127.0.0.1:1"), ("::", "http://[::1]:1")],
)
def test_service_url(host: str, url: str) -> None:
    assert listening.service_url(host, 1) == url


def test_procfile() -> None:
    procfile = Path(__file__).parents[2] / "Procfile"
    assert procfile.read_text() == "web: exec inbox serve --host 0.0.0.0\n"


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_supervisor_hears_when_it_serves_and_when_it_stops(
    make_service: Callable[..., Service], home: Path, workers: str
) -> None:
    """As systemd does for a unit with Type=notify; the first of several processes speaks for all."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(home / "notify"))
        supervisor.settimeout(60)
        service = make_service(INBOX_WORKERS=workers, NOTIFY_SOCKET=str(home / "notify"))
        service.launch()
        assert await asyncio.to_thread(supervisor.recv, 100) == b"READY=1"
        async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=60) as client:
            assert (await client.get("/ready")).status_code == 200
        assert await service.stop() == 0
        assert supervisor.recv(100) == b"STOPPING=1"
        supervisor.setblocking(False)
        with pytest.raises(BlockingIOError):
            supervisor.recv(100)
