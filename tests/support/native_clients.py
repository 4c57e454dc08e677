"""Clients that know nothing but the native protocol: what each holds, and what it missed."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import math
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any, Self

from websockets.asyncio.client import connect

from inbox.client import Backoff, LiveFeed, NotificationFields
from inbox.client.filters import matches
from inbox.client.store import counter_of
from inbox.tasks import end_tasks

from .processes import REPOSITORY

Json = dict[str, Any]
WAIT_SECONDS = 120.0
HURRY = Backoff(0.02, 0.5)
NODE = ["node", "--experimental-websocket", "--no-warnings", "tests/js/socket/native-client.mjs"]


def count_exactly(notifications: list[Json]) -> Json:
    """Return the counts of a whole feed, counted from its listing."""
    unread = [one for one in notifications if not one["isRead"] and not one["isSnoozed"]]
    severities = dict.fromkeys(("high", "medium", "low", "none"), 0)
    for one in unread:
        severities[one["severity"]] += 1
    unseen = sum(not one["isSeen"] for one in notifications)
    return {"unseen": unseen, "unread": len(unread), "severity": severities}


class NativeClient(ABC):
    """A client of one person that shows what matches `filter`.

    `missed` counts events and pings that did not continue its position, `refetches` the last resort of the protocol.
    """

    def __init__(self, filter: NotificationFields) -> None:
        self.filter = filter
        self.missed = 0
        self.refetches = 0
        self.news = asyncio.Condition()

    @abstractmethod
    def items(self) -> list[Json]:
        """Return what it holds, newest first."""

    @abstractmethod
    def floor(self) -> float:
        """Return the sequence down to which it holds everything."""

    @abstractmethod
    def counts(self) -> Mapping[str, Any]: ...

    @abstractmethod
    def position(self) -> str | None: ...

    def difference(self, listing: list[Json]) -> str:
        """Return how it differs from a fresh listing of the feed, nothing if it does not."""
        expected = [one for one in listing if one["sequence"] >= self.floor() and matches(self.filter, one)]
        held, counts = self.items(), count_exactly(listing)
        if held == expected and self.counts() == counts:
            return ""
        by_id = {one["id"]: one for one in held}
        wrong = [f"{one} but holds {by_id.get(one['id'])}" for one in expected if by_id.get(one["id"]) != one]
        extra = [one for one in held if one["id"] not in {other["id"] for other in expected}]
        lines = [f"{type(self).__name__} at {self.position()} above {self.floor()}", *wrong[:3], f"extra {extra[:3]}"]
        return "\n".join([*lines, f"counts {self.counts()} of {counts}"])

    async def agree(self, list_feed: Callable[[], Any], seconds: float = WAIT_SECONDS) -> None:
        """Return once it holds what a fresh listing shows; the listing is read again after each news of the client."""
        difference = ""
        try:
            async with asyncio.timeout(seconds):
                while difference := self.difference(await list_feed()):
                    async with self.news:
                        with suppress(TimeoutError):  # a change may have come before the listing
                            await asyncio.wait_for(self.news.wait(), 1)
        except TimeoutError:
            raise AssertionError(difference) from None

    async def _tell(self) -> None:
        async with self.news:
            self.news.notify_all()


class CountingFeed(LiveFeed):
    """Counts what must not happen."""

    missed = 0
    refetches = 0

    def _take_frame(self, frame: Json) -> None:
        event, ping = frame.get("event"), frame.get("ping")
        self.missed += (event["from"] if event else ping["position"]) != self.position
        self.missed += event is not None and counter_of(event["position"]) <= counter_of(event["from"])
        self.refetches += any("refetch" in change for change in event["changes"]) if event else 0
        super()._take_frame(frame)


class FeedClient(NativeClient):
    """The project's Python client."""

    def __init__(self, url: str, token: str, filter: NotificationFields) -> None:
        super().__init__(filter)
        opening = partial(connect, proxy=None)
        self.feed = CountingFeed(url, token, filter=filter, limit=100, backoff=HURRY, connect=opening)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, token: str, filter: NotificationFields) -> AsyncIterator[Self]:
        client = cls(url, token, filter)
        async with client.feed:
            following = asyncio.create_task(client._follow())
            try:
                yield client
            finally:
                await client.feed.close()
                await following

    async def _follow(self) -> None:
        async for _ in self.feed:
            self.missed, self.refetches = self.feed.missed, self.feed.refetches
            await self._tell()

    def items(self) -> list[Json]:
        return [*self.feed.notifications]

    def floor(self) -> float:
        if not self.feed.has_more:
            return 0
        return self.feed.notifications[-1]["sequence"] if self.feed.notifications else math.inf

    def counts(self) -> Mapping[str, Any]:
        return self.feed.counts

    def position(self) -> str | None:
        return self.feed.position


