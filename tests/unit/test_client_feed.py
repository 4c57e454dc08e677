"""The feed of the Python client at a service that does what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from websockets.asyncio.client import connect

from inbox.client import (
    Backoff,
    Disconnected,
    FeedClosed,
    LiveFeed,
    LiveFeedEvent,
    NotificationCreated,
    NotificationUpdated,
    RequestRefused,
    Reset,
    Unreachable,
)
from inbox.client import feed as feed_module
from inbox.client import socket as socket_module
from inbox.client.socket import Socket
from tests.support.native_service import COUNTS, Json, NativeService, Peer, catch_up, event, item, snapshot

WAIT_SECONDS = 60.0


@pytest.fixture
async def service() -> AsyncIterator[NativeService]:
    async with NativeService.running() as running:
        yield running


class Tokens:
    """A source of tokens that counts them."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = [*failures]
        self.given = 0

    async def __call__(self) -> str:
        if self.failures:
            raise self.failures.pop(0)
        self.given += 1
        return f"token {self.given}"


def feed_at(service: NativeService, token: Any = "token", **options: Any) -> LiveFeed:
    options = {"backoff": Backoff(0, 0), "connect": partial(connect, proxy=None), **options}
    return LiveFeed(service.url, token, **options)


@asynccontextmanager
async def opened(
    service: NativeService, *items: Json, token: Any = "token", result: Json | None = None, **options: Any
) -> AsyncIterator[tuple[LiveFeed, Peer]]:
    """A feed that holds these notifications at the position 1-10, and the service's end of its connection."""
    feed = feed_at(service, token, **options)
    entering = asyncio.create_task(feed.__aenter__())
    peer = await service.accept()
    await peer.welcome(result or snapshot(10, *items))
    await entering
    try:
        assert await next_of(feed) == Reset("connected")
        yield feed, peer
    finally:
        await feed.close()


async def next_of(feed: LiveFeed) -> LiveFeedEvent:
    return await within(anext(feed))


async def within(work: Awaitable[Any]) -> Any:
    async with asyncio.timeout(WAIT_SECONDS):
        return await work


async def test_it_connects_and_follows(service: NativeService) -> None:
    async with opened(service, item(2), item(1)) as (feed, peer):
        query = {"archived": False, "snoozed": False, "limit": 20}
        assert peer.hello["connect"] == {"token": "token", "list": query}
        assert [one["sequence"] for one in feed.notifications] == [2, 1]
        assert (feed.counts, feed.position, feed.is_connected, feed.recovered) == (COUNTS, "1-10", True, False)
        counts = {"unseen": 9, "unread": 8, "severity": {"none": 8}}
        await peer.send(event(11, {"created": item(3)}, {"updated": item(1, isRead=True)}, counts=counts))
        assert await next_of(feed) == NotificationCreated(item(3))
        assert feed.counts == counts
        assert await next_of(feed) == NotificationUpdated(item(1, isRead=True))


async def test_closing_ends_the_iteration_and_the_connection(service: NativeService) -> None:
    async with opened(service) as (feed, peer):
        await feed.close()
        assert [event async for event in feed] == []
        await within(peer.connection.wait_closed())
        assert peer.connection.close_code == 1000
        with pytest.raises(Disconnected):
            await feed.mark("1", "read")


async def test_a_lost_connection_continues_at_its_position(service: NativeService) -> None:
    async with opened(service, item(1), item(2)) as (feed, peer):
        await peer.send(event(11, {"created": item(3)}))
        await next_of(feed)
        peer.cut()
        peer = await service.accept()
        assert peer.hello["connect"]["position"] == "1-11"
        await peer.welcome(catch_up(14, {"created": item(4)}))
        assert await next_of(feed) == NotificationCreated(item(4))
        assert [one["sequence"] for one in feed.notifications] == [4, 3, 2, 1]
        assert feed.recovered is True


async def test_what_cannot_be_recovered_is_said(service: NativeService) -> None:
    async with opened(service, item(1)) as (feed, peer):
        peer.cut()
        peer = await service.accept()
        await peer.welcome(snapshot(3, item(7)))
        assert await next_of(feed) == Reset("not_recovered")
        assert [one["sequence"] for one in feed.notifications] == [7]
        assert feed.recovered is False


@pytest.mark.parametrize("frame", [event(12), {"ping": {"position": "1-12", "time": ""}}], ids=["event", "ping"])
async def test_a_missed_event_makes_it_connect_again(service: NativeService, frame: Json) -> None:
    async with opened(service) as (feed, peer):
        await peer.send(frame)
        peer = await service.accept()
        assert peer.hello["connect"]["position"] == "1-10"
        await peer.welcome(catch_up(12, {"created": item(1)}))
        assert await next_of(feed) == NotificationCreated(item(1))


