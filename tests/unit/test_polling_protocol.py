"""Polls that come again byte for byte: each is answered once and in order, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.http import standing_polls
from inbox.http.exchange import Exchange
from inbox.http.polling_protocol import PollingHttpProtocol
from inbox.http.protocol import DRAINING
from inbox.http.responses import bare, not_modified
from inbox.http.standing_polls import StandingPoll, StandingPolls
from inbox.store.client import Client, PendingReplies

from .test_protocol import SOON, Serving, inbox_sockets, serving, until

POLL = b'GET /poll HTTP/1.1\r\nHost: x\r\nIf-None-Match: W/"1"\r\n\r\n'
OTHER = b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n"
NOT_MODIFIED, OK = b"HTTP/1.1 304", b"HTTP/1.1 200"


class Poll:
    """Stands for a `StandingPoll` whose read ends when the test says so."""

    route = "/poll"
    size = 1_000

    def __init__(self) -> None:
        self.is_allowed = True
        self.holds = True
        self.reads: list[Read] = []

    def begin(self) -> Read | None:
        if not self.is_allowed:
            return None
        self.reads.append(Read())
        return self.reads[-1]

    def stands(self, replies: Sequence[Any]) -> bool:
        assert replies == ["reply"]
        return self.holds

    async def end_read(self, replies: list[str] | None = None) -> None:
        """End the newest read, once it has begun. By default it has its replies."""
        await until(lambda: bool(self.reads) and not self.reads[-1].is_dropped and self.reads[-1].take is not None)
        take = self.reads[-1].take
        assert take is not None
        take(["reply"] if replies is None else replies)


class Read:
    def __init__(self) -> None:
        self.take: Callable[[list[Any] | None], None] | None = None
        self.is_dropped = False

    def call_back(self, take: Callable[[list[Any] | None], None]) -> None:
        self.take = take

    def drop(self) -> None:
        self.is_dropped = True


@dataclass
class Page:
    """A connection, and what the application was asked for."""

    serving: Serving
    poll: Poll
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    asked: list[str] = field(default_factory=list)

    async def answer(self) -> bytes:
        """The next answer: head and body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        return head + (await self.reader.readexactly(2) if b"content-length: 2" in head else b"")

    async def ask(self, request: bytes) -> bytes:
        self.writer.write(request)
        return await self.answer()

    @property
    def connection(self) -> PollingHttpProtocol:
        [connection] = self.serving[0].server_state.connections
        return cast("PollingHttpProtocol", connection)


@pytest.fixture(autouse=True)
def own_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Exchange, "polls", StandingPolls())


@asynccontextmanager
async def page() -> AsyncIterator[Page]:
    """A page whose poll was answered 304 by the application once."""
    asked: list[str] = []
    poll = Poll()

    async def answer_poll(request: Request) -> Response:
        asked.append(request.scope["path"])
        return not_modified(poll) if poll.holds else bare({})

    async def answer_other(request: Request) -> Response:
        asked.append(request.scope["path"])
        return bare({})

    routes = Route("/poll", answer_poll, methods=["GET", "POST"]), Route("/other", answer_other, methods=["GET"])
    async with serving(inbox_sockets, *routes) as served, asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", served[1])
        opened = Page(served, poll, reader, writer, asked)
        assert (await opened.ask(POLL)).startswith(NOT_MODIFIED)
        yield opened
        writer.close()


async def test_what_still_stands_does_not_reach_the_application() -> None:
    async with page() as one:
        for turn in range(3):
            one.writer.write(POLL)
            await one.poll.end_read()
            assert (await one.answer()).startswith(NOT_MODIFIED)
            assert len(one.poll.reads) == turn + 1
            one.poll.reads[-1].is_dropped = True
        assert one.asked == ["/poll"]
        assert await one.ask(OTHER)
        assert one.asked == ["/poll", "/other"]


async def test_both_ways_send_the_same() -> None:
    async with page() as one:
        one.poll.is_allowed = False
        by_application = await one.ask(POLL)
        one.poll.is_allowed = True
        one.writer.write(POLL)
        await one.poll.end_read()
        assert _without_date(await one.answer()) == _without_date(by_application)
        assert one.asked == ["/poll", "/poll"]


async def test_each_answer_has_an_id_of_its_own() -> None:
    async with page() as one:
        ids = set()
        for _ in range(3):
            one.writer.write(POLL)
            await one.poll.end_read()
            ids.add(_id_in(await one.answer()))
            one.poll.reads[-1].is_dropped = True
        assert len(ids) == 3
        for _ in range(2):
            answer = await one.ask(POLL.replace(b"Host", b"X-Request-Id: mine\r\nHost"))
            assert _id_in(answer) == b"x-request-id: mine"
        assert one.asked == ["/poll"] * 3


def _without_date(answer: bytes) -> list[bytes]:
    return [line for line in answer.split(b"\r\n") if not line.startswith((b"date:", b"x-request-id:"))]


def _id_in(answer: bytes) -> bytes:
    [line] = [line for line in answer.split(b"\r\n") if line.startswith(b"x-request-id:")]
    return line


@pytest.mark.parametrize("way", ["changed", "failed", "forbidden"])
async def test_else_the_application_answers(way: str) -> None:
    async with page() as one:
        one.poll.holds = way == "failed"
        one.poll.is_allowed = way != "forbidden"
        one.writer.write(POLL)
        if way == "failed":
            await until(lambda: bool(one.poll.reads))
            take = one.poll.reads[-1].take
            assert take is not None
            take(None)
        elif way == "changed":
            await one.poll.end_read()
        assert (await one.answer()).startswith(NOT_MODIFIED if way == "failed" else OK)
        assert one.asked == ["/poll", "/poll"]


