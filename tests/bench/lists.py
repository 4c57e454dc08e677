"""How long a page of a list takes, first and deep, among few and many: `python -m tests.bench.lists [family …]`."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import msgspec

from inbox.ids import SubscriberId
from inbox.models.cursor_page import CursorQuery
from inbox.models.environment import Environment
from inbox.service.activity.activity import EVERY_ACTIVITY, ActivityFilter
from inbox.service.activity.activity_log import Record
from inbox.service.subscribers.listing import SubscriberFilter
from inbox.service.topics.topics import TopicFilter
from inbox.services import Services
from inbox.settings import Settings
from inbox.store.activity import ActivityOutcome, ActivityRow, ActivityStore, NewRow, template_tag, transaction_tag
from inbox.store.client import open_client
from tests.support.stores import running_store
from tests.support.tools import find_valkey

from .server_stats import command_stats, info

FEW = 100
DEEP = 10_000
ROUNDS = 200
PAGE = 10
AT_ONCE = 200
ROWS_AT_ONCE = 10
RECORD = msgspec.json.encode(Record("t", "0" * 24, "w", "step", "some reason", "ada", ""))

Call = Callable[[], Awaitable[object]]
Calls = dict[str, Call]


@dataclass(frozen=True, slots=True)
class Family:
    """A list of things: how to make many of them, the pages of it, and the searches that look at more than a page."""

    name: str
    many: int
    make: Callable[[Services, int], Awaitable[object]]
    pages: Callable[[Services, int], Awaitable[Calls]]
    searches: Callable[[Services], Calls]


@dataclass(frozen=True, slots=True)
class Work:
    """What a call asks of the store: commands, those of scripts included, and bytes that it reads."""

    commands: int
    bytes_read: int


def home(services: Services) -> Environment:
    """The environment that the lists are of."""
    return services.environments.all()[0]


async def make_subscriber(services: Services, number: int) -> object:
    environment = home(services)
    profile = {"firstName": "Some", "email": f"p{number}@example.org"}
    return await services.subscribers.upsert(environment, SubscriberId(f"p{number}"), profile)


async def subscriber_pages(services: Services, deep: int) -> Calls:
    environment, lists = home(services), services.subscriber_list
    [anchor] = await lists.newest(environment, deep, 1)
    query, everyone = CursorQuery(PAGE), SubscriberFilter()
    one = SubscriberFilter(subscriber_id=SubscriberId("p7"))
    return {
        "first page": lambda: lists.find(environment, query, everyone),
        "first page, by updatedAt": lambda: lists.find(environment, query, SubscriberFilter("updatedAt")),
        "beside a cursor, deep": lambda: lists.find(environment, CursorQuery(PAGE, cursor=anchor.oid), everyone),
        "numbered, deep": lambda: lists.newest(environment, deep // PAGE, PAGE),
        "one subscriberId": lambda: lists.find(environment, query, one),
    }


def subscriber_searches(services: Services) -> Calls:
    environment, lists = home(services), services.subscriber_list
    nobody = SubscriberFilter(name="nobody of this name")
    return {"a search that finds nothing": lambda: lists.find(environment, CursorQuery(PAGE), nobody)}


async def make_topic(services: Services, number: int) -> object:
    return await services.topics.upsert(home(services), f"t{number}", f"Topic {number}")


async def topic_pages(services: Services, deep: int) -> Calls:
    environment, topics = home(services), services.topics
    [anchor], _ = await topics.list_numbered(environment, deep, 1, None, None)
    query, every = CursorQuery(PAGE), TopicFilter()
    return {
        "first page": lambda: topics.list_page(environment, query, "created", every),
        "first page, by updatedAt": lambda: topics.list_page(environment, query, "updated", every),
        "beside a cursor, deep": lambda: topics.list_page(
            environment, CursorQuery(PAGE, cursor=anchor.oid), "created", every
        ),
        "numbered, deep": lambda: topics.list_numbered(environment, deep // PAGE, PAGE, None, None),
        "one key": lambda: topics.list_numbered(environment, 0, PAGE, "t7", None),
        "one name": lambda: topics.list_numbered(environment, 0, PAGE, None, "Topic 7"),
    }


def topic_searches(services: Services) -> Calls:
    environment, topics, query = home(services), services.topics, CursorQuery(PAGE)
    nothing = TopicFilter(name="no topic of this name")
    return {
        "a search that finds nothing": lambda: topics.list_page(environment, query, "created", nothing),
    }


def made_row(number: int) -> ActivityRow:
    """An outcome without a message, so that only the list itself is measured; ten of each transaction."""
    tags = (transaction_tag(f"t{number // PAGE}"), template_tag("0" * 24), number.to_bytes(7, "big"))
    return ActivityRow(number, ActivityOutcome.FAILED, 0, False, 0, 0, 0, *tags)


async def make_activity(services: Services, number: int) -> object:
    """Rows as processes flush them, a few at a time."""
    if number % ROWS_AT_ONCE == 0:
        noted = [NewRow(made_row(one).pack(), RECORD) for one in range(number, number + ROWS_AT_ONCE)]
        await ActivityStore(services.client, services.keys).append(home(services).number, noted)
    return None


async def activity_pages(services: Services, deep: int) -> Calls:
    environment, activity = home(services), services.activity
    oldest, amid = (ActivityFilter(transactions=[f"t{number}"]) for number in (0, deep // PAGE))
    of_workflow = ActivityFilter(transactions=["t0"], templates=["0" * 24])
    none, ten = ActivityFilter(transactions=["none"]), ActivityFilter(transactions=[f"none{n}" for n in range(10)])
    return {
        "first page": lambda: activity.page(environment, EVERY_ACTIVITY, 0, PAGE),
        "numbered, deep": lambda: activity.page(environment, EVERY_ACTIVITY, deep, PAGE),
        "a transaction, the oldest": lambda: activity.page(environment, oldest, 0, PAGE),
        "the same, of a workflow": lambda: activity.page(environment, of_workflow, 0, PAGE),
        "a transaction, amid": lambda: activity.page(environment, amid, 0, PAGE),
        "a transaction that is not there": lambda: activity.page(environment, none, 0, PAGE),
        "ten of these": lambda: activity.page(environment, ten, 0, PAGE),
    }


def activity_searches(services: Services) -> Calls:
    environment, activity = home(services), services.activity
    hundred = ActivityFilter(transactions=[f"none{number}" for number in range(100)])
    nothing = ActivityFilter(templates=["1" * 24])
    return {
        "a hundred transactions, none": lambda: activity.page(environment, hundred, 0, PAGE),
        "a workflow that finds nothing": lambda: activity.page(environment, nothing, 0, PAGE),
    }


FAMILIES = (
    Family("activities", 100_000, make_activity, activity_pages, activity_searches),
    Family("subscribers", 100_000, make_subscriber, subscriber_pages, subscriber_searches),
    Family("topics", 10_000, make_topic, topic_pages, topic_searches),
)


@asynccontextmanager
async def opened(url: str, prefix: str) -> AsyncIterator[Services]:
    """Services of their own on a store, with an environment."""
    client = await open_client(url)
    try:
        services = Services(Settings(redis_url=url, key_prefix=prefix), client)
        await services.environments.load()
        yield services
    finally:
        await client.close()


async def fill(services: Services, family: Family, count: int) -> None:
    """Makes so many, two hundred at a time."""
    for start in range(0, count, AT_ONCE):
        numbers = range(start, min(count, start + AT_ONCE))
        await asyncio.gather(*(family.make(services, number) for number in numbers))


async def medians_us(calls: Sequence[Call], rounds: int = ROUNDS) -> list[float]:
    """The median time of each call in microseconds; they take turns, so that a busy machine is busy for all of them."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for place, call in enumerate(calls):
            begun = time.perf_counter()
            await call()
            times[place].append(time.perf_counter() - begun)
    return [statistics.median(one) * 1e6 for one in times]


