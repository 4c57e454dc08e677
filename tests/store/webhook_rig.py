"""Some processes over one store with a webhook and its receiver."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from inbox.ids import SubscriberId
from inbox.models.trigger import TriggerRequest
from inbox.service.webhooks import relay as event_relay
from inbox.services import Services
from inbox.store.feed import Feed
from tests.support.receiver import Receiver
from tests.support.waiting import until

from .rig import Rig, in_app


@dataclass
class WebhookRig(Rig):
    """None of the processes tells anything by itself; one receiver."""

    receiver: Receiver = field(kw_only=True)
    secret: str = ""

    async def begin(self, *events: str) -> None:
        """Makes the webhook, and a workflow."""
        await self.make_workflow("w", in_app("{{payload.n}}", primaryAction={"label": "Go"}))
        self.secret = await self.first.webhooks.set(self.environment, self.receiver.url, events) or ""

    async def trigger(self, to: str, n: int = 0, services: Services | None = None, **fields: str) -> None:
        request = msgspec.convert({"name": "w", "to": to, "payload": {"n": n}, **fields}, TriggerRequest)
        done = await (services or self.first).triggers.trigger(self.environment, request)
        assert done.status == "processed"

    async def feed(self, name: str) -> Feed:
        return await self.first.feed_store.open(self.environment.number, SubscriberId(name))

    async def ids(self, name: str) -> list[str]:
        """The ids of somebody's messages, oldest first."""
        feed = await self.feed(name)
        snapshot = await self.first.feed_store.snapshot(feed)
        assert snapshot is not None
        first = snapshot.state.base + 1
        found = await self.first.feed_store.messages(feed, range(first, first + len(snapshot.flags)))
        assert found is not None
        return [message.id for message in found[0]]

    async def tell(self, services: Services | None = None) -> None:
        """Tells what can be told by now, times of retries aside."""
        await (services or self.first).event_relay.run_until_idle()

    async def tell_all(self, services: Services | None = None) -> None:
        """Tells until nothing waits, and nobody holds a bucket."""

        async def is_empty() -> bool:
            await self.tell(services)
            waiting = (await self.first.webhooks.backlog(self.environment)).waiting
            return waiting == 0 == await self.first.client.execute("ZCARD", self.first.keys.due_outboxes)

        await until(is_empty, 60)


@asynccontextmanager
async def running_rig(store_url: str, key_prefix: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WebhookRig]:
    """A rig with one process and a receiver, which is tried again soon after it failed."""
    monkeypatch.setattr(event_relay, "FIRST_RETRY_SECONDS", 0.05)
    monkeypatch.setattr(event_relay, "LAST_RETRY_SECONDS", 0.2)
    async with Receiver.running() as receiver:
        # long enough for a machine that stands still for seconds: what is tried twice is told twice
        settings = {"webhook_timeout_seconds": 20, "webhook_retry_seconds": 3600}
        rig = WebhookRig(store_url, key_prefix, settings, receiver=receiver)
        await rig.process()
        yield rig
        await rig.close()


def of_message(events: list[dict[str, Any]], message_id: str) -> list[str]:
    return [one["type"] for one in events if any(message["id"] == message_id for message in one["messages"])]
