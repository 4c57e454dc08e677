"""Runs fault scenarios at full size: those that are named, or all.

    python -m tests.faults [name …] [--scale 1.0] [--times 1] [--older CHECKOUT]

Prints a table in Markdown and the findings below it. Exits with 1 if there are findings.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

from .run import HEAD, Report, Run
from .scenarios import SCENARIOS
from .stage import Stages

MAX_PRINTED = 10


async def perform(names: list[str], scale: float, older: Path | None) -> list[Report]:
    reports = []
    print(HEAD, flush=True)
    async with aclosing(Stages(older)) as stages:
        for scenario in (SCENARIOS[name] for name in names):
            async with stages.of(scenario.kind) as stage:
                reports.append(await Run(stage, scenario, scale).perform())
            print(reports[-1].row(), flush=True)
    return reports


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="name", help="a scenario; all if none is named")
    parser.add_argument("--scale", type=float, default=1.0, help="size of load and fault; the tests use 0.1")
    parser.add_argument("--times", type=int, default=1, help="how often to run each")
    parser.add_argument("--older", type=Path, help="a checkout of an older release, which the first process runs")
    options = parser.parse_args()
    if unknown := set(options.names) - set(SCENARIOS):
        parser.error(f"no scenario {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    names = [name for name in options.names or SCENARIOS for _ in range(options.times)]
    reports = asyncio.run(perform(names, options.scale, options.older))
    for report in reports:
        for finding in report.findings[:MAX_PRINTED]:
            print(f"\n{report.scenario}: {finding}")
        if len(report.findings) > MAX_PRINTED:
            print(f"\n{report.scenario}: {len(report.findings) - MAX_PRINTED} more")
        if report.findings and report.forgiven:
            print(f"\n{report.scenario}: operations of these times (Unix seconds) may be lost: {report.forgiven}")
    return int(any(report.findings for report in reports))


if __name__ == "__main__":
    sys.exit(main())
