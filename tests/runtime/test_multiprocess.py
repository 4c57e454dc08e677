"""`inbox serve --workers N`: several processes on one port, kept, replaced and ended by one."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack

import httpx
import pytest
import websockets

from ..support.waiting import until
from .conftest import Service, banner_value, is_running, run_inbox

pytestmark = pytest.mark.needs("valkey")

MakeService = Callable[..., Service]
SOCKETS = 48
"""So many that the kernel hardly gives all of them to one of two processes (once in 10^14 runs)."""


async def has_logged(service: Service, pattern: str, count: int = 1) -> None:
    async def has() -> bool:
        assert service.running.exit_code is None, service.log()
        return len(re.findall(pattern, service.log())) >= count

    await until(has, 90)


async def start(make_service: MakeService, **settings: str) -> Service:
    """A service with two processes that both serve."""
    service = make_service(INBOX_MODE="development", INBOX_WORKERS="2", **settings)
    await service.start("--demo")
    await has_logged(service, "action=serve worker=", 2)
    return service


def pids(service: Service, number: int) -> list[int]:
    """Every process that had this number, the newest last."""
    return [int(pid) for pid in re.findall(rf"worker {number} is process (\d+)", service.log())]


def trigger_body(transaction: str) -> dict[str, object]:
    return {"name": "welcome", "to": "alice", "payload": {"subject": transaction}, "transactionId": transaction}


async def trigger(service: Service, transaction: str) -> int:
    """Trigger over a connection of its own; the status."""
    headers = {"Authorization": f"ApiKey {banner_value(service.log(), 'API key')}"}
    async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=60, trust_env=False) as client:
        return (await client.post("/v1/events/trigger", json=trigger_body(transaction))).status_code


def token_of(service: Service) -> str:
    return run_inbox("token", "--subscriber", "alice", INBOX_DATA_DIR=str(service.data)).stdout.strip()


async def stored(service: Service, token: str) -> int:
    async with httpx.AsyncClient(base_url=service.url, timeout=60, trust_env=False) as client:
        answer = await client.get("/v1/inbox/notifications?limit=100", headers={"Authorization": f"Bearer {token}"})
        return len(answer.json()["data"])


async def test_both_processes_serve_one_port_on_one_embedded_store(make_service: MakeService) -> None:
    service = await start(make_service)
    assert service.log().count("API key") == 1  # the banner is shown once
    assert service.holder()["url"] == service.url
    url = f"ws://127.0.0.1:{service.port}/ws?token={token_of(service)}"
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(websockets.connect(url)) for _ in range(SOCKETS)]
        assert await trigger(service, "one") == 201
        for socket in sockets:
            async with asyncio.timeout(60):
                while "notification_received" not in str(await socket.recv()):
                    pass
        workers = re.findall(r"action=connection_opened.* worker=(\d)", service.log())
        assert (len(workers), set(workers)) == (SOCKETS, {"1", "2"})


async def test_a_process_that_dies_is_replaced_and_the_store_stays(make_service: MakeService) -> None:
    service = await start(make_service)
    store, [first], [second] = service.store_pid, pids(service, 1), pids(service, 2)
    os.kill(second, signal.SIGKILL)
    await has_logged(service, "worker 2 ended with code -9")
    assert await trigger(service, "meanwhile") == 201
    await has_logged(service, "action=serve worker=2", 2)
    assert is_running(first)
    assert pids(service, 1) == [first]
    assert len(pids(service, 2)) == 2
    assert service.store_pid == store


async def test_sighup_replaces_one_after_the_other_and_loses_no_request(make_service: MakeService) -> None:
    service = await start(make_service, INBOX_DRAIN_SECONDS="0.2")
    token, before = token_of(service), [*pids(service, 1), *pids(service, 2)]
    stop, statuses, readiness = asyncio.Event(), list[int](), set[int]()

    async def produce(producer: int) -> None:
        number = 0
        while not stop.is_set():
            statuses.append(await trigger(service, f"{producer}-{number}"))
            number += 1

    async def probe() -> None:
        while not stop.is_set():
            async with httpx.AsyncClient(base_url=service.url, timeout=60, trust_env=False) as client:
                readiness.add((await client.get("/ready")).status_code)

    async def watch() -> None:
        service.running.signal(signal.SIGHUP)
        await has_logged(service, "all workers are replaced")
        stop.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch())
        tasks.create_task(probe())
        for producer in range(2):
            tasks.create_task(produce(producer))
    assert set(statuses) == {201}
    assert readiness == {200}  # a proxy sees one port, which must not turn red
    assert await stored(service, token) == min(len(statuses), 100)
    assert not any(is_running(pid) for pid in before)
    after = [pids(service, 1)[-1], pids(service, 2)[-1]]
    assert all(is_running(pid) for pid in after)
    log = service.log()
    steps = re.findall(r"action=(serve|drain|stop) worker=(\d)", log[log.rindex(f"worker 1 is process {after[0]}") :])
    assert steps == [(step, number) for number in "12" for step in ("serve", "drain", "stop")]
    assert "Traceback" not in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_all(make_service: MakeService, number: signal.Signals) -> None:
    service = await start(make_service)
    running = [service.store_pid, *pids(service, 1), *pids(service, 2)]
    async with websockets.connect(f"ws://127.0.0.1:{service.port}/ws?token={token_of(service)}") as socket:
        service.running.signal(number)
        async with asyncio.timeout(60):
            await socket.wait_closed()
        assert socket.close_code == 1012
    assert await asyncio.to_thread(service.running.wait) == 0
    assert not any(is_running(pid) for pid in running)
    assert "Traceback" not in service.log()


async def test_a_signal_while_the_first_one_starts_leaves_nothing(make_service: MakeService) -> None:
    service = make_service(INBOX_WORKERS="2")
    service.launch()
    await has_logged(service, "worker 1 is process")
    running = [service.store_pid, *pids(service, 1)]
    assert await service.stop() == 0
    assert not any(is_running(pid) for pid in running)
    assert "Traceback" not in service.log()


async def test_the_processes_end_when_the_first_one_is_killed(make_service: MakeService) -> None:
    service = await start(make_service)
    workers = [*pids(service, 1), *pids(service, 2)]
    service.running.kill()

    async def have_ended() -> bool:
        return not any(is_running(pid) for pid in workers)

    await until(have_ended, 60)


async def test_a_start_that_fails_is_the_end(make_service: MakeService) -> None:
    service = make_service(INBOX_WORKERS="2", INBOX_BASE_PATH="/v1")
    service.launch()
    assert await asyncio.to_thread(service.running.wait) == 1
    assert "begins like a path of the service itself" in service.log()
    assert service.log().endswith("inbox: worker 1 did not start\n")


async def test_a_port_in_use_is_refused(make_service: MakeService) -> None:
    service = await start(make_service)
    other = make_service(INBOX_WORKERS="2", INBOX_PORT=str(service.port))
    other.launch()
    assert await asyncio.to_thread(other.running.wait) == 1
    assert "choose another with INBOX_PORT" in other.log()


async def test_one_scrape_answers_for_all_processes(make_service: MakeService) -> None:
    service = await start(make_service, INBOX_METRICS_PORT="0")
    [url] = re.findall(r"metrics at (\S+)", service.log())
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:

        async def workers_of(name: str) -> set[str]:
            return set(re.findall(rf'^{name}{{.*worker="(\d)".*}} ', (await client.get(url)).text, re.MULTILINE))

        async def both_answer() -> bool:  # the first process learns that they serve a moment after their log lines
            return await workers_of("inbox_info") == {"1", "2"}

        await until(both_answer, 60)
        assert await workers_of("process_cpu_seconds_total") == {"1", "2"}
        answers = await asyncio.gather(*(client.get(url) for _ in range(10)))
        assert all(answer.text.count("inbox_info{") == 2 for answer in answers)
        os.kill(pids(service, 1)[0], signal.SIGKILL)
        await has_logged(service, "action=serve worker=1", 2)
        await until(both_answer, 60)


async def test_a_worker_that_hangs_is_not_ready(make_service: MakeService) -> None:
    service = await start(make_service, INBOX_METRICS_PORT="0")
    [url] = re.findall(r"metrics at (\S+)", service.log())
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:

        async def ready() -> list[tuple[str, str]]:
            answer = await client.get(url)
            assert answer.status_code == 200
            return re.findall(r'^inbox_ready{worker="(\d)"} (\d)', answer.text, re.MULTILINE)

        async def both_are() -> bool:
            return await ready() == [("1", "1"), ("2", "1")]

        async def second_is_not() -> bool:
            return await ready() == [("1", "1"), ("2", "0")]

        await until(both_are, 60)
        hanging = pids(service, 2)[0]
        os.kill(hanging, signal.SIGSTOP)
        try:
            await until(second_is_not, 60)
        finally:
            os.kill(hanging, signal.SIGCONT)
        await until(both_are, 60)


async def test_the_signal_for_debug_lines_reaches_all_processes(make_service: MakeService) -> None:
    service = await start(make_service)

    async def are_on() -> bool:  # a process that does not serve yet does not get the signal: it is sent again
        service.running.signal(signal.SIGUSR1)
        await has_logged(service, r"debug lines are \w+ action=log_level\n")
        return all(f"debug lines are on action=log_level worker={number}" in service.log() for number in (1, 2))

    await until(are_on, 60)
