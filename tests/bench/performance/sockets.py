"""Sockets that are opened and then idle: CPU of an opening, memory, and what ten thousand of them cost in a minute."""

from __future__ import annotations

import asyncio

from .comparison import Column, Comparison, Table, crowd_of
from .targets import INBOX, INBOX_SOCKETIO, Target, open_inbox_alone

WARM_UP = 200
SETTLE_SECONDS = 1.5
KIB, MIB = 1024, 1024 * 1024


async def opening(comparison: Comparison) -> list[Table]:
    """CPU of opening a socket with a ready token, and memory of an idle one."""
    count, rows = comparison.size.idle_sockets, []
    async with comparison.opened(INBOX, INBOX_SOCKETIO, *comparison.peers) as targets:
        found = {target.name: await _open(comparison, target, count) for target in targets}
    cpu, memory = found["inbox"]
    for name, (us, kib) in found.items():
        rows.append([name, us, cpu / us, kib, memory / kib])
    beside = Column("inbox's beside it", "{:.2f}x")
    columns = [
        Column(""),
        Column("CPU of all, µs", "{:,.0f}"),
        beside,
        Column("memory when idle, KiB"),
        beside,
    ]
    note = (
        "Each socket, with a token that is ready and a subscriber of its own. Memory is the growth of the process with"
        f" the sockets, after {WARM_UP} others."
    )
    return [Table(f"Opening {count:,} sockets", columns, rows, note)]


async def _open(comparison: Comparison, target: Target, count: int) -> tuple[float, float]:
    """Return microseconds to open a socket, and KiB of an idle one."""
    comparison.progress.tell(f"opening {count:,} sockets, {target.name}")
    async with crowd_of(target, range(WARM_UP)) as crowd:
        await target.prepare(WARM_UP + count)
        await asyncio.sleep(SETTLE_SECONDS)
        cpu, memory = target.cpu_us(), target.gateway.resident_bytes()
        await crowd.open(range(WARM_UP, WARM_UP + count))
        await asyncio.sleep(SETTLE_SECONDS)
        spent = target.cpu_us() - cpu
        return spent / count, (target.gateway.resident_bytes() - memory) / count / KIB


async def idle(comparison: Comparison) -> list[Table]:
    """What a process with its embedded store takes while nothing happens: without a socket, and with 10,000."""
    size = comparison.size
    async with open_inbox_alone() as target:
        comparison.progress.tell("no socket")
        await asyncio.sleep(SETTLE_SECONDS)
        rows = [["no socket", *await _rest(target, size.idle_seconds / 3)]]
        comparison.progress.tell(f"{size.many_sockets:,} sockets")
        async with crowd_of(target, range(size.many_sockets)):
            await asyncio.sleep(2 * SETTLE_SECONDS)
            rows.append([f"{size.many_sockets:,} sockets", *await _rest(target, size.idle_seconds)])
    columns = [Column(""), Column("CPU, % of a core", "{:.2f}"), Column("memory, MiB")]
    note = (
        f"One process with the Valkey that it embeds, for {size.idle_seconds:g} s (the first row for a third of that)."
    )
    return [Table("Idle", columns, rows, note)]


async def _rest(target: Target, seconds: float) -> tuple[float, float]:
    """Return the percentage of a core, and MiB of all processes."""
    before = target.cpu_us()
    await asyncio.sleep(seconds)
    spent = target.cpu_us() - before
    return spent / seconds / 1e4, target.resident_bytes() / MIB
