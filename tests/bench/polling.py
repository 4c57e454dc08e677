"""What polls cost: a 304 beside the whole answer, and many pollers beside an idle service.

    python -m tests.bench.polling                    # ten minutes; --quick takes three

Figures are CPU of the service and its store. The whole answer and the 304 take turns, as do idling and polling, so that
the machine is the same for both; a figure is the median of the rounds, a ratio the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import httpx

from .performance.client import HttpConnection, connected, request, send_over
from .performance.requests import fill
from .performance.targets import Inbox, open_inbox_alone, raise_descriptor_limit
from .tables import markdown

CONNECTIONS = 16
MESSAGES = 20
PERIOD_SECONDS = 5.0
BADGE = "%5B%7B%22read%22%3Afalse%2C%22snoozed%22%3Afalse%7D%5D"
PAGE = f"/v1/inbox/notifications?limit={MESSAGES}"
COUNT = f"/v1/inbox/notifications/count?filters={BADGE}"
PAGE_POLLS = {"page of 20": PAGE, "page of 10": "/v1/inbox/notifications", "count, one filter": COUNT}
BACKEND_POLLS = {"v1 feed, ten messages": "feed", "unseen count": "unseen"}


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rounds of how many requests; how many pollers, and for how long in each round."""

    rounds: int
    requests: int
    pollers: int
    seconds: float


FULL, QUICK = Plan(7, 800, 1_000, 15.0), Plan(5, 240, 1_000, 5.0)


@dataclass(frozen=True, slots=True)
class Poll:
    """A request as it is sent: for the whole answer, and with the tag of that answer."""

    whole: bytes
    known: bytes


async def poll_of(inbox: Inbox, path: str, authorization: str) -> Poll:
    """Ask once for the tag of an answer."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{inbox.port}", trust_env=False) as client:
        answer = await client.get(path, headers={"Authorization": authorization})
    assert answer.status_code == 200, answer.text
    known = request("GET", path, authorization=authorization, headers=[f"If-None-Match: {answer.headers['etag']}"])
    return Poll(request("GET", path, authorization=authorization), known)


async def polls_of(inbox: Inbox, user: int) -> dict[str, Poll]:
    """Every kind of poll of a user's feed."""
    v1 = f"/v1/subscribers/u{user}/notifications"
    bearer = f"Bearer {inbox.token(user)}"
    pages = {name: await poll_of(inbox, path, bearer) for name, path in PAGE_POLLS.items()}
    backends = {name: await poll_of(inbox, f"{v1}/{path}", inbox.authorization) for name, path in BACKEND_POLLS.items()}
    return pages | backends


async def spend(inbox: Inbox, connections: Sequence[HttpConnection], requests: Sequence[bytes]) -> float:
    """Return the microseconds of CPU for each request."""
    before = inbox.cpu_us()
    await send_over(connections, requests)  # which fails for any other status
    return (inbox.cpu_us() - before) / len(requests)


async def costs(inbox: Inbox, polls: Mapping[str, Poll], plan: Plan) -> dict[str, tuple[float, float, float]]:
    """Return for each poll the microseconds of the whole answer, those of the 304, and how many times cheaper it is."""
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in polls}
    async with connected(inbox.port, CONNECTIONS) as connections:
        for number in range(plan.rounds + 1):
            for name, poll in polls.items():
                whole = await spend(inbox, connections, [poll.whole] * plan.requests)
                known = await spend(inbox, connections, [poll.known] * plan.requests)
                if number:  # the first round fills caches
                    rounds[name].append((whole, known))
    return {
        name: (
            median(whole for whole, _ in pairs),
            median(known for _, known in pairs),
            median(whole / known for whole, known in pairs),
        )
        for name, pairs in rounds.items()
    }


async def send_for(seconds: float, connections: Sequence[HttpConnection], requests: Sequence[bytes]) -> int:
    """Let each connection send its request once in a period, spread evenly over it. Return how many were sent."""
    loop = asyncio.get_running_loop()
    pause, began = PERIOD_SECONDS / len(connections), loop.time()
    answers = []
    for number in range(int(seconds / pause)):
        await asyncio.sleep(began + number * pause - loop.time())
        index = number % len(connections)
        answers.append(connections[index].send(requests[index]))
    await asyncio.gather(*answers)
    return len(answers)


@dataclass(frozen=True, slots=True)
class Load:
    """Percent of a core: of an idle service, and of `/health` and of polls beyond that; and how many a second."""

    idle: float
    health: float
    polls: float
    rate: float


async def load_of(inbox: Inbox, polls: Sequence[Poll], plan: Plan) -> Load:
    """Idle, `/health` and polls take turns: the second is what so many requests cost that ask for nothing."""
    loop = asyncio.get_running_loop()
    health, known = [request("GET", "/health")] * len(polls), [poll.known for poll in polls]
    shares: dict[str, list[float]] = {"idle": [], "health": [], "polls": []}
    async with connected(inbox.port, len(polls)) as connections:

        async def share(name: str, work: Awaitable[object]) -> None:
            began, cpu = loop.time(), inbox.cpu_us()
            await work
            shares[name].append((inbox.cpu_us() - cpu) / (loop.time() - began) / 1e4)

        await send_for(PERIOD_SECONDS, connections, known)
        for _ in range(plan.rounds):
            await share("idle", asyncio.sleep(plan.seconds))
            await share("health", send_for(plan.seconds, connections, health))
            await share("polls", send_for(plan.seconds, connections, known))
    idle = shares["idle"]
    more = {name: median(one - rest for one, rest in zip(shares[name], idle, strict=True)) for name in shares}
    return Load(median(idle), more["health"], more["polls"], len(polls) / PERIOD_SECONDS)


async def run(plan: Plan) -> None:
    async with open_inbox_alone() as inbox:
        await inbox.create_workflow()
        await inbox.prepare(plan.pollers)
        await fill(inbox, 0, MESSAGES)
        measured = await costs(inbox, await polls_of(inbox, 0), plan)
        rows = [
            [name, f"{whole:.0f} us", f"{known:.0f} us", f"{times:.1f}x"]
            for name, (whole, known, times) in measured.items()
        ]
        print(markdown(["asked", "whole answer", "304", "cheaper"], rows), flush=True)
        crowd = [
            await poll_of(inbox, COUNT if user % 2 else PAGE, f"Bearer {inbox.token(user)}")
            for user in range(plan.pollers)
        ]
        load = await load_of(inbox, crowd, plan)
        print(
            f"{plan.pollers:,} pollers, {load.rate:.0f} polls a second: {load.polls:.1f} % of a core beyond"
            f" {load.idle:.1f} % when idle, {load.polls * 1e4 / load.rate:.0f} us each;"
            f" as many `/health`: {load.health:.1f} %"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.polling", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a quarter of it")
    raise_descriptor_limit()
    asyncio.run(run(QUICK if parser.parse_args().quick else FULL))


if __name__ == "__main__":
    main()
