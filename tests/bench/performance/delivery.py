"""Triggers that end at a socket: what they cost, how long they take, many recipients, one message to many sockets."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

from inbox.store.client import open_client
from tests.bench.server_stats import script_us

from .client import HttpConnection, connected
from .comparison import Column, Comparison, Crowd, Table, crowd_of, medians, percentile
from .targets import INBOX, INBOX_SOCKETIO, Inbox, Target

IN_FLIGHT = 32
SETTLE_SECONDS = 0.5
RECIPIENTS = 100
ROUNDS = 3
"""Rounds of what takes long: a latency at a rate, and pushes to all sockets."""
SPIN_SECONDS = 0.002
"""A timer is late by up to a millisecond: the last of a wait is spent awake, so that latencies hold no timer."""


async def deliver(crowd: Crowd, groups: Sequence[Sequence[int]], in_flight: int = IN_FLIGHT) -> None:
    """Trigger a message for each group of users, and wait until every copy has arrived at its socket.

    A connection sends its next trigger when the copies of the last one have arrived.
    """
    waiting = iter(groups)

    async def send_each(connection: HttpConnection) -> None:
        for users in waiting:
            number, landed = crowd.arrivals.expect(len(users))
            await connection.send(crowd.target.trigger(users, number))
            await crowd.arrived(landed)

    async with connected(crowd.target.port, in_flight) as connections:
        await asyncio.gather(*map(send_each, connections))


async def cost_of_delivery(crowd: Crowd, groups: Sequence[Sequence[int]], in_flight: int = IN_FLIGHT) -> float:
    """Return the CPU of all servers in microseconds for each delivery."""
    before = crowd.target.cpu_us()
    await deliver(crowd, groups, in_flight)
    return (crowd.target.cpu_us() - before) / sum(map(len, groups))


def random_users(count: int, users: int, dice: Random) -> list[list[int]]:
    return [[dice.randrange(users)] for _ in range(count)]


@asynccontextmanager
async def crowds_of(comparison: Comparison, targets: Sequence[Target], sockets: int) -> AsyncIterator[dict[str, Crowd]]:
    """Yield a crowd of each target, one socket for each user."""
    async with AsyncExitStack() as stack:
        crowds = {}
        for target in targets:
            comparison.progress.tell(f"{sockets:,} sockets, {target.name}")
            crowds[target.name] = await stack.enter_async_context(crowd_of(target, range(sockets)))
        await asyncio.sleep(SETTLE_SECONDS)  # a peer subscribes after it has opened a socket
        yield crowds


async def trigger(comparison: Comparison) -> list[Table]:
    """Trigger → stored → pushed, one recipient each, and the latency at a steady rate."""
    size, dice = comparison.size, Random(1)
    async with (
        comparison.opened(INBOX, *comparison.peers) as targets,
        crowds_of(comparison, targets, size.sockets) as crowds,
    ):
        stores: dict[str, list[float]] = {name: [] for name in crowds}

        async def measure(name: str) -> float:
            crowd = crowds[name]
            before = crowd.target.store.cpu_us()
            cost = await cost_of_delivery(crowd, random_users(size.triggers, size.sockets, dice))
            stores[name].append((crowd.target.store.cpu_us() - before) / size.triggers)
            return cost

        echo_us = await yardstick()
        costs = medians(await comparison.rounds("triggers", list(crowds), measure))
        store_us = medians({name: stores[name][1:] for name in costs})
        rows = [
            [name, 1e6 / us, us, store_us[name], us / costs["inbox"], crowds[name].faults] for name, us in costs.items()
        ]
        rows.append(["raw echo, both ends", 1e6 / echo_us, echo_us, None, echo_us / costs["inbox"], ""])
        cost = Table(
            f"Trigger → stored → pushed, {size.sockets:,} sockets",
            [
                *(Column(""), Column("deliveries per CPU-s", "{:,.0f}"), Column("CPU of all, µs")),
                *(Column("of it Redis, µs"), Column("inbox's deliveries per CPU-s beside it", "{:.2f}x"), Column("")),
            ],
            rows,
            f"One recipient each, {IN_FLIGHT} on their way at once. Only inbox stores them.",
        )
        return [cost, await _latency(comparison, crowds)]


async def _latency(comparison: Comparison, crowds: dict[str, Crowd]) -> Table:
    size, dice = comparison.size, Random(2)
    columns, found = [Column("")], []
    for rate in size.rates:

        async def measure(name: str, rate: int = rate) -> tuple[float, float]:
            crowd = crowds[name]
            crowd.arrivals.latencies.clear()
            count = min(size.triggers, 2 * rate)
            await pace(crowd, [users for [users] in random_users(count, size.sockets, dice)], rate)
            latencies = crowd.arrivals.latencies
            return 1e3 * percentile(latencies, 0.5), 1e3 * percentile(latencies, 0.99)

        results = await comparison.rounds(f"{rate}/s", list(crowds), measure, ROUNDS)
        halves = medians({name: [p50 for p50, _ in values] for name, values in results.items()})
        tails = medians({name: [p99 for _, p99 in values] for name, values in results.items()})
        found.append((halves, tails))
        columns += [Column(f"{rate:,}/s, p50", "{:.2f} ms"), Column("inbox's beside it", "{:.2f}x")]
        columns += [Column("p99", "{:.2f} ms"), Column("inbox's beside it", "{:.2f}x")]
    rows = [
        [name, *itertools.chain(*((part[name], part["inbox"] / part[name]) for pair in found for part in pair))]
        for name in crowds
        if all(name in part for pair in found for part in pair)
    ]
    note = (
        "From the time at which a trigger was due until its message is at the socket: wall time, so trust the ratios."
    )
    return Table("Latency at a steady rate", columns, rows, note)


async def pace(crowd: Crowd, users: Sequence[int], rate: int) -> None:
    """Send a trigger for each user at its time, late or not, and wait for all of them."""
    free: asyncio.Queue[HttpConnection] = asyncio.Queue()

    async def send(user: int, number: int) -> None:
        connection = await free.get()
        await connection.send(crowd.target.trigger([user], number))
        free.put_nowait(connection)

    async with connected(crowd.target.port, IN_FLIGHT) as connections:
        for connection in connections:
            free.put_nowait(connection)
        began, sent, landings = time.perf_counter() + 0.05, [], []
        for index, user in enumerate(users):
            due = began + index / rate
            while (left := due - time.perf_counter()) > 0:
                await asyncio.sleep(max(0.0, left - SPIN_SECONDS))
            number, landed = crowd.arrivals.expect(since=due)
            landings.append(landed)
            sent.append(asyncio.create_task(send(user, number)))
        await asyncio.gather(*sent, *map(crowd.arrived, landings))


async def yardstick(seconds: float = 0.5) -> float:
    """Return the CPU in microseconds of a round trip over TCP within this process, both ends included."""

    class Echo(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(data)  # type: ignore[attr-defined]

    class Caller(Echo):
        trips = 0

        def data_received(self, data: bytes) -> None:
            self.trips += 1
            super().data_received(data)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    _, caller = await loop.create_connection(Caller, *server.sockets[0].getsockname())
    before = time.process_time()
    caller.transport.write(b"x" * 64)  # type: ignore[attr-defined]
    await asyncio.sleep(seconds)
    spent = time.process_time() - before
    caller.transport.close()
    server.close()
    return 1e6 * spent / caller.trips


async def recipients(comparison: Comparison) -> list[Table]:
    """A POST to 100 recipients, and the scripts of a broadcast."""
    size, dice = comparison.size, Random(3)
    users = max(size.sockets, RECIPIENTS)
    peers = [peer for peer in comparison.peers if peer.reaches_many]
    async with comparison.opened(INBOX, *peers) as targets, crowds_of(comparison, targets, users) as crowds:

        async def measure(name: str) -> float:
            groups = [dice.sample(range(users), RECIPIENTS) for _ in range(size.pushes)]
            return await cost_of_delivery(crowds[name], groups, in_flight=4)

        costs = medians(await comparison.rounds("to 100", list(crowds), measure))
        inbox = next(target for target in targets if isinstance(target, Inbox))
        single_us, broadcast_us = await _script_costs(crowds["inbox"], inbox, users)
    rows = [[name, 1e6 / us, us, us / costs["inbox"]] for name, us in costs.items()]
    columns = [Column(""), Column("deliveries per CPU-s", "{:,.0f}"), Column("CPU of all, µs")]
    columns.append(Column("inbox's deliveries per CPU-s beside it", "{:.2f}x"))
    note = "nchan is left out: one POST reaches one channel." if len(peers) < len(comparison.peers) else ""
    scripts = Table(
        f"Redis' time in scripts for each message, broadcast to {users:,}",
        [Column(""), Column("µs a message", "{:.1f}"), Column("", "{:.2f}x")],
        [["single triggers", single_us, 1.0], ["broadcast", broadcast_us, broadcast_us / single_us]],
    )
    return [Table(f"A POST to {RECIPIENTS} recipients, {users:,} sockets", columns, rows, note), scripts]


async def _script_costs(crowd: Crowd, inbox: Inbox, users: int) -> tuple[float, float]:
    """Return Redis' microseconds in scripts for a message: triggered one by one, and of a broadcast."""
    client = await open_client(inbox.server.settings["INBOX_REDIS_URL"])
    try:
        before = await script_us(client)
        await deliver(crowd, [[user] for user in range(users)])
        single = await script_us(client) - before
        before = await script_us(client)
        async with connected(inbox.port, 1) as [connection]:
            for _ in range(ROUNDS):
                await broadcast(connection, crowd, users)
        return single / users, (await script_us(client) - before) / users / ROUNDS
    finally:
        await client.close()


