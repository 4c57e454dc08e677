"""Face x change x flavour: whatever is changed through one face, every other shows, and every open socket is told.

The table says what each change does to each message; neither it nor the counts are taken from what the service answers.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest

from tests.support.client import Api, InboxApi, Json, WidgetApi, create_session
from tests.support.native import NativeSocket, apply
from tests.support.polls import Polls
from tests.support.server import Server
from tests.support.socketio import PythonClient
from tests.support.sockets import RECEIVED, UNREAD, UNSEEN, UPDATED, PlainSocket

PLAIN, URGENT = "faces-plain", "faces-urgent"
BUTTONS = {"primaryAction": {"label": "Yes"}, "secondaryAction": {"label": "No"}}
NOTHING = "0" * 24
EDIT = {"body": "edited", "severity": "high"}


# the flavours: how to open a socket, and to read the next events


class Listener(Protocol):
    """An open socket that was already greeted with its counts."""

    async def next(self) -> tuple[str, Json]: ...


@dataclass
class PlainListener:
    socket: PlainSocket

    async def next(self) -> tuple[str, Json]:
        frame = await self.socket.next()
        return frame.event, frame.data


@dataclass
class SocketIoListener:
    client: PythonClient

    async def next(self) -> tuple[str, Json]:
        [event] = await self.client.take(1)
        return event


@asynccontextmanager
async def open_plain(server: Server, token: str) -> AsyncIterator[Listener]:
    async with PlainSocket.open(server, "", token) as socket:
        yield PlainListener(socket)


@asynccontextmanager
async def open_socketio(server: Server, token: str) -> AsyncIterator[Listener]:
    async with PythonClient.open(server, token) as client:
        await client.take(2)
        yield SocketIoListener(client)


@dataclass
class NativeListener:
    """What a client of the native protocol holds: it knows the feed by its first list and the events."""

    socket: NativeSocket
    held: dict[str, Json]

    async def check(self, states: dict[str, State]) -> None:
        """The next event leads to these states and their counts."""
        event = await self.socket.event()
        apply(self.held, event["changes"])
        assert {one: of_notification(item) for one, item in self.held.items()} == states
        counts = Counts.of(states)
        told = {"total": event["counts"]["unread"], "severity": event["counts"]["severity"]}
        assert (event["counts"]["unseen"], told) == (counts.unseen, counts.told)


@asynccontextmanager
async def open_native(server: Server, token: str) -> AsyncIterator[NativeListener]:
    async with NativeSocket.connected(server, "", token, list={"limit": 100}) as (socket, result):
        yield NativeListener(socket, {item["id"]: item for item in result["list"]["data"]})


FLAVOURS: dict[str, Callable[[Server, str], AbstractAsyncContextManager[Listener | NativeListener]]] = {
    "plain": open_plain,
    "socket.io": open_socketio,
    "native": open_native,
}


# what a message is like


@dataclass(frozen=True)
class State:
    """A message as every face shows it. `done`: the button that was pressed."""

    seen: bool = False
    read: bool = False
    archived: bool = False
    snoozed: bool = False
    done: str | None = None
    high: bool = False
    text: str = "B"


Change = Callable[[State], State | None]
"""What becomes of a message; None: it is gone."""


def see(state: State) -> State:
    return replace(state, seen=True)


def read(state: State) -> State:
    return replace(state, seen=True, read=True)


def unread(state: State) -> State:
    return replace(state, seen=True, read=False, archived=False)


def v1_unread(state: State) -> State:
    return replace(state, seen=True, read=False)


def unsee(state: State) -> State:
    return replace(state, seen=False)


def archive(state: State) -> State:
    return replace(state, seen=True, read=True, archived=True)


def unarchive(state: State) -> State:
    return replace(state, seen=True, read=True, archived=False)


def snooze(state: State) -> State:
    return replace(state, seen=True, archived=False, snoozed=True)


def unsnooze(state: State) -> State:
    return replace(state, seen=True, archived=False, snoozed=False)


def press(button: str) -> Change:
    return lambda state: replace(state, done=button)


def complete(button: str) -> Change:
    return lambda state: replace(state, seen=True, read=True, done=button)


def revert(state: State) -> State:
    return replace(state, seen=True, read=True, done=None)


def edited(state: State) -> State:
    return replace(state, high=True, text="edited")


def flag(**flags: bool) -> Change:
    return lambda state: replace(state, **flags)


def gone(_: State) -> None:
    return None


# what everybody has: three messages, the oldest first; the second is read, the third is urgent

BEGINNING = [State(), State(seen=True, read=True), State(high=True)]


@dataclass
class World:
    """A subscriber with three messages, and a client of every face."""

    server: Server
    subscriber_id: str
    api: Api
    inbox: InboxApi
    widget: WidgetApi
    ids: list[str]
    transactions: list[str]

    def v1(self, rest: str) -> str:
        return f"/v1/subscribers/{self.subscriber_id}/{rest}"

    def v2(self, rest: str = "") -> str:
        return f"/v2/subscribers/{self.subscriber_id}/notifications{rest}"

    async def send(self, workflow: str = PLAIN) -> str:
        reply = await self.api.trigger(self.subscriber_id, workflow=workflow, payload={"kind": "k"})
        return str(reply["transactionId"])


Do = Callable[[World], Awaitable[object]]


@dataclass(frozen=True)
class Row:
    """One line of the table. `hits`: the messages it changes, in the order told; `told`: how."""

    do: Do
    hits: list[int]
    change: Change
    told: str = "message"
    before: Do | None = None
    """What is done first, to make the change one; `start`: what that makes of the messages."""
    start: dict[int, Change] | None = None


def in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


INBOX = "/v1/inbox/notifications"
WIDGET = "/v1/widgets/messages"


def inbox_change(verb: str, body: Json | None = None, number: int = 0) -> Do:
    return lambda world: world.inbox.change(world.ids[number], verb, body)


def v2_change(verb: str, body: Json | None = None, number: int = 0) -> Do:
    return lambda world: world.api.call("PATCH", world.v2(f"/{world.ids[number]}/{verb}"), 200, body)


def inbox_bulk(verb: str, **body: Any) -> Do:
    return lambda world: world.inbox.call("POST", f"{INBOX}/{verb}", 204, body)


def v2_bulk(verb: str, **body: Any) -> Do:
    return lambda world: world.api.call("POST", world.v2(f"/{verb}"), 204, body)


def notification_rows(face: str, one: Callable[..., Do], bulk: Callable[..., Do]) -> dict[str, Row]:
    """The changes that pages and v2 have in common."""
    until = {"snoozeUntil": in_an_hour()}
    archived = {0: archive}
    data = json.dumps({"kind": "k"})
    return {
        f"{face} read": Row(one("read"), [0], read),
        f"{face} read again": Row(one("read", None, 1), [1], read),
        f"{face} unread": Row(one("unread", None, 1), [1], unread),
        f"{face} unread of an archived one": Row(one("unread"), [0], unread, before=one("archive"), start=archived),
        f"{face} archive": Row(one("archive"), [0], archive),
        f"{face} unarchive": Row(one("unarchive"), [0], unarchive, before=one("archive"), start=archived),
        f"{face} snooze": Row(one("snooze", until, 2), [2], snooze),
        f"{face} snooze of an archived one": Row(
            one("snooze", until), [0], snooze, before=one("archive"), start=archived
        ),
        f"{face} unsnooze": Row(one("unsnooze"), [0], unsnooze, before=one("snooze", until), start={0: snooze}),
        f"{face} seen by name": Row(
            lambda world: bulk("seen", notificationIds=[world.ids[2], world.ids[0]])(world), [2, 0], see
        ),
        f"{face} seen all": Row(bulk("seen"), [0, 1, 2], see, "refetch"),
        f"{face} read all": Row(bulk("read"), [0, 1, 2], read, "refetch"),
        f"{face} read by data": Row(bulk("read", data=data), [0, 1, 2], read, "refetch"),
        f"{face} archive by tag": Row(bulk("archive", tags=["urgent"]), [2], archive, "refetch"),
        f"{face} archive what is read": Row(bulk("read-archive"), [1], archive, "refetch"),
        f"{face} delete by tag": Row(bulk("delete", tags=["urgent"]), [2], gone, "removed"),
        f"{face} delete all": Row(bulk("delete"), [0, 1, 2], gone, "removed"),
    }


def v1_marks() -> dict[str, Row]:
    """mark-as, markAs and all at once: the same on v1 and for older pages, but for where they are."""
    rows: dict[str, Row] = {}
    for mark, number, change in (("read", 0, read), ("unread", 1, v1_unread), ("seen", 0, see), ("unseen", 1, unsee)):
        rows[f"v1 {mark}"] = Row(
            lambda world, mark=mark, number=number: world.api.mark_as(world.subscriber_id, world.ids[number], mark),  # type: ignore[misc]
            [number],
            change,
        )
        rows[f"widgets {mark}"] = Row(
            lambda world, mark=mark, number=number: world.widget.post(  # type: ignore[misc]
                "mark-as", messageId=[world.ids[number]], markAs=mark
            ),
            [number],
            change,
        )
    return rows


TABLE: dict[str, Row] = {
    **v1_marks(),
    "v1 two at once": Row(
        lambda world: world.api.mark_as(world.subscriber_id, [world.ids[2], world.ids[0]], "read"), [2, 0], read
    ),
    "v1 by transaction": Row(
        lambda world: world.api.data(
            "POST", world.v1("messages/mark-as"), 201, {"transactionId": world.transactions[2], "markAs": "read"}
        ),
        [2],
        read,
    ),
    "v1 legacy seen": Row(lambda world: world.api.mark_legacy(world.subscriber_id, world.ids[0], seen=True), [0], see),
    "v1 legacy read alone": Row(
        lambda world: world.api.mark_legacy(world.subscriber_id, world.ids[0], read=True), [0], flag(read=True)
    ),
    "v1 read all": Row(lambda world: world.api.mark_all(world.subscriber_id, "read"), [0, 2], read, "refetch"),
    "v1 unread all": Row(lambda world: world.api.mark_all(world.subscriber_id, "unread"), [1], v1_unread, "refetch"),
    "v1 seen all": Row(lambda world: world.api.mark_all(world.subscriber_id, "seen"), [0, 2], see, "refetch"),
    "v1 unseen all": Row(lambda world: world.api.mark_all(world.subscriber_id, "unseen"), [1], unsee, "refetch"),
    "v1 action": Row(
        lambda world: world.api.act(world.subscriber_id, world.ids[0], "secondary", "done"), [0], press("secondary")
    ),
    **notification_rows("v2", v2_change, v2_bulk),
    "v2 complete": Row(v2_change("actions/primary/complete"), [0], complete("primary")),
    "v2 revert": Row(
        v2_change("actions/primary/revert"),
        [0],
        revert,
        before=v2_change("actions/primary/complete"),
        start={0: complete("primary")},
    ),
    "v2 delete": Row(lambda world: world.api.call("DELETE", world.v2(f"/{world.ids[0]}"), 204), [0], gone, "removed"),
    **notification_rows("inbox", inbox_change, inbox_bulk),
    "inbox complete": Row(inbox_change("complete", {"actionType": "secondary"}), [0], complete("secondary")),
    "inbox revert": Row(
        inbox_change("revert", {"actionType": "primary"}),
        [0],
        revert,
        before=inbox_change("complete", {"actionType": "primary"}),
        start={0: complete("primary")},
    ),
    "inbox delete": Row(
        lambda world: world.inbox.call("DELETE", f"{INBOX}/{world.ids[2]}/delete", 204), [2], gone, "removed"
    ),
    "widgets legacy read": Row(
        lambda world: world.widget.post("markAs", messageId=world.ids[0], mark={"seen": True, "read": True}), [0], read
    ),
    "widgets legacy unseen": Row(
        lambda world: world.widget.post("markAs", messageId=world.ids[1], mark={"seen": False}), [1], unsee
    ),
    "widgets read all": Row(lambda world: world.widget.post("read"), [0, 2], read, "refetch"),
    "widgets seen all": Row(lambda world: world.widget.post("seen"), [0, 2], see, "refetch"),
    "widgets action": Row(
        lambda world: world.widget.post(f"{world.ids[2]}/actions/primary", status="done", executedType="primary"),
        [2],
        press("primary"),
    ),
    "widgets delete": Row(
        lambda world: world.widget.call("DELETE", f"{WIDGET}/{world.ids[0]}", 200), [0], gone, "removed"
    ),
    "widgets delete several": Row(
        lambda world: world.widget.call(
            "POST", f"{WIDGET}/bulk/delete", 200, {"messageIds": [world.ids[2], NOTHING, world.ids[0]]}
        ),
        [0, 2],
        gone,
        "removed",
    ),
    "widgets delete all": Row(lambda world: world.widget.call("DELETE", WIDGET, 204), [0, 1, 2], gone, "removed"),
    "messages edit": Row(lambda world: world.api.call("PATCH", f"/v1/messages/{world.ids[0]}", 200, EDIT), [0], edited),
    "messages edit a transaction": Row(
        lambda world: world.api.call("PATCH", f"/v1/messages/transaction/{world.transactions[1]}", 200, EDIT),
        [1],
        edited,
    ),
    "messages delete": Row(
        lambda world: world.api.call("DELETE", f"/v1/messages/{world.ids[1]}", 200), [1], gone, "removed"
    ),
    "messages delete a transaction": Row(
        lambda world: world.api.call("DELETE", f"/v1/messages/transaction/{world.transactions[2]}", 204),
        [2],
        gone,
        "removed",
    ),
}

WITHOUT_EFFECT: dict[str, Do] = {
    "messages edit to what it says": lambda world: world.api.call(
        "PATCH", f"/v1/messages/{world.ids[0]}", 200, {"body": "B", "severity": "none", "redirect": None}
    ),
    "messages edit of a transaction to what it says": lambda world: world.api.call(
        "PATCH", f"/v1/messages/transaction/{world.transactions[0]}", 200, {"body": "B"}
    ),
    "widgets delete what is not there": lambda world: world.widget.call("DELETE", f"{WIDGET}/{NOTHING}", 200),
    "widgets delete several that are not there": lambda world: world.widget.call(
        "POST", f"{WIDGET}/bulk/delete", 200, {"messageIds": [NOTHING]}
    ),
    "widgets mark what is not there": lambda world: world.widget.post("markAs", messageId=NOTHING, mark={"read": True}),
    "inbox seen of none": inbox_bulk("seen", notificationIds=[]),
    "v2 archive by a tag that none has": v2_bulk("archive", tags=["none"]),
}


# the test


@pytest.fixture
async def world(shared_server: Server) -> AsyncIterator[World]:
    subscriber_id = f"faces-{secrets.token_hex(5)}"
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(Api.open(shared_server))
        for name, fields in ((PLAIN, {}), (URGENT, {"severity": "high", "tags": ["urgent"]})):
            controls = {"body": "B", "data": {"kind": "{{payload.kind}}"}, **BUTTONS}
            steps = [{"name": "In-app", "type": "in_app", "controlValues": controls}]
            body = {"name": name, "workflowId": name, "steps": steps, **fields}
            await api.client.post("/v2/workflows", json=body)  # 400 when another test has made it
        await api.create_subscriber(subscriber_id)
        inbox = await stack.enter_async_context(InboxApi.open(shared_server, subscriber_id))
        widget = await stack.enter_async_context(WidgetApi.open(shared_server, subscriber_id))
        made = World(shared_server, subscriber_id, api, inbox, widget, [], [])
        made.transactions += [await made.send(workflow) for workflow in (PLAIN, PLAIN, URGENT)]
        made.ids += [message["_id"] for message in reversed(await api.feed(subscriber_id))]
        await api.mark_as(subscriber_id, made.ids[1], "read")
        yield made


def of_entity(message: Json) -> State:
    action = message["cta"]["action"]
    done = action["result"]["type"] if action.get("status") == "done" else None
    return State(
        message["seen"],
        message["read"],
        message["archived"],
        "snoozedUntil" in message,
        done,
        message["severity"] == "high",
        message["content"],
    )


def of_notification(item: Json) -> State:
    done = [kind for kind in ("primary", "secondary") if item[f"{kind}Action"]["isCompleted"]]
    assert len(done) <= 1
    return State(
        item["isSeen"],
        item["isRead"],
        item["isArchived"],
        item["isSnoozed"],
        done[0] if done else None,
        item["severity"] == "high",
        item["body"],
    )


async def check_faces(world: World, expected: dict[str, State]) -> None:
    """Every face lists these messages in these states, and counts them."""
    own = {"subscriberId": world.subscriber_id, "limit": "100"}
    lists = {
        "v1": {one["_id"]: of_entity(one) for one in await world.api.feed(world.subscriber_id)},
        "widgets": {one["_id"]: of_entity(one) for one in await world.widget.feed()},
        "messages": {
            one["_id"]: of_entity(one) for one in (await world.api.call("GET", "/v1/messages", 200, **own))["data"]
        },
        "v2": {
            one["id"]: of_notification(one) for one in (await world.api.call("GET", world.v2(), 200, limit=100))["data"]
        },
        "inbox": {one["id"]: of_notification(one) for one in await world.inbox.notifications()},
    }
    for face, listed in lists.items():
        assert listed == expected, face
    counts = Counts.of(expected)
    filters = json.dumps([{"seen": False}, {"read": False, "snoozed": False}])
    by_v2 = await world.api.call("GET", world.v2("/count"), 200, filters=filters)
    session = await create_session(world.server, world.subscriber_id)
    assert await world.api.unseen(world.subscriber_id) == counts.unseen
    assert [await world.widget.count(which) for which in ("unseen", "unread")] == [counts.unseen, counts.unread]
    assert await world.inbox.count('{"seen":false}', '{"read":false,"snoozed":false}') == [counts.unseen, counts.unread]
    assert [one["count"] for one in by_v2["data"]] == [counts.unseen, counts.unread]
    assert session["unreadCount"] == counts.told


@dataclass(frozen=True)
class Counts:
    unseen: int
    unread: int
    high: int

    @classmethod
    def of(cls, states: dict[str, State]) -> Counts:
        badge = [state for state in states.values() if not state.read and not state.snoozed]
        return cls(sum(not state.seen for state in states.values()), len(badge), sum(state.high for state in badge))

    @property
    def told(self) -> Json:
        """`{total, severity}` as sessions and sockets tell it."""
        severity = {"high": self.high, "medium": 0, "low": 0, "none": self.unread - self.high}
        return {"total": self.unread, "severity": severity}


async def check_counts(listener: Listener, states: dict[str, State]) -> None:
    counts = Counts.of(states)
    assert await listener.next() == (UNSEEN, {"unseenCount": counts.unseen, "hasMore": False})
    unread = {"unreadCount": counts.unread, "counts": counts.told, "hasMore": False}
    assert await listener.next() == (UNREAD, unread)


async def check_told(world: World, listener: Listener | NativeListener, row: Row, states: dict[str, State]) -> None:
    """The socket is told what changed, then both counts."""
    if isinstance(listener, NativeListener):
        await listener.check(states)
        return
    hit = [world.ids[number] for number in row.hits]
    if row.told == "message":
        for message_id in hit:
            event, payload = await listener.next()
            assert (event, payload["message"]["_id"]) == (UPDATED, message_id)
            assert of_entity(payload["message"]) == states[message_id]
    else:
        event, payload = await listener.next()
        assert event == UPDATED
        if row.told == "refetch":
            assert payload == {"refetch": True}
        else:
            assert (list(payload), sorted(payload["removed"])) == (["removed"], sorted(hit))
    await check_counts(listener, states)


async def check_a_new_message(
    world: World, listeners: dict[str, Listener | NativeListener], states: dict[str, State]
) -> None:
    """A fence: the next event is a new message, so nothing else was told before it."""
    transaction_id = await world.send()
    newest = (await world.api.feed_page(world.subscriber_id, limit=1))["data"][0]
    states = {**states, newest["_id"]: State()}
    for listener in listeners.values():
        if isinstance(listener, NativeListener):
            await listener.check(states)
            continue
        event, payload = await listener.next()
        assert (event, payload["message"]["transactionId"]) == (RECEIVED, transaction_id), payload
        assert of_entity(payload["message"]) == State()
        await check_counts(listener, states)
    await check_faces(world, states)


@asynccontextmanager
async def listening(world: World) -> AsyncIterator[dict[str, Listener | NativeListener]]:
    """A socket of every flavour; on the plain one a page of each kind of session."""
    async with AsyncExitStack() as stack:
        yield {
            f"{name}, {kind} session": await stack.enter_async_context(open_socket(world.server, token))
            for name, open_socket in FLAVOURS.items()
            for kind, token in (("inbox", world.inbox.token), ("widgets", world.widget.token))
        }


@pytest.mark.parametrize("name", TABLE)
async def test_every_face_shows_it_and_every_socket_is_told(world: World, name: str) -> None:
    row = TABLE[name]
    states = dict(zip(world.ids, BEGINNING, strict=True))
    if row.before and row.start:
        await row.before(world)
        for number, change in row.start.items():
            states = changed(states, world.ids[number], change)
    polls = Polls((world.api, world.inbox, world.widget), world.subscriber_id)
    await polls.check()
    async with listening(world) as listeners:
        await row.do(world)
        assert not await polls.check(), "nothing has changed"
        for number in row.hits:
            states = changed(states, world.ids[number], row.change)
        for flavour, listener in listeners.items():
            try:
                await check_told(world, listener, row, states)
            except AssertionError as error:
                error.add_note(flavour)
                raise
        await check_faces(world, states)
        await check_a_new_message(world, listeners, states)


def changed(states: dict[str, State], message_id: str, change: Change) -> dict[str, State]:
    after = change(states[message_id])
    others = {one: state for one, state in states.items() if one != message_id}
    return others if after is None else {**others, message_id: after}


@pytest.mark.parametrize("name", WITHOUT_EFFECT)
async def test_nobody_is_told_of_nothing(world: World, name: str) -> None:
    states = dict(zip(world.ids, BEGINNING, strict=True))
    async with listening(world) as listeners:
        await WITHOUT_EFFECT[name](world)
        await check_faces(world, states)
        await check_a_new_message(world, listeners, states)
