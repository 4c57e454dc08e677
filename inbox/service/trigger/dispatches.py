"""Triggers for many: accepted durably before the reply, then carried out bucket by bucket (`dispatch_worker.py`)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from inbox.models import wire
from inbox.models.environment import Environment
from inbox.models.trigger import TopicRecipient
from inbox.service.trigger.plan import Plan, with_conditions_of_today
from inbox.store.dispatches import DispatchStore, Progress


class Dispatch(msgspec.Struct, frozen=True):
    """A plan and its recipients: the members of topics, or everybody (None), except some subscriberIds."""

    plan: Plan
    topics: list[TopicRecipient] | None
    without: frozenset[str] = frozenset()


_decoder = msgspec.msgpack.Decoder(Dispatch)
_encoder = msgspec.msgpack.Encoder()


def decode_dispatch(raw: bytes) -> Dispatch:
    dispatch = _decoder.decode(raw)
    return msgspec.structs.replace(dispatch, plan=with_conditions_of_today(dispatch.plan))


@dataclass(eq=False)
class DispatchService:
    """Accepts dispatches, reports their progress and cancels them. A transaction has at most one dispatch."""

    _store: DispatchStore
    _wake: Callable[[], None]
    """Called after each new dispatch, so that this process begins at once."""

    async def accept(self, environment: Environment, dispatch: Dispatch, total: int) -> None:
        """Store a dispatch to about `total` recipients, unless its transaction has one. Raise ServiceUnavailable."""
        dispatch_id = _id_of(dispatch.plan.transaction_id)
        if await self._store.accept(environment.number, dispatch_id, _encoder.encode(dispatch), total):
            self._wake()

    async def progress(self, environment: Environment, transaction_id: str) -> Progress | None:
        """Return the progress of a transaction's dispatch; None if there is none, or it ended over a day ago."""
        return await self._store.progress(environment.number, _id_of(transaction_id))

    async def count_running(self, environments: Sequence[int]) -> dict[int, int]:
        """Return how many dispatches of each environment are running. Raise ServiceUnavailable."""
        return await self._store.count_running(environments)

    async def cancel(self, environment: Environment, transaction_id: str) -> bool:
        """Cancel the rest of a transaction's dispatch; return whether there was any."""
        return await self._store.cancel(environment.number, _id_of(transaction_id))


def progress_view(progress: Progress) -> wire.DispatchProgress:
    """Return progress as the API shows it: the counts are of the finished buckets."""
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
