"""Triggers for many: accepted durably before the reply, then carried out bucket by bucket (`dispatch_worker.py`)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from inbox.models.environment import Environment
from inbox.models.trigger import TopicRecipient
from inbox.service.trigger.drafts import Plan, with_conditions_of_today
from inbox.store.dispatches import DispatchStore, Progress


class Dispatch(msgspec.Struct, frozen=True):
    """What is delivered, and to whom: the members of topics, or everybody (None), but for these subscriberIds."""

    plan: Plan
    topics: list[TopicRecipient] | None
    without: frozenset[str] = frozenset()


_decoder = msgspec.msgpack.Decoder(Dispatch)
_encoder = msgspec.msgpack.Encoder()


def decode_dispatch(raw: bytes) -> Dispatch:
    """Return a dispatch as `accept` keeps it."""
    dispatch = _decoder.decode(raw)
    return msgspec.structs.replace(dispatch, plan=with_conditions_of_today(dispatch.plan))


class DispatchService:
    """Accepts dispatches, tells how far they have come and cancels them. One transaction has one dispatch at most."""

    def __init__(self, store: DispatchStore, wake: Callable[[], None]) -> None:
        """`wake` is called when there is work, so that this process begins at once."""
        self._store = store
        self._wake = wake

    async def accept(
        self,
        environment: Environment,
        plan: Plan,
        total: int,
        topics: Sequence[TopicRecipient] | None = None,
        without: frozenset[str] = frozenset(),
    ) -> None:
        """Keeps a trigger that is to be carried out; nothing when its transaction is known. Raises StoreUnavailable."""
        dispatch = Dispatch(plan, None if topics is None else list(topics), without)
        dispatch_id = _id_of(plan.transaction_id)
        if await self._store.accept(environment.number, dispatch_id, _encoder.encode(dispatch), total):
            self._wake()

    async def progress(self, environment: Environment, transaction_id: str) -> Progress | None:
        """How far the transaction's dispatch has come; None where there is none, or its end is a day ago."""
        return await self._store.progress(environment.number, _id_of(transaction_id))

    async def cancel(self, environment: Environment, transaction_id: str) -> bool:
        """Stops what is not delivered yet; whether there was anything."""
        return await self._store.cancel(environment.number, _id_of(transaction_id))


def progress_view(progress: Progress) -> dict[str, Any]:
    """Progress as the API shows it: counts are those of the buckets that are done."""
    return {
        "status": progress.state,
        "total": progress.total,
        "delivered": progress.delivered,
        "suppressed": progress.suppressed,
        "failed": progress.failed,
        "skipped": progress.skipped,
        "waiting": progress.waiting,
    }


def _id_of(transaction_id: str) -> str:
    return hashlib.blake2b(transaction_id.encode(), digest_size=12).hexdigest()
