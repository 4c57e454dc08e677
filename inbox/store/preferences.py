"""Preferences in Redis: a hash beside the subscriber's record, and what each of the subscriber's feeds knows of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from inbox.errors import Contention
from inbox.models.preference import Choice, Preferences, decode_choice, encode_choice
from inbox.models.subscriber import Subscriber
from inbox.store.base import BaseStore
from inbox.store.client import Argument, pairs
from inbox.store.positions import note_position
from inbox.store.retry import Attempts
from inbox.store.rows import Position
from inbox.store.scripts import load
from inbox.store.subscribers import SubscriberStore

_REVISION = b"r"


class _WriteReply(NamedTuple):
    """`outcome`: 1 written, 0 changed meanwhile or a feed was added, -1 no such subscriber. Positions feed by feed."""

    outcome: int
    positions: Sequence[bytes]


_PREFERENCES_WRITE = load("preferences_write", lambda raw: _WriteReply(raw[0], raw[1:]))

PreferenceChange = Callable[[Preferences], Mapping[str, Choice | None]]


@dataclass(eq=False)
class PreferenceStore(BaseStore):
    """Reads and writes preferences; a write reaches all feeds of the subscriber in the same step."""

    _subscribers: SubscriberStore

    async def read(self, environment: int, oid: str) -> Preferences:
        """Return everything that the subscriber with this `_id` chose."""
        bucket = self._bucket_of_oid(environment, oid)
        fields = pairs(await self._client.execute("HGETALL", bucket.preferences(oid)))
        revision = int(fields.pop(_REVISION, 0))
        return Preferences(revision, {name[1:].decode(): decode_choice(raw) for name, raw in fields.items()})

    async def change(self, environment: int, subscriber: Subscriber, change: PreferenceChange) -> Preferences | None:
        """Write what `change` returns for the present preferences (None: remove the choice); it may be called again.

        Return the new preferences; None if the subscriber no longer exists.
        """
        async for _ in Attempts():
            before = await self.read(environment, subscriber.oid)
            changed = change(before)
            outcome = await self._write(environment, subscriber, before, changed)
            if outcome > 0:
                return _after(before, changed)
            current = await self._subscribers.get_by_oid(environment, subscriber.oid)
            if outcome < 0 or current is None:
                return None
            subscriber = current
        raise Contention

    async def _write(
        self, environment: int, subscriber: Subscriber, before: Preferences, changed: Mapping[str, Choice | None]
    ) -> int:
        bucket = self._bucket_of_oid(environment, subscriber.oid)
        numbers = list(subscriber.feeds.values())
        feeds = [key for number in numbers for key in (bucket.feed(number).state, bucket.feed(number).log)]
        kept = [(f"w{name}", encode_choice(choice)) for name, choice in changed.items() if choice]
        dropped = [f"w{name}" for name, choice in changed.items() if choice is None]
        args: list[Argument] = [before.revision, len(kept), *(part for pair in kept for part in pair), *dropped]
        keys = [bucket.subscriber(subscriber.oid), bucket.preferences(subscriber.oid), *feeds]
        reply = await self._client.run(_PREFERENCES_WRITE, keys, args)
        for number, position in zip(numbers, reply.positions, strict=False):
            note_position(number, Position.parse(position))
        return reply.outcome


def _after(before: Preferences, changed: Mapping[str, Choice | None]) -> Preferences:
    merged: dict[str, Choice | None] = {**before.choices, **changed}
    return Preferences(before.revision + 1, {name: choice for name, choice in merged.items() if choice})