async def page_times(url: str, family: Family, counts: Sequence[int], rounds: int = ROUNDS) -> list[dict[str, float]]:
    """For each count, the median time of every page in microseconds."""
    pages = []
    async with AsyncExitStack() as stack:
        for count in counts:
            services = await stack.enter_async_context(opened(url, f"{family.name}-{count}:"))
            await fill(services, family, count)
            pages.append(await family.pages(services, min(DEEP, count - PAGE)))
        times = {name: await medians_us([calls[name] for calls in pages], rounds) for name in pages[0]}
    return [{name: medians[place] for name, medians in times.items()} for place in range(len(counts))]


async def page_work(url: str, family: Family, counts: Sequence[int]) -> list[dict[str, Work]]:
    """For each count, what every page asks of the store."""
    work = []
    async with AsyncExitStack() as stack:
        for count in counts:
            services = await stack.enter_async_context(opened(url, f"{family.name}-{count}:"))
            await fill(services, family, count)
            pages = await family.pages(services, min(DEEP, count - PAGE))
            for call in pages.values():
                await call()  # the first one also loads scripts
            work.append({name: await _work_of(services, call) for name, call in pages.items()})
    return work


async def _work_of(services: Services, call: Call) -> Work:
    before = await _work_so_far(services)
    await call()
    after = await _work_so_far(services)
    # the figures themselves are asked for with two commands
    return Work(after.commands - before.commands - 2, after.bytes_read - before.bytes_read)


async def _work_so_far(services: Services) -> Work:
    commands = await command_stats(services.client)
    stats = await info(services.client, "stats")
    return Work(sum(int(command["calls"]) for command in commands.values()), int(stats["total_net_output_bytes"]))


async def main(url: str, names: Collection[str]) -> None:
    for family in [one for one in FAMILIES if one.name in names]:
        few, many = await page_times(url, family, (FEW, family.many))
        print(f"{family.name:<32} {f'among {FEW}':>14} {f'among {family.many:,}':>14}")
        for name in few:
            print(f"  {name:<30} {few[name]:11.0f} us {many[name]:11.0f} us {many[name] / few[name]:6.2f}x")
        async with opened(url, f"{family.name}-{family.many}:") as services:
            for name, call in family.searches(services).items():
                [median] = await medians_us([call], 3)
                print(f"  {name:<30} {'':>14} {median:11.0f} us")


if __name__ == "__main__":
    binary = find_valkey()
    assert binary, "needs Valkey"
    with running_store(binary, unix=True) as server:
        asyncio.run(main(server.url, sys.argv[1:] or [family.name for family in FAMILIES]))
