"""One person of a scenario: the history of the feed, the pages, and the actors that change it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from tests.support.client import WORKFLOW, Json, segment
from tests.support.model import Finding, Operation, SubscriberModel

from .pages import Page
from .processes import WRONG_ANSWER, Process, Unanswered

PAUSE_SECONDS = 0.1
MARKS = ("read", "unread", "seen", "unseen")


@dataclass
class Feed:
    """A subscriber's feed with its history (`model`) and its open pages.

    `in_doubt` are transactions with an operation whose answer was lost. Actors leave them alone, so that the history
    can still be searched; after `bulk_in_doubt` they also leave out bulk operations. A feed that `may_lose`
    acknowledged operations may lack a message that a page shows.
    """

    subscriber_id: str
    token: str
    may_lose: bool = False
    model: SubscriberModel = field(default_factory=SubscriberModel)
    pages: list[Page] = field(default_factory=list)
    in_doubt: set[str] = field(default_factory=set)
    bulk_in_doubt: bool = False
    deleted: set[str] = field(default_factory=set)
    sent: int = 0

    def known(self) -> dict[str, str]:
        """Map transaction id to message id, for messages that a page shows; not if in doubt or deleted."""
        shown = next((page.mirror.messages for page in self.pages if page.is_wanted), {})
        return {
            message["transactionId"]: message_id
            for message_id, message in shown.items()
            if message["transactionId"] not in self.in_doubt | self.deleted
        }

    def next_transaction(self) -> str:
        self.sent += 1
        return f"{self.subscriber_id}-{self.sent}"

    def lose(self, operation: Operation) -> None:
        self.model.lose(operation)
        if operation.targets is None:
            self.bulk_in_doubt = True
        elif operation.kind != "trigger":
            self.in_doubt |= operation.targets

    def may_be_absent(self, transactions: Sequence[str]) -> bool:
        return self.may_lose or not self.deleted.isdisjoint(transactions)


class Counter:
    """Counts acknowledged and lost operations."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self.lost = 0
        self._news = asyncio.Condition()

    async def add(self) -> None:
        async with self._news:
            self.acknowledged += 1
            self._news.notify_all()

    async def reach(self, count: int, seconds: float) -> None:
        """Wait until `count` operations were acknowledged. Raise TimeoutError after `seconds`."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: self.acknowledged >= count)


class Actor:
    """Does one operation after another on a feed, as its person or a backend would, each at a random process."""

    def __init__(self, feed: Feed, others: Sequence[Feed], processes: Sequence[Process], counter: Counter) -> None:
        self.feed = feed
        self.others = others
        self.processes = processes
        self.counter = counter
        self.chance = random.Random(random.random())
        self.is_stopped = False

    async def run(self) -> None:
        while not self.is_stopped:
            known = self.feed.known()
            actions = [(7, self.trigger), (2, self.read)]
            if known:
                actions += [(4, self.mark), (5, self.change), (3, self.see)]
            if known and not self.feed.bulk_in_doubt:
                actions += [(1, self.mark_all)]
            weights, verbs = zip(*actions, strict=True)
            (verb,) = self.chance.choices(verbs, weights)
            if not await verb():
                await asyncio.sleep(self.chance.uniform(0, PAUSE_SECONDS))  # as a client does after a 503

    @property
    def process(self) -> Process:
        return self.chance.choice(self.processes)

    def some(self, most: int) -> dict[str, str]:
        known = list(self.feed.known().items())
        return dict(self.chance.sample(known, min(len(known), self.chance.randint(1, most))))

    async def trigger(self) -> bool:
        """Trigger a new transaction for one feed or two. Half of those without an answer are sent again."""
        transaction = self.feed.next_transaction()
        feeds = [self.feed, *(self.chance.sample(self.others, 1) if self.chance.random() < 0.1 else [])]
        operations = [feed.model.begin("trigger", [transaction]) for feed in feeds]
        body = {
            "name": WORKFLOW,
            "to": [feed.subscriber_id for feed in feeds],
            "payload": {"n": self.feed.sent},
            "transactionId": transaction,
        }
        is_patient = self.chance.random() < 0.5
        while True:
            try:
                answer = await self.process.send("POST", "/v1/events/trigger", body)
            except Unanswered:
                if is_patient and not self.is_stopped:
                    await asyncio.sleep(self.chance.uniform(0, PAUSE_SECONDS))
                    continue
                for feed, operation in zip(feeds, operations, strict=True):
                    feed.lose(operation)
                self.counter.lost += 1
                return False
            assert answer.status_code == 201, answer.text
            for feed, operation in zip(feeds, operations, strict=True):
                feed.model.finish(operation)
            await self.counter.add()
            return True

    async def read(self) -> bool:
        """Read what a page reads: a page of each list, and a count."""
        process, v1 = self.process, f"/v1/subscribers/{segment(self.feed.subscriber_id)}/notifications"
        try:
            await process.read("/v1/inbox/notifications", token=self.feed.token, limit=10)
            await process.read(f"{v1}/feed", limit=10)
            await process.read(f"{v1}/unseen")
        except Unanswered:
            return False
        return True

    async def mark(self) -> bool:
        mark, chosen = self.chance.choice(MARKS), self.some(1)
        path, body = self._v1("messages/mark-as"), {"messageId": [*chosen.values()], "markAs": mark}
        return await self._run(f"v1.{mark}", [*chosen], "POST", path, body)

    async def mark_all(self) -> bool:
        mark = self.chance.choice(MARKS)
        return await self._run(f"v1.all.{mark}", None, "POST", self._v1("messages/mark-all"), {"markAs": mark})

    async def change(self) -> bool:
        verb = self.chance.choice(("read", "unread", "archive", "unarchive", "complete", "revert", "delete"))
        [(transaction, message_id)] = self.some(1).items()
        path = f"/v1/inbox/notifications/{message_id}/{verb}"
        if verb == "delete":
            self.feed.deleted.add(transaction)
            return await self._run("inbox.delete", [transaction], "DELETE", path, token=self.feed.token)
        is_press = verb in ("complete", "revert")
        kind, body = (f"inbox.primary.{verb}", {"actionType": "primary"}) if is_press else (f"inbox.{verb}", None)
        return await self._run(kind, [transaction], "PATCH", path, body, token=self.feed.token)

    async def see(self) -> bool:
        chosen = self.some(20)
        body = {"notificationIds": [*chosen.values()]}
        return await self._run(
            "inbox.seen", [*chosen], "POST", "/v1/inbox/notifications/seen", body, token=self.feed.token
        )

    def _v1(self, rest: str) -> str:
        return f"/v1/subscribers/{segment(self.feed.subscriber_id)}/{rest}"

    async def _run(
        self,
        kind: str,
        transactions: list[str] | None,
        method: str,
        path: str,
        body: Json | None = None,
        token: str = "",
    ) -> bool:
        process, operation = self.process, self.feed.model.begin(kind, transactions)
        try:
            answer = await process.send(method, path, body, token=token)
        except Unanswered:
            self.feed.lose(operation)
            self.counter.lost += 1
            return False
        if answer.is_success:
            self.feed.model.finish(operation)
            await self.counter.add()
            return True
        self.feed.model.withdraw(operation)
        self._judge(process, answer, transactions)
        return False

    def _judge(self, process: Process, answer: httpx.Response, transactions: list[str] | None) -> None:
        """Add a finding, unless the answer is the 404 of a message that may be absent."""
        if answer.status_code != 404 or not self.feed.may_be_absent(transactions or []):
            what = f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
            process.findings.append(Finding(WRONG_ANSWER, what))