async def test_silence_makes_it_connect_again(service: NativeService, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(service) as (_, peer):
        monkeypatch.setattr(socket_module, "SILENCE_SECONDS", 0.01)
        await peer.send({"ping": {"position": "1-10", "time": ""}})  # the next silence is the short one
        assert (await service.accept()).hello["connect"]["position"] == "1-10"


@pytest.mark.parametrize("code", [1000, 1006, 1011, 1012, 1013, 4008, 4408, 4508])
async def test_codes_after_which_it_comes_back(service: NativeService, code: int) -> None:
    async with opened(service) as (_, peer):
        if code == 1006:
            peer.cut()
        else:
            await peer.close(code)
        await service.accept()


@pytest.mark.parametrize("code", [4400, 4406, 4410, 4499])
async def test_codes_after_which_it_does_not(service: NativeService, code: int) -> None:
    async with opened(service) as (feed, peer):
        await peer.close(code, "that is that")
        with pytest.raises(FeedClosed, match="that is that") as caught:
            await next_of(feed)
        assert caught.value.code == code
        with pytest.raises(FeedClosed):
            await feed.mark("1", "read")


async def test_it_comes_back_when_the_service_says_so(service: NativeService) -> None:
    """Its own back-off would take a hundred years."""
    async with opened(service, backoff=Backoff(3e9, 3e9)) as (_, peer):
        await peer.close(1012, "retry_after=1")
        await service.accept()


async def test_a_refused_handshake_is_tried_again_or_not(service: NativeService) -> None:
    service.statuses = [(503, "0"), (429, "0"), (500, "")]
    async with opened(service):
        assert service.attempts == 4
    service.statuses = [(404, "")]
    with pytest.raises(FeedClosed, match="404 Not Found"):
        await feed_at(service).__aenter__()


async def test_an_address_where_nobody_listens_is_tried_again() -> None:
    async with NativeService.running() as gone:
        url = gone.url
    attempts = 0

    def opening(*arguments: Any, **options: Any) -> Any:
        nonlocal attempts
        attempts += 1
        if attempts == 3:
            raise KeyError("enough")  # a defect of the caller's ends the feed
        return connect(*arguments, proxy=None, **options)

    with pytest.raises(KeyError):
        await within(LiveFeed(url, "token", backoff=Backoff(0, 0), connect=opening).__aenter__())


async def test_a_refused_filter_ends_it(service: NativeService) -> None:
    entering = asyncio.create_task(feed_at(service, filter={"read": True}).__aenter__())
    peer = await service.accept()
    await peer.refuse(peer.hello, "invalid")
    await peer.close(4400, "invalid")
    with pytest.raises(FeedClosed, match="It is invalid"):
        await within(entering)


@pytest.mark.parametrize("code", [4401, 4403])
async def test_a_token_that_ends_is_renewed_once(service: NativeService, code: int) -> None:
    async with opened(service, token=Tokens()) as (feed, peer):
        await peer.close(code, "token_expired")
        peer = await service.accept()
        assert peer.hello["connect"]["token"] == "token 2"
        await peer.welcome(catch_up(10))
        await peer.close(code)
        peer = await service.accept()
        assert peer.hello["connect"]["token"] == "token 3"
        await peer.refuse(peer.hello, "unauthorized")
        await peer.close(4401, "unauthorized")
        with pytest.raises(FeedClosed, match="It is unauthorized"):
            await next_of(feed)


async def test_a_token_that_is_a_text_cannot_be_renewed(service: NativeService) -> None:
    async with opened(service) as (feed, peer):
        await peer.close(4401, "token_expired")
        with pytest.raises(FeedClosed, match="token_expired"):
            await next_of(feed)


async def test_a_token_is_renewed_before_it_expires(service: NativeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "LAST_RENEWAL_SECONDS", -1e9)  # it renews also when it comes late
    ahead = datetime.now(UTC) + timedelta(days=400)  # the clock of the service
    result = snapshot(10, time=ahead.isoformat(), expiresAt=(ahead + timedelta(seconds=0.01)).isoformat())
    tokens = Tokens()
    async with opened(service, token=tokens, result=result) as (_, peer):
        request = await peer.receive()
        assert request == {"id": 2, "renew": {"token": "token 2"}}
        await peer.answer(request, {"expiresAt": (ahead + timedelta(days=1)).isoformat()})
        peer.cut()
        assert (await service.accept()).hello["connect"]["token"] == "token 2"


async def test_a_token_that_cannot_be_had_now_is_asked_for_again(service: NativeService) -> None:
    async with opened(service, token=Tokens(Unreachable("no network"))):
        pass
    with pytest.raises(ValueError, match="signed out"):
        await feed_at(service, Tokens(ValueError("signed out"))).__aenter__()


async def test_an_answered_change_is_held(service: NativeService) -> None:
    async with opened(service, item(1)) as (feed, peer):
        marking = asyncio.create_task(feed.mark(item(1)["id"], "read"))
        request = await peer.receive()
        assert request == {"id": 2, "mark": {"ids": [item(1)["id"]], "as": "read"}}
        await peer.answer(request, {"position": "1-11"})
        await peer.send(event(11, {"updated": item(1, isRead=True)}, request=2))
        await within(marking)
        assert feed.notifications[0]["isRead"]
        marking = asyncio.create_task(feed.mark(item(1)["id"], "read"))
        await peer.answer(await peer.receive(), {"position": "1-11"})
        await within(marking)  # it changed nothing


async def test_a_change_whose_event_comes_after_a_loss(service: NativeService) -> None:
    async with opened(service) as (feed, peer):
        marking = asyncio.create_task(feed.mark_all("read"))
        await peer.answer(await peer.receive(), {"position": "1-11"})
        peer.cut()
        await within(marking)
        assert (await service.accept()).hello["connect"]["position"] == "1-10"


async def test_every_request(service: NativeService) -> None:
    until = datetime(2027, 1, 1, 12, tzinfo=UTC)
    calls: list[tuple[Callable[[LiveFeed], Awaitable[None]], Json]] = [
        (
            lambda feed: feed.mark_all("read_archived", {"tags": ["a"]}),
            {"mark": {"where": {"tags": ["a"]}, "as": "read_archived"}},
        ),
        (lambda feed: feed.snooze("1", until), {"snooze": {"ids": ["1"], "until": "2027-01-01T12:00:00.000+00:00"}}),
        (lambda feed: feed.unsnooze(["1", "2"]), {"unsnooze": {"ids": ["1", "2"]}}),
        (lambda feed: feed.act("1"), {"act": {"id": "1", "type": "primary", "status": "done"}}),
        (
            lambda feed: feed.act("1", "secondary", "pending", {"n": 1}),
            {"act": {"id": "1", "type": "secondary", "status": "pending", "payload": {"n": 1}}},
        ),
        (lambda feed: feed.delete("1"), {"delete": {"ids": ["1"]}}),
        (lambda feed: feed.delete_all(), {"delete": {"where": {}}}),
    ]
    async with opened(service) as (feed, peer):
        for call, expected in calls:
            calling = asyncio.ensure_future(call(feed))
            request = await peer.receive()
            assert {**request, "id": 0} == {"id": 0, **expected}
            await peer.answer(request, {"position": "1-10"})
            await within(calling)


async def test_many_ids_go_a_hundred_at_a_time(service: NativeService) -> None:
    async with opened(service) as (feed, peer):
        deleting = asyncio.create_task(feed.delete([str(n) for n in range(150)]))
        sent = []
        for _ in range(2):
            request = await peer.receive()
            sent.append(len(request["delete"]["ids"]))
            await peer.answer(request, {"position": "1-10"})
        await within(deleting)
        assert sent == [100, 50]


async def test_reading_beside_the_feed(service: NativeService) -> None:
    async with opened(service) as (feed, peer):
        finding = asyncio.create_task(feed.find({"archived": True}, limit=5, after="1"))
        request = await peer.receive()
        assert request["list"] == {"archived": True, "limit": 5, "after": "1"}
        page = {"data": [item(1)], "hasMore": False, "position": "1-10"}
        await peer.answer(request, page)
        assert await within(finding) == page
        counting = asyncio.create_task(feed.count({"tags": ["a"]}, {}))
        request = await peer.receive()
        assert request["count"] == {"filters": [{"tags": ["a"]}, {}]}
        await peer.answer(request, {"data": [{"count": 3}, {"count": 100}], "position": "1-10"})
        assert await within(counting) == [3, 100]


async def test_preferences(service: NativeService) -> None:
    async with opened(service) as (feed, peer):
        reading = asyncio.create_task(feed.preferences())
        request = await peer.receive()
        assert request["preferences"] == {}
        await peer.answer(request, {"data": [{"level": "global"}], "position": "1-10"})
        assert await within(reading) == [{"level": "global"}]
        for workflow_id, arguments in ((None, {}), ("news", {"workflowId": "news"})):
            changing = asyncio.create_task(feed.set_preferences({"in_app": False}, workflow_id))
            request = await peer.receive()
            assert request["set_preferences"] == {"in_app": False, **arguments}
            await peer.answer(request, {"data": {"enabled": True}, "position": "1-10"})
            assert await within(changing) == {"enabled": True}


async def test_a_refused_request(service: NativeService) -> None:
    async with opened(service) as (feed, peer):
        marking = asyncio.create_task(feed.mark("1", "read"))
        await peer.refuse(await peer.receive(), "unavailable", retry=True)
        with pytest.raises(RequestRefused, match="It is unavailable") as caught:
            await within(marking)
        assert (caught.value.code, caught.value.is_temporary) == ("unavailable", True)


async def test_requests_without_an_answer_fail_with_the_connection(service: NativeService) -> None:
    async with opened(service) as (feed, peer):
        marking = asyncio.create_task(feed.mark("1", "read"))
        await peer.receive()
        peer.cut()
        with pytest.raises(Disconnected):
            await within(marking)
        await service.accept()
        with pytest.raises(Disconnected, match="not connected"):
            await feed.mark("1", "read")


async def test_a_request_that_waited_for_its_turn_fails_with_the_connection(
    service: NativeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reads the frames any more, as after silence or a gap, while the connection itself is still open."""
    monkeypatch.setattr(socket_module, "MAX_IN_FLIGHT", 1)
    async with Socket.open(service.url, partial(connect, proxy=None)) as socket:
        connecting = asyncio.create_task(socket.connect({}))
        peer = await service.accept()
        await peer.welcome(snapshot(10))
        await within(connecting)
        async with aclosing(socket.frames()) as frames:
            marking = [asyncio.create_task(socket.request("mark", {})) for _ in range(3)]
            await peer.receive()
            await peer.send(event(12))
            await within(anext(frames))
        for answer in await within(asyncio.gather(*marking, return_exceptions=True)):
            assert isinstance(answer, Disconnected)


async def test_a_cancelled_request_leaves_nothing_behind(service: NativeService) -> None:
    async with opened(service) as (feed, peer):
        marking = asyncio.create_task(feed.mark("1", "read"))
        request = await peer.receive()
        marking.cancel()
        await asyncio.wait([marking])
        await peer.answer(request, {"position": "1-10"})
        await peer.send(event(11, {"created": item(1)}))
        assert await next_of(feed) == NotificationCreated(item(1))


async def test_more(service: NativeService) -> None:
    page = {"data": [item(9), item(8)], "hasMore": True}
    async with opened(service, limit=2, result=snapshot(10, list=page)) as (feed, peer):
        assert feed.has_more
        reading = asyncio.create_task(feed.more())
        request = await peer.receive()
        assert request["list"] == {"archived": False, "snoozed": False, "limit": 2, "after": item(8)["id"]}
        await peer.answer(request, {"data": [item(7)], "hasMore": False, "position": "1-10"})
        await within(reading)
        assert [one["sequence"] for one in feed.notifications] == [9, 8, 7]
        assert not feed.has_more
        await feed.more()  # nothing to ask for
        peer.cut()
        assert (await service.accept()).hello["connect"]["list"]["limit"] == 3


async def test_what_a_bulk_change_may_bring_is_listed(service: NativeService) -> None:
    """Also when the list was refused, or the connection was lost meanwhile."""
    async with opened(service, item(2)) as (feed, peer):
        await peer.send(event(11, {"bulk": {"set": {"isArchived": False}, "upTo": 2}}))
        await next_of(feed)
        await peer.refuse(await peer.receive(), "unavailable", retry=True)
        assert (await peer.receive())["list"] == {"archived": False, "snoozed": False, "limit": 20}
        peer.cut()
        peer = await service.accept()
        await peer.welcome(catch_up(11))
        await peer.answer(await peer.receive(), {"data": [item(2), item(1)], "hasMore": False, "position": "1-11"})
        assert await next_of(feed) == Reset("listed")
        assert [one["sequence"] for one in feed.notifications] == [2, 1]


async def test_refetch_lists_again(service: NativeService) -> None:
    async with opened(service, item(1)) as (feed, peer):
        await peer.send(event(11, {"refetch": True}))
        assert await next_of(feed) == Reset("refetch")
        await peer.answer(await peer.receive(), {"data": [item(2)], "hasMore": False, "position": "1-11"})
        assert await next_of(feed) == Reset("listed")
        assert [one["sequence"] for one in feed.notifications] == [2]


async def test_events_that_nobody_takes_become_one(service: NativeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "MAX_WAITING", 3)
    async with opened(service) as (feed, peer):
        for counter in range(11, 20):
            await peer.send(event(counter, {"created": item(counter)}))
        counting = asyncio.create_task(feed.count({}))
        await peer.answer(await peer.receive(), {"data": [{"count": 9}], "position": "1-19"})
        await within(counting)  # all that came before has been applied
        assert await next_of(feed) == Reset("overrun")
        assert len(feed.notifications) == 9


async def test_leaving_while_it_connects(service: NativeService) -> None:
    entering = asyncio.create_task(feed_at(service).__aenter__())
    await service.accept()
    entering.cancel()
    await asyncio.wait([entering])
    assert entering.cancelled()