async def broadcast(connection: HttpConnection, crowd: Crowd, copies: int) -> None:
    """Send a message to everybody, and wait until it is at every socket."""
    number, landed = crowd.arrivals.expect(copies)
    await connection.send(crowd.target.broadcast(number))
    await crowd.arrived(landed)


async def push(comparison: Comparison) -> list[Table]:
    """One message to many sockets: of one feed, and one of each feed."""
    counts = (comparison.size.sockets, comparison.size.many_sockets)
    peers = (INBOX, INBOX_SOCKETIO, *comparison.peers)
    found = {}
    async with comparison.opened(*peers) as targets:
        for count in counts:
            found[f"{count:,} of one feed"] = await _push(comparison, targets, [0] * count)
        for count in counts:
            able = [target for target in targets if target.can_broadcast and target.name != INBOX_SOCKETIO.name]
            found[f"one of each of {count:,} feeds"] = await _push(comparison, able, range(count))
    columns = [Column("CPU of all for each socket, µs")]
    for head in found:
        columns += [Column(head, "{:.1f}"), Column("inbox's beside it", "{:.2f}x")]
    rows = [
        [
            target.name,
            *itertools.chain(
                *(
                    (costs.get(target.name), costs["inbox"] / costs[target.name] if target.name in costs else None)
                    for costs in found.values()
                )
            ),
        ]
        for target in targets
    ]
    note = (
        "inbox pushes the message and both counts in one write. One of each feed is a broadcast: inbox stores a message"
        " for each, whatever the flavour of their sockets; nchan has no broadcast."
    )
    return [Table("Push of one message to many sockets", columns, rows, note)]


