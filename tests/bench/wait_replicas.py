"""What it costs a trigger to wait for a replica: `python -m tests.bench.wait_replicas`, one primary and one replica.

Prints the time of a trigger without and with INBOX_WAIT_REPLICAS=1, for one caller and for sixteen at once, in
interleaved rounds. Both servers and the process share the machine, so the network costs nothing here: add a round trip.
"""

from __future__ import annotations

import asyncio
import statistics
import time

import uvloop

from inbox.models.trigger import TriggerRequest
from tests.store.rig import Rig, in_app
from tests.support.processes import wait_until
from tests.support.stores import call, connect, running_store
from tests.support.tools import find_valkey

from .tables import markdown

ROUNDS, TRIGGERS = 5, 320


async def cost_of(rig: Rig, callers: int, round_number: int) -> float:
    """How many milliseconds a trigger takes until it is acknowledged, in the mean."""
    taken: list[float] = []

    async def trigger(caller: int) -> None:
        for number in range(TRIGGERS // callers):
            transaction = f"{callers}-{round_number}-{caller}-{number}"
            request = TriggerRequest(name="w", to=f"s{caller}", payload={"n": number}, transaction_id=transaction)
            began = time.perf_counter()
            await rig.first.triggers.trigger(rig.environment, request)
            taken.append(time.perf_counter() - began)

    await asyncio.gather(*(trigger(caller) for caller in range(callers)))
    return 1e3 * statistics.mean(taken)


async def measure(url: str) -> None:
    rigs = [Rig(url, f"w{replicas}:", {"wait_replicas": replicas, "wait_replicas_seconds": 4}) for replicas in (0, 1)]
    for rig in rigs:
        await rig.process()
        await rig.make_workflow("w", in_app("{{payload.n}}"))
    rows = []
    for callers in (1, 16):
        rounds = [[await cost_of(rig, callers, number) for rig in rigs] for number in range(ROUNDS)]
        without, waiting = (statistics.median(times) for times in zip(*rounds, strict=True))
        rows.append([str(callers), f"{without:.2f} ms", f"{waiting:.2f} ms"])
    print(markdown(["Callers at once", "Without", "With one replica"], rows))
    for rig in rigs:
        await rig.close()


def main() -> None:
    binary = find_valkey()
    assert binary is not None, "no Valkey found"
    with running_store(binary) as primary:
        follow = ["--replicaof", f"127.0.0.1 {primary.port}", "--repl-diskless-sync-delay", "0"]
        with running_store(binary, options=follow), connect(primary.url) as client:
            call(client, "SET", "replicated", 1)
            wait_until(lambda: call(client, "WAIT", 1, 500) == 1, "the replica has everything", 30)
            uvloop.run(measure(primary.url))


if __name__ == "__main__":
    main()
