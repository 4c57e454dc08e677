"""What single HTTP requests cost, beside a bare ASGI app that asks Redis once; the same on feeds of 10 and 10,000."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle

from .client import request, send_all
from .comparison import Column, Comparison, Table, medians
from .targets import INBOX, Inbox, mark, open_bare_asgi

CONNECTIONS = 16
SHORT_FEED = 10
PAGE = 10
BULK = 100
FLOOR = "bare ASGI, one batched GET"
SHORT, LONG = 0, 1
"""The users with a short and a long feed."""

Make = Callable[[], bytes]


async def fill(inbox: Inbox, user: int, messages: int) -> None:
    """Store so many messages in a user's feed."""
    events = [
        {"name": "bench", "to": f"u{user}", "payload": {"mark": mark(number)}} for number in range(1, messages + 1)
    ]
    parts = [events[start : start + BULK] for start in range(0, messages, BULK)]
    for part in parts:  # one after the other: the feed is the same in each run
        await inbox.post("/v1/events/trigger/bulk", {"events": part})


async def newest_ids(inbox: Inbox, user: int, number: int = PAGE) -> list[str]:
    """Return the ids of a user's newest messages."""
    path = f"/v1/subscribers/u{user}/notifications/feed?limit={number}"
    [body] = await send_all(inbox.port, [inbox.call("GET", path)], 1)
    return [message["_id"] for message in json.loads(body)["data"]]


class Calls:
    """The requests that a page makes of one user's feed."""

    def __init__(self, inbox: Inbox, user: int, message_ids: Sequence[str]) -> None:
        self._inbox = inbox
        self._user = user
        self._bearer = f"Bearer {inbox.token(user)}"
        self._marks = (
            request("PATCH", f"/v1/inbox/notifications/{message_id}/{verb}", authorization=self._bearer)
            for verb in cycle(("read", "unread"))
            for message_id in message_ids
        )

    def health(self) -> bytes:
        return request("GET", "/health")

    def unseen(self) -> bytes:
        return self._inbox.call("GET", f"/v1/subscribers/u{self._user}/notifications/unseen")

    def count(self) -> bytes:
        path = "/v1/inbox/notifications/count?filters=%5B%7B%22read%22%3Afalse%7D%5D"
        return request("GET", path, authorization=self._bearer)

    def feed(self) -> bytes:
        return self._inbox.call("GET", f"/v1/subscribers/u{self._user}/notifications/feed?limit={PAGE}")

    def page(self) -> bytes:
        return request("GET", f"/v1/inbox/notifications?limit={PAGE}", authorization=self._bearer)

    def mark(self) -> bytes:
        """Read one message after the other, then make them unread, and so on: each changes something."""
        return next(self._marks)

    def session(self) -> bytes:
        return self._inbox.session(self._user)


async def cost_of_requests(port: int, cpu_us: Callable[[], float], requests: Iterable[bytes]) -> float:
    """Return the CPU in microseconds for each request."""
    made = list(requests)
    before = cpu_us()
    await send_all(port, made, CONNECTIONS)
    return (cpu_us() - before) / len(made)


async def requests(comparison: Comparison) -> list[Table]:
    """All requests of a page, and the same on a long feed."""
    size = comparison.size
    async with comparison.opened(INBOX) as [inbox], open_bare_asgi() as bare:
        assert isinstance(inbox, Inbox)
        await inbox.prepare(2)
        calls = {}
        for user, length in ((SHORT, SHORT_FEED), (LONG, size.long_feed)):
            comparison.progress.tell(f"a feed of {length:,}")
            await fill(inbox, user, length)
            calls[user] = Calls(inbox, user, await newest_ids(inbox, user))
        short, long = calls[SHORT], calls[LONG]
        makes: dict[str, tuple[int, Callable[[], float], Make]] = {
            "bare ASGI": (bare.port, bare.cpu_us, lambda: request("GET", "/plain")),
            FLOOR: (bare.port, bare.cpu_us, lambda: request("GET", "/get")),
        }
        for name, make in {
            "`/health`": short.health,
            "unseen count": short.unseen,
            "count, one filter": short.count,
            "feed, ten messages": short.feed,
            "inbox, page of ten": short.page,
            "mark one": short.mark,
            "session": short.session,
            "long count": long.count,
            "long page": long.page,
            "long mark": long.mark,
        }.items():
            makes[name] = (inbox.port, inbox.cpu_us, make)

        async def measure(name: str) -> float:
            port, cpu_us, make = makes[name]
            return await cost_of_requests(port, cpu_us, (make() for _ in range(size.requests)))

        costs = medians(await comparison.rounds("requests", list(makes), measure))
    floor = costs[FLOOR]
    rows = [[name, us, us / floor] for name, us in costs.items() if not name.startswith("long")]
    columns = [Column(""), Column("CPU of all, µs"), Column(f"beside {FLOOR}", "{:.1f}x")]
    lengths = (
        ("count, one filter", "long count"),
        ("inbox, page of ten", "long page"),
        ("mark one", "long mark"),
    )
    grown = [[name, costs[name], costs[long_name], costs[long_name] / costs[name]] for name, long_name in lengths]
    heads = [f"{SHORT_FEED} messages, µs", f"{size.long_feed:,}, µs"]
    return [
        Table("HTTP, each request", columns, rows, f"{CONNECTIONS} connections, each with one request on its way."),
        Table("The same on a long feed", [Column(""), *map(Column, heads), Column("", "{:.2f}x")], grown),
    ]