async def _push(comparison: Comparison, targets: Sequence[Target], users: Sequence[int]) -> dict[str, float]:
    """Return the CPU in microseconds for each socket, one server after the other: together they would have too many."""
    one_feed, costs = len(set(users)) == 1, {}
    for target in targets:
        comparison.progress.tell(f"{len(users):,} sockets, {target.name}")
        async with crowd_of(target, users) as crowd:
            await asyncio.sleep(SETTLE_SECONDS)
            spent = []
            pushes = max(1, comparison.size.pushes * comparison.size.sockets // len(users) // 4)
            for _ in range(1 + ROUNDS):
                before = target.cpu_us()
                for _ in range(pushes):
                    async with connected(target.port, 1) as [connection]:  # a peer closes one that idles for 5 s
                        if one_feed:
                            await push_to_one(connection, crowd, users[0], len(users))
                        else:
                            await broadcast(connection, crowd, len(users))
                spent.append((target.cpu_us() - before) / pushes / len(users))
            costs |= medians({target.name: spent[1:]})
    return costs


async def push_to_one(connection: HttpConnection, crowd: Crowd, user: int, copies: int) -> None:
    """Send a message to a user, and wait until it is at each of the user's sockets."""
    number, landed = crowd.arrivals.expect(copies)
    await connection.send(crowd.target.trigger([user], number))
    await crowd.arrived(landed)
