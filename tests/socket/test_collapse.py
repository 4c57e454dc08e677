"""Messages that collapse, and messages that are cut off, as open pages follow them at every process."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from tests.conftest import RunServer, one_server_and_cluster
from tests.support.client import Api, InboxApi, Json
from tests.support.mirror import shared
from tests.support.model import count_unread, count_unseen
from tests.support.sockets import RECEIVED, UNREAD, UNSEEN, UPDATED, PlainSocket

from .conftest import Pair

SUBSCRIBER = "ada"
LENGTH, SLACK = 10, 64
BURST = 60


async def counted_workflow(api: Api, **step: str) -> None:
    await api.create_workflow("counted", subject="{{collapse.count}} new", body="{{payload.n}}", **step)


async def follow(socket: PlainSocket, feed: dict[str, Json], count: int) -> Json:
    """The next frames: the message as it is listed, then both counts."""
    update, unseen, unread = await socket.expect_exactly(UPDATED, UNSEEN, UNREAD)
    message: Json = update["message"]
    assert shared(message) == shared(feed[message["_id"]])
    assert (unseen["unseenCount"], unread["unreadCount"]) == (count_unseen(feed.values()), count_unread(feed.values()))
    assert message["subject"] == f"{count} new"
    return message


@one_server_and_cluster
async def test_pages_follow_a_message_that_collapses(any_pair: Pair) -> None:
    await counted_workflow(any_pair.api, collapseKey="order-{{payload.order}}", collapseMode="count")
    sockets = await any_pair.sockets(SUBSCRIBER)
    await any_pair.api.trigger(SUBSCRIBER, {"order": 1, "n": 0}, workflow="counted")
    await any_pair.api.trigger(SUBSCRIBER, {"order": 2, "n": 0}, workflow="counted")
    for socket in sockets:
        await socket.expect_exactly(RECEIVED, UNSEEN, UNREAD)
        await socket.expect_exactly(RECEIVED, UNSEEN, UNREAD)
    [other, first] = await any_pair.api.feed(SUBSCRIBER)
    for turn in range(1, 4):
        await any_pair.apis[turn % 2].trigger(SUBSCRIBER, {"order": 1, "n": turn}, workflow="counted")
        listed = await any_pair.api.feed(SUBSCRIBER)
        assert [message["_id"] for message in listed] == [first["_id"], other["_id"]], "the same one, on top"
        feed = {message["_id"]: message for message in listed}
        for socket in sockets:
            message = await follow(socket, feed, turn + 1)
            assert (message["_id"], message["content"]) == (first["_id"], str(turn))
            assert message["createdAt"] > first["createdAt"]
    await any_pair.api.mark_as(SUBSCRIBER, first["_id"], "read")
    await any_pair.api.trigger(SUBSCRIBER, {"order": 1, "n": 9}, workflow="counted")
    for socket in sockets:
        await socket.expect_exactly(UPDATED, UNSEEN, UNREAD)
        received, *_ = await socket.expect_exactly(RECEIVED, UNSEEN, UNREAD)
        assert (received["message"]["subject"], received["message"]["_id"] == first["_id"]) == ("1 new", False)


async def test_a_burst_at_two_processes_ends_in_one_message_on_every_page(any_pair: Pair) -> None:
    await counted_workflow(any_pair.api)
    sockets = await any_pair.sockets(SUBSCRIBER)
    fields = {"workflow": "counted", "collapseKey": "k", "collapseMode": "count"}
    async with asyncio.TaskGroup() as tasks:
        for number in range(BURST):
            tasks.create_task(any_pair.apis[number % 2].trigger(SUBSCRIBER, {"n": number}, **fields))
    [message] = await any_pair.api.feed(SUBSCRIBER)
    assert message["subject"] == f"{BURST} new"
    last = f"last-{SUBSCRIBER}"
    await any_pair.api.trigger(SUBSCRIBER, {"n": 1}, transactionId=last)
    for socket in sockets:
        await socket.reach(last)
        shown: dict[str, Json] = {}
        for frame in socket.frames:
            if frame.event in (RECEIVED, UPDATED):
                shown[frame.data["message"]["_id"]] = frame.data["message"]
        assert len(shown) == 2
        assert shared(shown[message["_id"]]) == shared(message)
        assert socket.last(UNREAD)["unreadCount"] == 2


@one_server_and_cluster
async def test_pages_are_told_what_a_full_feed_lets_go(run_server: RunServer, store_url: str, key_prefix: str) -> None:
    async with AsyncExitStack() as stack:
        server = await run_server(redis_url=store_url, INBOX_KEY_PREFIX=key_prefix, INBOX_MAX_FEED_LENGTH=str(LENGTH))
        api = await stack.enter_async_context(Api.open(server))
        await api.create_workflow()
        for number in range(LENGTH + SLACK):
            await api.trigger(SUBSCRIBER, {"n": number})
        ids = [message["_id"] for message in reversed(await api.feed(SUBSCRIBER))]
        await api.mark_as(SUBSCRIBER, ids[0], "read")
        inbox = await stack.enter_async_context(InboxApi.open(server, SUBSCRIBER))
        for one in ids[15:]:  # so that few are to go once the rows are too many
            await inbox.call("DELETE", f"/v1/inbox/notifications/{one}/delete", 204)
        socket = await stack.enter_async_context(PlainSocket.open(server, SUBSCRIBER))
        await api.trigger(SUBSCRIBER, {"n": "last"})
        _, unseen, unread = await socket.expect_exactly(RECEIVED, UNSEEN, UNREAD)
        assert (unseen["unseenCount"], unread["unreadCount"]) == (15, 15)
        removed, unseen, unread = await socket.expect_exactly(UPDATED, UNSEEN, UNREAD)
        assert removed == {"removed": ids[:6]}
        feed = await api.feed(SUBSCRIBER)
        assert [message["_id"] for message in feed[1:]] == ids[14:5:-1]
        assert (unseen["unseenCount"], unread["unreadCount"]) == (count_unseen(feed), count_unread(feed)) == (10, 10)


@one_server_and_cluster
async def test_pages_are_told_to_read_again_when_more_goes_at_once(
    run_server: RunServer, store_url: str, key_prefix: str
) -> None:
    async with AsyncExitStack() as stack:
        server = await run_server(redis_url=store_url, INBOX_KEY_PREFIX=key_prefix, INBOX_MAX_FEED_LENGTH=str(LENGTH))
        api = await stack.enter_async_context(Api.open(server))
        await api.create_workflow()
        for number in range(LENGTH + SLACK):
            await api.trigger(SUBSCRIBER, {"n": number})
        ids = [message["_id"] for message in reversed(await api.feed(SUBSCRIBER))]
        socket = await stack.enter_async_context(PlainSocket.open(server, SUBSCRIBER))
        await api.trigger(SUBSCRIBER, {"n": "last"})
        await socket.expect_exactly(RECEIVED, UNSEEN, UNREAD)
        many, unseen, unread = await socket.expect_exactly(UPDATED, UNSEEN, UNREAD)
        assert (many, unseen["unseenCount"]) == ({"refetch": True}, LENGTH + 1)
        one, unseen, unread = await socket.expect_exactly(UPDATED, UNSEEN, UNREAD)
        assert (one, unread["unreadCount"]) == ({"removed": [ids[64]]}, LENGTH)
        assert await api.unseen(SUBSCRIBER) == unseen["unseenCount"] == LENGTH
