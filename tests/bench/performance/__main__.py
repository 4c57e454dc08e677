"""The service beside comparable servers, in one run (Linux): docs/performance.md says how to read the tables.

    python -m tests.bench.performance [--quick] [--only trigger,push] [--json | --write]

Peers are installed by `npm ci --prefix tests/bench/peers` and `apt-get install libnginx-mod-nchan`; one that is missing
is left out, and the end of the output says so. Sizes, rounds and times are bounded: all tables take about a quarter of
an hour, with --quick two minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import uvloop

from tests.support.processes import REPOSITORY

from .comparison import Comparison, Progress, Size, Table
from .delivery import push, recipients, trigger
from .growth import growth
from .requests import requests
from .sockets import idle, opening
from .stack import stack
from .targets import OTHERS, Peer, raise_descriptor_limit

TABLES: dict[str, Callable[[Comparison], Awaitable[list[Table]]]] = {
    "trigger": trigger,
    "push": push,
    "opening": opening,
    "requests": requests,
    "recipients": recipients,
    "idle": idle,
    "stack": stack,
    "growth": growth,
}
TABLE_SECONDS = 900
PAGE = REPOSITORY / "docs" / "performance.md"
BEGIN, END = "<!-- begin of tables -->", "<!-- end of tables -->"
QUICK = 10


async def run(
    size: Size,
    names: Sequence[str],
    progress: Progress,
    peers: Sequence[Peer] = OTHERS,
    show: Callable[[Table], None] = lambda _: None,
) -> tuple[list[Table], list[str]]:
    """Return the tables, and what was left out and why. Each table is shown as soon as it is made."""
    comparison, tables = Comparison(size, progress, peers), list[Table]()
    for name in names:
        progress.begin(name)
        try:
            async with asyncio.timeout(TABLE_SECONDS):
                made = await TABLES[name](comparison)
        except (AssertionError, TimeoutError, OSError, subprocess.SubprocessError) as error:
            comparison.left_out.append(f"{name}: {type(error).__name__} {error}")
            progress.end(comparison.left_out[-1])
            continue
        tables += made
        progress.end()
        for table in made:
            show(table)
    return tables, [*comparison.left_out, *(f"{name}: not asked for" for name in TABLES if name not in names)]


def main() -> None:
    options = _parse()
    raise_descriptor_limit()
    names = options.only.split(",") if options.only else list(TABLES)
    size = Size.scaled(QUICK) if options.quick else Size()
    size = replace(size, rounds=options.rounds or size.rounds)
    machine = f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}, {size.rounds} rounds{', --quick' * options.quick}"
    head = f"Taken on {machine}."
    if not options.json:
        print(head, flush=True)
    tables, left_out = uvloop.run(run(size, names, Progress(len(names)), show=_keep if options.json else _print))
    if options.json:
        shown = {"machine": machine, "tables": [table.as_json() for table in tables], "leftOut": left_out}
        print(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    rest = "Left out:\n\n" + "\n".join(f"- {one}" for one in left_out or ["nothing"])
    print(f"\n{rest}")
    if options.write:
        text = "\n\n".join([head, *(table.markdown() for table in tables), rest])
        before, begin, tail = PAGE.read_text().partition(BEGIN)
        _, end, after = tail.partition(END)
        PAGE.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")


def _print(table: Table) -> None:
    print(f"\n{table.markdown()}", flush=True)


def _keep(_: Table) -> None:
    """Print nothing before all tables are made."""


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.performance", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help=f"1/{QUICK} of the size, to see that it works")
    parser.add_argument("--rounds", type=int, help="how often all take turns (5 unless given)")
    parser.add_argument("--only", metavar="NAME,…", help=f"only these tables: {', '.join(TABLES)}")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print the figures as JSON")
    output.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args()
    if options.only and options.write:
        parser.error("--write takes all tables")
    if options.only and (unknown := set(options.only.split(",")) - set(TABLES)):
        parser.error(f"no such table: {', '.join(sorted(unknown))}")
    return options


def _machine() -> str:
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    python = f"Python {platform.python_version()}"
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, {python}, load {load}"


if __name__ == "__main__":
    sys.exit(main())
