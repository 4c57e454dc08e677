"""The operations of random histories: what a backend, two devices and faults do to the feed of one person.

An operation chooses by a random generator of its own. So one that is left out changes no other's choices, but for the
messages that there are.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from inbox.client import Disconnected, LiveFeed, RequestRefused
from tests.conftest import binary_of
from tests.faults.pages import PlainPage, SocketIoPage, as_message
from tests.faults.processes import Process, Unanswered

from .client import WORKFLOW, Api, Json, segment
from .link import Link
from .native_clients import WAIT_SECONDS, FeedClient, NativeClient
from .server import Server, new_server
from .stores import StoreServer, running_store
from .waiting import until

MAX_SHOWN = 300
REST = "--- rest"
OTHER = "other"
SHORT = {"inbox.service.feed.snooze_limits.MIN_SNOOZE_SECONDS": -60.0}
SENDING = {"trigger": 3, "collapse": 1, "expire": 1}
CHANGING = {
    **{"mark_v1": 1, "mark_many_v1": 1, "mark_all_v1": 1, "press_v1": 1, "change_v2": 1, "bulk_v2": 1, "edit": 2},
    **{"retract": 1, "change": 2, "snooze": 2, "press": 1, "delete": 1, "see": 1, "bulk": 1, "widget": 1},
    **{"preferences": 1, "native": 8},
}
FAULTS: dict[tuple[str, ...], int] = {(): 5, ("cut", "cut"): 4, ("end_process",): 1, ("restart_store",): 1}
"""Operations of a round, and how often one is chosen beside the others."""
ROUNDS = 3
OPERATIONS = 14
LANES = 3
FSYNC_ALWAYS = ("--appendfsync", "always")
"""With `everysec` a store that is killed while its disk is slow has lost what it acknowledged, and feeds go back."""
REFUSALS = {"not_found", "invalid", "unavailable"}
Perform = Callable[[], Awaitable[Any]]
"""Carries out an operation and returns how it went, for the history."""


class Operation(NamedTuple):
    """One operation of a round, and the seed of what it chooses."""

    round: int
    verb: str
    seed: float


def operations_of(seed: int) -> list[Operation]:
    """Return the operations of a history; in one round of two something goes wrong meanwhile."""
    chance = random.Random(seed)
    operations = []
    for number in range(ROUNDS):
        weights = {**SENDING, **(CHANGING if number else {})}
        verbs = chance.choices([*weights], [*weights.values()], k=OPERATIONS)
        if number == 0:
            verbs += chance.choice([[], ["flood"]])
        verbs += chance.choices([*FAULTS], [*FAULTS.values()])[0]
        chance.shuffle(verbs)
        operations += [Operation(number, verb, chance.random()) for verb in verbs]
    return operations


@dataclass
class Stage:
    """Two processes on one store, all of which end and start again."""

    store: StoreServer
    servers: list[Server]
    processes: list[Process]

    async def mend(self) -> None:
        """Return once everything runs and answers."""
        if not self.store.has_process:
            await asyncio.to_thread(self.store.start)
        for server in self.servers:
            if server.process.exit_code is not None:
                await server.start()
            await server.wait_ready(120)


@asynccontextmanager
async def open_stage(constants: Mapping[str, Any] | None = None) -> AsyncIterator[Stage]:
    """Two processes, perhaps with other constants."""
    settings = {"INBOX_KEY_PREFIX": "m:", "INBOX_DRAIN_SECONDS": "0"}
    with running_store(binary_of("valkey"), unix=True, options=FSYNC_ALWAYS) as store:
        async with AsyncExitStack() as stack:
            servers = [
                await stack.enter_async_context(
                    new_server(redis_url=store.url, constants={**SHORT, **(constants or {})}, **settings)
                )
                for _ in range(2)
            ]
            processes = [await stack.enter_async_context(Process.of(server)) for server in servers]
            async with Api.open(servers[0]) as api:
                await api.create_workflow(tags=["a"])
                await api.create_workflow(OTHER, tags=["b"])
            yield Stage(store, servers, processes)


@dataclass
class History:
    """One person, the clients of theirs, and what happened."""

    stage: Stage
    subscriber_id: str
    token: str
    links: list[Link]
    clients: list[NativeClient]
    pages: list[PlainPage | SocketIoPage]
    patience_seconds: float = WAIT_SECONDS
    chance: random.Random = field(default_factory=random.Random)
    steps: list[str] = field(default_factory=list)
    faults: asyncio.Lock = field(default_factory=asyncio.Lock)
    ids: list[str] = field(default_factory=list)
    transactions: list[str] = field(default_factory=list)
    triggered: int = 0

    def some(self, most: int) -> list[str]:
        chance = random.Random(self.chance.random())  # so that the ids do not change what is chosen after them
        return chance.sample(self.ids, min(len(self.ids), chance.randint(1, most)))

    def pick(self, *choices: Any) -> Any:
        return self.chance.choice(choices)

    def where(self) -> Json:
        return self.pick({}, {}, {"tags": ["a"]}, {"tags": ["b"]})

    def later(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.pick(0.2, 1.0, 3_600.0))

    @property
    def feeds(self) -> list[LiveFeed]:
        return [client.feed for client in self.clients if isinstance(client, FeedClient)]

    async def listing(self) -> list[Json]:
        return await self.stage.processes[0].notifications(self.token)

    def call(self, method: str, path: str, body: Any = None, *, token: str = "") -> Perform:
        """A request at either process. What it is about may be gone: 4xx of that kind are no failure."""
        process = self.chance.choice(self.stage.processes)

        async def send() -> str:
            text = f"{method} {path} {str(body or '')[:MAX_SHOWN]} at {process.port}"
            try:
                answer = await process.send(method, path, body, token=token)
            except Unanswered:
                return f"{text}: no answer"
            assert answer.is_success or answer.status_code in (400, 404), f"{answer.status_code} {answer.text}"
            return f"{text}: {answer.status_code}"

        return send

    def device(self, method: str, path: str, body: Any = None) -> Perform:
        return self.call(method, path, body, token=self.token)

    def backend(self, method: str, path: str, body: Any = None) -> Perform:
        return self.call(method, path.replace("{me}", segment(self.subscriber_id)), body)

    # what a backend does

    def trigger(self, **fields: Any) -> Perform:
        self.triggered += 1
        transaction = fields.get("transactionId") or f"{self.subscriber_id}-{self.triggered}"
        self.transactions.append(transaction)
        body = {
            "name": self.pick(WORKFLOW, OTHER),
            "to": self.subscriber_id,
            "payload": {"n": self.triggered},
            "transactionId": transaction,
            "overrides": {"severity": self.pick("high", "medium", "low", "none")},
            **fields,
        }
        return self.backend("POST", "/v1/events/trigger", body)

    def collapse(self) -> Perform:
        return self.trigger(
            name=WORKFLOW, collapseKey=self.pick("one", "two"), collapseMode=self.pick("count", "replace")
        )

    def expire(self) -> Perform:
        return self.trigger(expiresAt=self.pick("PT1S", "PT2S", "P1D"), externalReference="order/7")

    def flood(self) -> Perform:
        """So many that marks of them are bulk changes, and a page of a list has not all."""
        transactions = [f"{self.subscriber_id}-flood-{n}" for n in range(self.pick(30, 60, 99))]
        self.transactions += transactions
        events = [
            {"name": WORKFLOW, "to": self.subscriber_id, "payload": {"n": 0}, "transactionId": one}
            for one in transactions
        ]
        return self.backend("POST", "/v1/events/trigger/bulk", {"events": events})

    def mark_v1(self) -> Perform:
        body = {"messageId": self.some(5), "markAs": self.pick("read", "unread", "seen", "unseen")}
        return self.backend("POST", "/v1/subscribers/{me}/messages/mark-as", body)

    def mark_many_v1(self) -> Perform:
        body = {"messageId": self.some(40), "mark": {"seen": True, "read": self.pick(True, False)}}
        return self.backend("POST", "/v1/subscribers/{me}/messages/markAs", body)

    def mark_all_v1(self) -> Perform:
        body = {"markAs": self.pick("read", "unread", "seen", "unseen")}
        return self.backend("POST", "/v1/subscribers/{me}/messages/mark-all", body)

    def press_v1(self) -> Perform:
        [one], button = self.some(1), self.pick("primary", "secondary")
        body = {"status": self.pick("done", "pending")}
        return self.backend("POST", f"/v1/subscribers/{{me}}/messages/{one}/actions/{button}", body)

    def change_v2(self) -> Perform:
        [one], change = self.some(1), self.pick("read", "unread", "archive", "unarchive")
        return self.backend("PATCH", f"/v2/subscribers/{{me}}/notifications/{one}/{change}")

    def bulk_v2(self) -> Perform:
        change = self.pick("seen", "read", "archive", "read-archive", "delete")
        return self.backend("POST", f"/v2/subscribers/{{me}}/notifications/{change}", {"tags": [self.pick("a", "b")]})

    def edit(self) -> Perform:
        body = {
            "body": f"edited {self.chance.random()}",
            "severity": self.pick("high", "low"),
            "tags": [self.pick("a", "b")],
        }
        target = self.pick(self.some(1)[0], f"transaction/{segment(self.chance.choice(self.transactions))}")
        return self.backend("PATCH", f"/v1/messages/{target}", body)

    def retract(self) -> Perform:
        target = self.pick(self.some(1)[0], f"transaction/{segment(self.chance.choice(self.transactions))}")
        return self.backend("DELETE", f"/v1/messages/{target}")

    # what a person does, over REST

    def change(self) -> Perform:
        [one], change = self.some(1), self.pick("read", "unread", "archive", "unarchive", "unsnooze")
        return self.device("PATCH", f"/v1/inbox/notifications/{one}/{change}")

    def snooze(self) -> Perform:
        until = datetime.now(UTC) + timedelta(seconds=self.pick(0.2, 1.0, 3_600.0))
        return self.device(
            "PATCH", f"/v1/inbox/notifications/{self.some(1)[0]}/snooze", {"snoozeUntil": until.isoformat()}
        )

    def press(self) -> Perform:
        path = f"/v1/inbox/notifications/{self.some(1)[0]}/{self.pick('complete', 'revert')}"
        return self.device("PATCH", path, {"actionType": self.pick("primary", "secondary")})

    def delete(self) -> Perform:
        return self.device("DELETE", f"/v1/inbox/notifications/{self.some(1)[0]}/delete")

    def see(self) -> Perform:
        return self.device("POST", "/v1/inbox/notifications/seen", {"notificationIds": self.some(40)})

    def bulk(self) -> Perform:
        change = self.pick("seen", "read", "archive", "read-archive", "delete")
        where = {"tags": [self.pick("a", "b")]} if change == "delete" else self.where()
        return self.device("POST", f"/v1/inbox/notifications/{change}", where)

    def widget(self) -> Perform:
        body = {"messageId": self.some(3), "mark": {"seen": True, "read": True}}
        calls = [
            ("POST", "/v1/widgets/messages/markAs", body),
            ("POST", f"/v1/widgets/messages/{self.pick('read', 'seen')}", {}),
            ("DELETE", f"/v1/widgets/messages/{self.some(1)[0]}", None),
            ("POST", "/v1/widgets/messages/bulk/delete", {"messageIds": self.some(2)}),
        ]
        return self.device(*self.pick(*calls))

    def preferences(self) -> Perform:
        return self.device("PATCH", "/v1/inbox/preferences", {"in_app": True})

    # what a person does, over the protocol

    def native(self) -> Perform:
        feed, mark = self.chance.choice(self.feeds), self.pick("read", "unread", "seen", "archived", "unarchived")
        until = self.later()
        every = self.pick("read", "seen", "archived", "unarchived", "read_archived")
        button, status = self.pick("primary", "secondary"), self.pick("done", "pending")
        some, one, where = self.some(40), self.some(1)[0], self.where()
        requests: dict[str, Perform] = {
            f"mark {some} {mark}": lambda: feed.mark(some, mark),
            f"mark {one} {mark}": lambda: feed.mark(one, mark),
            f"mark all {every} {where}": lambda: feed.mark_all(every, where),
            f"snooze {one} {until}": lambda: feed.snooze(one, until),
            f"unsnooze {one}": lambda: feed.unsnooze(one),
            f"act {one} {button} {status}": lambda: feed.act(one, button, status),
            f"delete {one}": lambda: feed.delete(one),
            "delete all of b": lambda: feed.delete_all({"tags": ["b"]}),
            "more": feed.more,
        }
        text, request = self.chance.choice([*requests.items()])

        async def perform() -> str:
            try:
                await request()
            except Disconnected as error:
                return f"{text}: {error}"
            except RequestRefused as error:
                if error.code not in REFUSALS:
                    raise
                return f"{text}: {error}"
            return f"{text}: done"

        return perform

    # what goes wrong

    def cut(self) -> Perform:
        link = self.chance.choice(self.links)

        async def perform() -> None:
            async with self.faults:  # the same link may be cut twice in a round
                await link.cut()
                await link.mend()

        return perform

    def end_process(self) -> Perform:
        server, process = self.chance.choice([*zip(self.stage.servers, self.stage.processes, strict=True)])
        is_kill = self.pick(True, False)

        async def perform() -> str:
            with process.excused():
                await (server.kill() if is_kill else server.terminate())
                await server.start()
            return f"{process.port} {'killed' if is_kill else 'terminated'}"

        return perform

    def restart_store(self) -> Perform:
        async def perform() -> None:
            await asyncio.to_thread(self.stage.store.kill)
            await asyncio.to_thread(self.stage.store.start)

        return perform

    async def round(self, operations: Sequence[Operation]) -> None:
        """Carry out operations, some of them at the same time."""
        async with asyncio.TaskGroup() as tasks:
            for lane in range(LANES):
                tasks.create_task(self.run([(one.verb, self.begin(one)) for one in operations[lane::LANES]]))

    def begin(self, operation: Operation) -> Perform:
        """Make the choices of an operation. One that changes messages does nothing if there are none."""
        self.chance = random.Random(operation.seed)
        if operation.verb in CHANGING and not self.ids:
            return do_nothing
        perform: Perform = getattr(self, operation.verb)()
        return perform

    async def run(self, operations: list[tuple[str, Perform]]) -> None:
        for verb, perform in operations:
            number = len(self.steps)
            self.steps.append(f"{verb}: not ended")
            self.steps[number] = f"{verb}: {await perform()}"

    async def rest(self) -> None:
        """Let everything run again, and compare every client and page with a fresh listing."""
        await self.stage.mend()
        self.chance = random.Random(len(self.steps))
        fence = f"{self.subscriber_id}-fence-{len(self.steps)}"

        async def is_sent() -> bool:
            return (await self.trigger(transactionId=fence)()).endswith("201")

        await until(is_sent, 60)
        for client in self.clients:
            await client.agree(self.listing, self.patience_seconds)
            faults = {"missed": client.missed, "refetches": client.refetches}
            assert not any(faults.values()), f"{type(client).__name__} {faults}"
        for page in self.pages:
            await self.page_agrees(page)
        self.ids = [one["id"] for one in await self.listing()]
        self.steps.append(REST)

    async def page_agrees(self, page: PlainPage | SocketIoPage) -> None:
        async def agrees() -> bool:
            listing = [as_message(one) for one in await self.listing()]
            by_id = sorted(listing, key=lambda one: str(one["_id"]))
            held = [{name: one.get(name) for name in by_id[0]} for one in page.mirror.messages.values()]
            return page.is_idle and sorted(held, key=lambda one: str(one["_id"])) == by_id

        await until(agrees, self.patience_seconds)


async def do_nothing() -> str:
    return "there is nothing to change"
