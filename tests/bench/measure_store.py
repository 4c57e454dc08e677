"""What the store costs: Redis CPU per operation, memory and file bytes, script times; next to Must and Goal.

    python -m tests.bench.measure_store [--server valkey|redis7] [--rounds N] [--quick]

Starts throw-away servers and prints Markdown. Linux only: a process's CPU time is read from /proc. Other load on the
machine makes every figure worse and the ratios unsteady, so the load is printed too.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
from dataclasses import replace
from datetime import UTC, datetime

from .measures import FULL, QUICK, measure
from .report import render
from .rig import SERVERS


def main() -> None:
    options = _parse()
    size = QUICK if options.quick else FULL
    if options.rounds:
        size = replace(size, rounds=options.rounds)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}, {size.rounds} rounds of {size.operations} operations")
    for server in [options.server] if options.server else SERVERS:
        print(f"\n{render(asyncio.run(measure(server, size)))}\n\nLoad of the machine: {_load()}", flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.measure_store", description=__doc__.split("\n")[0])
    parser.add_argument("--server", choices=SERVERS, help="only this one (both unless given)")
    parser.add_argument("--rounds", type=int, help="rounds of each operation")
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, to see that it works")
    return parser.parse_args()


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def _load() -> str:
    return ", ".join(f"{load:.1f}" for load in os.getloadavg())


if __name__ == "__main__":
    main()