def load_example() -> ModuleType:
    """Return docs/examples/native_client.py; it waits a twentieth of the time from one try to the next."""
    spec = importlib.util.spec_from_file_location("native_client", REPOSITORY / "docs/examples/native_client.py")
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.random = SimpleNamespace(random=lambda: 0.02)
    module.connect = partial(connect, proxy=None)
    return module


class PythonExample(NativeClient):
    """docs/examples/native_client.py."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__({})

        async def get_token() -> str:
            return token

        self._client = self._counting(load_example().NativeClient)(url, get_token, self._changed)
        self._telling: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, token: str) -> AsyncIterator[Self]:
        client = cls(url.replace("http", "ws", 1), token)
        running = asyncio.create_task(client._client.run())
        try:
            yield client
        finally:
            if running.done():
                running.result()
            await end_tasks(running, *client._telling)

    def _counting(self, kind: type[Any]) -> type[Any]:
        outer = self

        class Counting(kind):
            def take(self, frame: Json) -> bool:
                event, ping = frame.get("event"), frame.get("ping")
                outer.missed += bool(event and event["from"] != self.position)
                outer.missed += bool(ping and ping["position"] != self.position)
                return bool(super().take(frame))

            def change(self, **change: Any) -> None:
                outer.refetches += "refetch" in change
                super().change(**change)

        return Counting

    def _changed(self) -> None:
        task = asyncio.create_task(self._tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def items(self) -> list[Json]:
        return list(self._client.newest_first())

    def floor(self) -> float:
        return float(self._client.floor)

    def counts(self) -> Mapping[str, Any]:
        counts: Json = self._client.counts
        return counts

    def position(self) -> str | None:
        position: str | None = self._client.position
        return position


class NodeExample(NativeClient):
    """docs/examples/native-client.mjs, in a process of its own."""

    def __init__(self) -> None:
        super().__init__({})
        self._last: Json = {"items": [], "counts": {}, "position": None, "floor": 0}

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, token: str) -> AsyncIterator[Self]:
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *NODE, cwd=REPOSITORY, env=environment, stdin=pipe, stdout=pipe, limit=2**24
        )
        client = cls()
        reading = asyncio.create_task(client._read(process))
        process.stdin.write(json.dumps({"url": url.replace("http", "ws", 1), "token": token}).encode() + b"\n")
        try:
            yield client
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await reading

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        async for line in process.stdout:
            self._last = json.loads(line)
            assert "ended" not in self._last, self._last
            self.missed, self.refetches = self._last["missed"], self._last["refetches"]
            await self._tell()

    def items(self) -> list[Json]:
        return list(self._last["items"])

    def floor(self) -> float:
        return float(self._last["floor"])

    def counts(self) -> Mapping[str, Any]:
        counts: Json = self._last["counts"]
        return counts

    def position(self) -> str | None:
        position: str | None = self._last["position"]
        return position


@asynccontextmanager
async def all_clients(urls: list[str], token: str, *, with_node: bool) -> AsyncIterator[list[NativeClient]]:
    """The clients of one person, at these addresses in turn."""
    async with AsyncExitStack() as stack:
        clients: list[NativeClient] = [
            await stack.enter_async_context(FeedClient.open(urls[0], token, {})),
            await stack.enter_async_context(PythonExample.open(urls[1], token)),
            await stack.enter_async_context(FeedClient.open(urls[2], token, {"archived": False, "snoozed": False})),
        ]
        if with_node:
            clients.append(await stack.enter_async_context(NodeExample.open(urls[3], token)))
        yield clients
