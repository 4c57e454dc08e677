"""Any change by any face reaches every socket of the feed, at every process, with the state the API then lists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.client import Api, InboxApi
from tests.support.mirror import shared
from tests.support.model import count_unread, count_unseen
from tests.support.sockets import RECEIVED, UNREAD, UNSEEN, UPDATED, PlainSocket

from .conftest import Pair

SUBSCRIBER = "ada"
MESSAGES = 25
MAX_NAMED = 20
INBOX, V2 = "/v1/inbox/notifications", f"/v2/subscribers/{SUBSCRIBER}/notifications"
Change = Callable[[Api, InboxApi, list[str]], Awaitable[Any]]


def in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


# what is changed, and how many messages it names (None: it selects by filter)
CHANGES: dict[str, tuple[Change, int | None]] = {
    "v1 read one": (lambda api, _, ids: api.mark_as(SUBSCRIBER, ids[3], "read"), 1),
    "v1 unseen one": (lambda api, _, ids: api.mark_as(SUBSCRIBER, ids[3], "unseen"), 1),
    "v1 seen twenty": (lambda api, _, ids: api.mark_as(SUBSCRIBER, ids[:MAX_NAMED], "seen"), MAX_NAMED),
    "v1 read more": (lambda api, _, ids: api.mark_as(SUBSCRIBER, ids[: MAX_NAMED + 1], "read"), MAX_NAMED + 1),
    "v1 legacy mark": (lambda api, _, ids: api.mark_legacy(SUBSCRIBER, ids[1], seen=True, read=True), 1),
    "v1 seen all": (lambda api, *_: api.mark_all(SUBSCRIBER, "seen"), None),
    "v1 read all": (lambda api, *_: api.mark_all(SUBSCRIBER, "read"), None),
    "v1 action": (lambda api, _, ids: api.act(SUBSCRIBER, ids[5], "primary", "done", payload={"by": "test"}), 1),
    "inbox read": (lambda _, inbox, ids: inbox.change(ids[0], "read"), 1),
    "inbox unread": (lambda _, inbox, ids: inbox.change(ids[0], "unread"), 1),
    "inbox complete": (lambda _, inbox, ids: inbox.change(ids[2], "complete", {"actionType": "secondary"}), 1),
    "inbox revert": (lambda _, inbox, ids: inbox.change(ids[2], "revert", {"actionType": "primary"}), 1),
    "inbox archive": (lambda _, inbox, ids: inbox.change(ids[4], "archive"), 1),
    "inbox unarchive": (lambda _, inbox, ids: inbox.change(ids[4], "unarchive"), 1),
    "inbox unread again": (lambda _, inbox, ids: inbox.change(ids[4], "unread"), 1),
    "inbox snooze": (lambda _, inbox, ids: inbox.change(ids[4], "snooze", {"snoozeUntil": in_an_hour()}), 1),
    "v2 read": (lambda api, _, ids: api.call("PATCH", f"{V2}/{ids[4]}/read", 200), 1),
    "inbox unsnooze": (lambda _, inbox, ids: inbox.change(ids[4], "unsnooze"), 1),
    "inbox see three": (lambda _, inbox, ids: inbox.see(ids[:3]), 3),
    "inbox see all": (lambda _, inbox, __: inbox.see(), None),
    "inbox read all": (lambda _, inbox, __: inbox.read_all(), None),
    "inbox archive read": (lambda _, inbox, __: inbox.call("POST", f"{INBOX}/read-archive", 204, {}), None),
    "v2 archive by data": (lambda api, *_: api.call("POST", f"{V2}/archive", 204, {"data": '{"none":null}'}), None),
}


async def fill(pair: Pair, count: int, sockets: tuple[PlainSocket, ...] = ()) -> list[str]:
    """Triggers `count` messages, waits for them at the sockets, and returns their ids, oldest first."""
    for number in range(count):
        await pair.api.trigger(SUBSCRIBER, {"n": number})
        for socket in sockets:
            await socket.expect_exactly(RECEIVED, UNSEEN, UNREAD)
    return [message["_id"] for message in reversed(await pair.api.feed(SUBSCRIBER))]


def forms_of(named: int | None) -> int:
    """How many update events a change makes: one for each message it names, one `refetch` for all beyond."""
    return 1 if named is None or named > MAX_NAMED else named


async def expect_change(pair: Pair, socket: PlainSocket, named: int | None) -> None:
    """The next frames tell the change, then the counts; all as the API lists them now."""
    feed = {message["_id"]: message for message in await pair.apis[1].feed(SUBSCRIBER)}
    *updates, unseen, unread = await socket.expect_exactly(*[UPDATED] * forms_of(named), UNSEEN, UNREAD)
    if named is None or named > MAX_NAMED:
        assert updates == [{"refetch": True}]
    else:
        changed = [update["message"] for update in updates]
        assert len({message["_id"] for message in changed}) == named
        assert [shared(message) for message in changed] == [shared(feed[message["_id"]]) for message in changed]
    assert unseen == {"unseenCount": count_unseen(feed.values()), "hasMore": False}
    assert (unread["unreadCount"], unread["hasMore"]) == (count_unread(feed.values()), False)
    assert unread["counts"]["total"] == unread["unreadCount"]
    assert unread["counts"]["severity"] == {"high": 0, "medium": 0, "low": 0, "none": unread["unreadCount"]}


async def test_every_change_reaches_both_processes(any_pair: Pair) -> None:
    pair = any_pair
    sockets = await pair.sockets(SUBSCRIBER)
    inboxes = await pair.inboxes(SUBSCRIBER)
    ids = await fill(pair, MESSAGES, sockets)
    for turn, (change, named) in enumerate(CHANGES.values()):
        process = turn % 2
        await change(pair.apis[process], inboxes[process], ids)
        for socket in sockets:
            await expect_change(pair, socket, named)


async def test_a_new_message_comes_with_both_counts(any_pair: Pair) -> None:
    sockets = await any_pair.sockets(SUBSCRIBER)
    reply = await any_pair.api.trigger(SUBSCRIBER, {"n": 7}, transactionId="first")
    assert reply == {"acknowledged": True, "status": "processed", "transactionId": "first"} | reply
    [listed] = await any_pair.api.feed(SUBSCRIBER)
    for socket in sockets:
        received, unseen, unread = await socket.expect_exactly(RECEIVED, UNSEEN, UNREAD)
        assert shared(received["message"]) == shared(listed)
        assert (received["message"]["subject"], received["message"]["content"]) == ("Message 7", "Body 7")
        assert (unseen["unseenCount"], unread["unreadCount"]) == (1, 1)


async def test_counts_stop_at_a_hundred(pair: Pair) -> None:
    sockets = await pair.sockets(SUBSCRIBER)
    await fill(pair, 101, sockets)
    for socket in sockets:
        assert socket.last(UNSEEN) == {"unseenCount": 100, "hasMore": True}
        unread = socket.last(UNREAD)
        assert (unread["unreadCount"], unread["hasMore"]) == (100, True)
        assert unread["counts"]["severity"]["none"] == 99


async def test_others_hear_nothing(pair: Pair) -> None:
    mine, _ = await pair.sockets(SUBSCRIBER)
    theirs, _ = await pair.sockets("grace")
    [message_id] = await fill(pair, 1)
    await pair.api.mark_as(SUBSCRIBER, message_id, "read")
    await mine.expect_exactly(RECEIVED, UNSEEN, UNREAD, UPDATED, UNSEEN, UNREAD)
    await pair.api.trigger("grace", {"n": 2}, transactionId="for grace")  # a fence: whatever came before it was wrong
    await theirs.reach("for grace")
    assert theirs.received() == ["for grace"]
    assert [frame.event for frame in theirs.frames] == [RECEIVED, UNSEEN, UNREAD]


@pytest.mark.parametrize("text", ["ping"])
async def test_a_page_keeps_its_socket_alive(pair: Pair, text: str) -> None:
    socket, _ = await pair.sockets(SUBSCRIBER)
    await socket.send("anything else is ignored")
    await socket.send(text)
    assert (await socket.next()).event == "pong"
