"""How the costs of the service grow: with sockets, recipients, the length of a feed, and processes."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from statistics import median

from tests.support.server import running_server

from .comparison import Column, Comparison, Table, crowd_of
from .delivery import ROUNDS, SETTLE_SECONDS, cost_of_delivery, random_users
from .requests import Calls, cost_of_requests, fill, newest_ids
from .targets import INBOX, LIMITS, NEW_PROCESS, Inbox, end, processes_of, redis_server

RECIPIENTS = (1, 10, 100, 1_000)
PROCESSES = (1, 2, 3, 4)


async def growth(comparison: Comparison) -> list[Table]:
    """All four."""
    async with comparison.opened(INBOX) as [inbox]:
        assert isinstance(inbox, Inbox)
        tables = [
            await _with_sockets(comparison, inbox),
            await _with_recipients(comparison, inbox),
            await _with_length(comparison, inbox),
        ]
    return [*tables, await _with_processes(comparison)]


async def _with_sockets(comparison: Comparison, inbox: Inbox) -> Table:
    size, dice, rows = comparison.size, Random(5), []
    for sockets in (size.many_sockets // 100, size.many_sockets // 10, size.many_sockets):
        comparison.progress.tell(f"{sockets:,} sockets")
        async with crowd_of(inbox, range(sockets)) as crowd:
            await asyncio.sleep(SETTLE_SECONDS)
            spent = [
                await cost_of_delivery(crowd, random_users(size.triggers, sockets, dice)) for _ in range(1 + ROUNDS)
            ]
        rows.append([f"{sockets:,} sockets", median(spent[1:])])
    return _table("Trigger → stored → pushed, with more sockets", "CPU of all, µs", rows)


async def _with_recipients(comparison: Comparison, inbox: Inbox) -> Table:
    size, dice, rows = comparison.size, Random(6), []
    users = max(size.sockets, 10)
    async with crowd_of(inbox, range(users)) as crowd:
        await asyncio.sleep(SETTLE_SECONDS)
        for recipients in (count for count in RECIPIENTS if count <= users):
            comparison.progress.tell(f"{recipients} recipients")
            posts = max(4, size.triggers // recipients)
            groups = [dice.sample(range(users), recipients) for _ in range(posts)]
            spent = [await cost_of_delivery(crowd, groups, in_flight=4) for _ in range(1 + ROUNDS)]
            rows.append([f"{recipients:,} in a POST", median(spent[1:])])
    return _table("A delivery, with more recipients in a POST", "CPU of all, µs", rows)


async def _with_length(comparison: Comparison, inbox: Inbox) -> Table:
    size = comparison.size
    lengths = [size.long_feed // part for part in (1_000, 100, 10, 1) if size.long_feed >= 10 * part]
    await inbox.prepare(len(lengths))
    calls = []
    for user, length in enumerate(lengths):
        comparison.progress.tell(f"a feed of {length:,}")
        await fill(inbox, user, length)
        calls.append(Calls(inbox, user, await newest_ids(inbox, user)))

    async def measure(name: str) -> float:
        made = (make() for make in [calls[lengths.index(int(name))].page] * size.requests)
        return await cost_of_requests(inbox.port, inbox.cpu_us, made)

    found = await comparison.rounds("page", [str(length) for length in lengths], measure, ROUNDS)
    rows = [[f"{length:,} messages", median(found[str(length)])] for length in lengths]
    return _table("A page of ten, on longer feeds", "CPU of all, µs", rows)


def _table(title: str, head: str, rows: list[list[str | float]]) -> Table:
    first = float(rows[0][1])
    grown: list[list[str | float | None]] = [[name, us, float(us) / first] for name, us in rows]
    return Table(title, [Column(""), Column(head), Column("beside the first", "{:.2f}x")], grown)


@asynccontextmanager
async def _open_group(processes: int) -> AsyncIterator[Inbox]:
    """Several processes on one port: each takes triggers and has sockets."""
    with redis_server() as store, tempfile.TemporaryDirectory(prefix="inbox-bench-") as home:
        settings = {**LIMITS, "INBOX_WORKERS": str(processes)}
        async with running_server(Path(home), redis_url=store.url, wrapper=NEW_PROCESS, **settings) as server:
            group = Inbox(server, server, processes_of(store))
            await group.create_workflow()
            try:
                yield group
            finally:
                await end(server)


async def _with_processes(comparison: Comparison) -> Table:
    size, dice, rows = comparison.size, Random(7), []
    for processes in PROCESSES:
        comparison.progress.tell(f"{processes} processes")
        async with _open_group(processes) as group, crowd_of(group, range(size.sockets)) as crowd:
            await asyncio.sleep(SETTLE_SECONDS)
            spent, began = [], 0.0
            for _ in range(1 + ROUNDS):
                began = began if spent else time.perf_counter()
                spent.append(await cost_of_delivery(crowd, random_users(size.triggers, size.sockets, dice)))
            rate = len(spent) * size.triggers / (time.perf_counter() - began)
            memory = (group.front.resident_bytes()) / 2**20
        rows.append([f"{processes}", median(spent[1:]), rate, memory])
    first = rows[0]
    columns = [Column("processes"), Column("CPU of all, µs"), Column("", "{:.2f}x")]
    columns += [Column("deliveries/s", "{:,.0f}"), Column("", "{:.2f}x"), Column("memory of the processes, MiB")]
    grown = [[name, us, us / first[1], rate, rate / first[2], memory] for name, us, rate, memory in rows]
    note = (
        "`inbox serve --workers N`. Deliveries a second depend on the cores, of which Redis and the client take some."
    )
    return Table(f"Trigger → stored → pushed, {size.sockets:,} sockets, with more processes", columns, grown, note)