@pytest.mark.parametrize("holds", [True, False])
async def test_requests_that_were_sent_ahead_are_answered_in_order(holds: bool) -> None:
    async with page() as one:
        one.poll.holds = holds
        one.writer.write(POLL)
        await until(lambda: bool(one.poll.reads))
        one.writer.write(OTHER)
        one.writer.write(POLL + OTHER)
        await until(lambda: one.connection._waiting != b"")
        await one.poll.end_read()
        answers = [await one.answer() for _ in range(4)]
        first, second = (NOT_MODIFIED, OK) if holds else (OK, OK)
        assert [answer[:12] for answer in answers] == [first, second, first, second]
        assert one.asked[1:] == (["/other", "/poll", "/other"] if holds else ["/poll", "/other", "/poll", "/other"])


async def test_a_head_in_two_parts_is_no_other_request() -> None:
    async with page() as one:
        one.writer.write(POLL[:10])
        await until(lambda: one.connection._head_is_open)
        one.writer.write(POLL[10:])
        assert (await one.answer()).startswith(NOT_MODIFIED)
        assert one.asked == ["/poll", "/poll"]
        assert one.poll.reads == []


@pytest.mark.parametrize(
    "request_bytes",
    [
        POLL.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"),
        POLL.replace(b"\r\n\r\n", b"\r\nExpect: x\r\n\r\n"),
        POLL.replace(b"GET", b"POST"),
        POLL.replace(b"Host: x", b"Host: " + b"x" * 5_000),
    ],
    ids=["length", "expectation", "method", "long"],
)
async def test_what_may_be_more_than_a_short_head_always_reaches_the_application(request_bytes: bytes) -> None:
    async with page() as one:
        for _ in range(3):
            assert (await one.ask(request_bytes)).startswith(NOT_MODIFIED)
        assert len(one.asked) == 4
        assert one.poll.reads == []


async def test_two_heads_at_once_are_not_kept_as_one() -> None:
    async with page() as one:
        for _ in range(2):
            one.writer.write(POLL + OTHER)
            assert [(await one.answer())[:12] for _ in range(2)] == [NOT_MODIFIED, OK]
        assert len(one.asked) == 5
        assert one.poll.reads == []


@pytest.mark.parametrize("head_bytes", [1_000, 4_000])
def test_what_is_kept_is_bounded_by_its_size(monkeypatch: pytest.MonkeyPatch, head_bytes: int) -> None:
    monkeypatch.setattr(standing_polls, "MAX_BYTES", 100_000)
    polls, one = StandingPolls(), cast("StandingPoll", Poll())
    heads = [b"%04d" % number + b"x" * (head_bytes - 8) + b"\r\n\r\n" for number in range(200)]
    for head in heads:
        polls.put(head, [b"host"], one, [(b"etag", b"x" * 992)])
    kept = [head for head in heads if polls.get(head)]
    assert kept == heads[-(100_000 // (head_bytes + 2_000)) :], "the newest ones"


async def test_a_client_that_leaves_is_forgotten() -> None:
    async with page() as one:
        one.writer.write(POLL)
        await until(lambda: bool(one.poll.reads))
        one.writer.close()
        await until(lambda: one.poll.reads[-1].is_dropped)
        assert not one.serving[0].server_state.connections


async def test_a_service_that_stops_answers_first() -> None:
    async with page() as one:
        one.writer.write(POLL)
        await until(lambda: bool(one.poll.reads))
        assert one.connection.expects_request
        one.serving[0].should_exit = True
        assert (await one.reader.read()).startswith(NOT_MODIFIED), "then it closes the connection"
        assert one.asked == ["/poll", "/poll"]


async def test_a_service_that_stops_as_the_replies_come_answers_once() -> None:
    async with page() as one:
        replies: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        begun = asyncio.Event()

        def begin() -> PendingReplies:
            begun.set()
            return PendingReplies(cast("Client", None), [], replies)

        one.poll.begin = begin  # type: ignore[assignment,method-assign]
        one.writer.write(POLL)
        await begun.wait()
        replies.set_result(["reply"])
        one.connection.shutdown()  # before the loop has called back with the replies
        answers = await one.reader.read()
        assert answers.count(b"HTTP/1.1") == 1
        assert one.asked == ["/poll", "/poll"]


async def test_a_draining_service_closes_the_connection() -> None:
    async with page() as one:
        one.connection.app_state[DRAINING] = True
        answer = await one.ask(POLL)
        assert b"connection: close" in answer
        assert await one.reader.read() == b""
        assert one.poll.reads == []


async def test_it_idles_after_an_answer_and_not_before() -> None:
    async with page() as one:
        one.connection._stop_timer("idle")
        one.writer.write(POLL)
        await until(lambda: bool(one.poll.reads))
        one.connection._begin_idling()
        one.connection.timeout_keep_alive = -1
        one.connection._close_if_idle()
        assert not one.connection.transport.is_closing(), "a poll is on its way"
        await one.poll.end_read()
        assert (await one.answer()).startswith(NOT_MODIFIED)
        assert await one.reader.read() == b"", "it was idle for long enough at once"
