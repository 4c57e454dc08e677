"""Preferences in Redis: a hash beside the subscriber's record, and what each of the subscriber's feeds knows of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from inbox.errors import StoreUnavailable
from inbox.models.preference import Choice, Preferences, decode_choice, encode_choice
from inbox.models.subscriber import Subscriber
from inbox.store import scripts
from inbox.store.client import Argument, Client
from inbox.store.keys import BucketKeys, Keys
from inbox.store.subscribers import SubscriberStore, bucket_of_oid

_ATTEMPTS = 20
_REVISION = b"r"

Change = Callable[[Preferences], Mapping[str, Choice | None]]


class PreferenceStore:
    """Reads and writes preferences; a write reaches all feeds of the subscriber in the same step."""

    def __init__(self, client: Client, keys: Keys, subscribers: SubscriberStore) -> None:
        self._client = client
        self._keys = keys
        self._subscribers = subscribers

    async def read(self, environment: int, subscriber: Subscriber) -> Preferences:
        """Everything the subscriber chose."""
        bucket = self._bucket(environment, subscriber)
        flat = await self._client.execute("HGETALL", bucket.preferences(subscriber.oid))
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        revision = int(fields.pop(_REVISION, 0))
        return Preferences(revision, {name[1:].decode(): decode_choice(raw) for name, raw in fields.items()})

    async def change(self, environment: int, subscriber: Subscriber, change: Change) -> Preferences | None:
        """Writes what `change` makes of what there is (None: the choice goes); it may be called more than once.

        Gives the new state; None when the subscriber is gone.
        """
        for _ in range(_ATTEMPTS):
            before = await self.read(environment, subscriber)
            changed = change(before)
            outcome = await self._write(environment, subscriber, before, changed)
            if outcome > 0:
                return _after(before, changed)
            found = await self._subscribers.get_by_oid(environment, subscriber.oid)
            if outcome < 0 or found is None:
                return None
            subscriber = found
        raise StoreUnavailable

    async def _write(
        self, environment: int, subscriber: Subscriber, before: Preferences, changed: Mapping[str, Choice | None]
    ) -> int:
        bucket = self._bucket(environment, subscriber)
        states = [bucket.feed(number).state for number in subscriber.feeds.values()]
        kept = [(f"w{name}", encode_choice(choice)) for name, choice in changed.items() if choice]
        dropped = [f"w{name}" for name, choice in changed.items() if choice is None]
        args: list[Argument] = [before.revision, len(kept), *(part for pair in kept for part in pair), *dropped]
        keys = [bucket.subscriber(subscriber.oid), bucket.preferences(subscriber.oid), *states]
        return int(await self._client.run(scripts.PREFERENCES_WRITE, keys, args))

    def _bucket(self, environment: int, subscriber: Subscriber) -> BucketKeys:
        return self._keys.bucket(environment, bucket_of_oid(subscriber.oid))


def _after(before: Preferences, changed: Mapping[str, Choice | None]) -> Preferences:
    merged: dict[str, Choice | None] = {**before.choices, **changed}
    return Preferences(before.revision + 1, {name: choice for name, choice in merged.items() if choice})
