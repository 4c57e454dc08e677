"""Small things of an environment, each a field of a hash: read whole, written only over what was read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from inbox.errors import StoreUnavailable
from inbox.store import scripts
from inbox.store.client import Argument, Client

_ATTEMPTS = 20

Written = Literal["written", "full"]


class FieldStore:
    """The fields of one hash; values are JSON that the caller knows how to read."""

    def __init__(self, client: Client, key: str, limit: int = 1_000_000) -> None:
        self._client = client
        self._key = key
        self._limit = limit

    async def get(self, field: str) -> bytes | None:
        """A field's value."""
        value: bytes | None = await self._client.execute("HGET", self._key, field)
        return value

    async def get_many(self, fields: list[str]) -> list[bytes | None]:
        """The values of these fields, None for one that is not there."""
        values: list[bytes | None] = await self._client.execute("HMGET", self._key, *fields) if fields else []
        return values

    async def all(self) -> list[bytes]:
        """Every value."""
        values: list[bytes] = await self._client.execute("HVALS", self._key)
        return values

    async def change(self, field: str, change: Callable[[bytes | None], bytes | None]) -> Written:
        """Writes what `change` makes of a value (None: none); it may be called more than once, and may raise.

        Gives `full` when the hash holds as many fields as it may.
        """
        for _ in range(_ATTEMPTS):
            before = await self.get(field)
            after = change(before)
            if after == before:
                return "written"
            args: list[Argument] = [field, before or b"", after or b"", self._limit]
            outcome = await self._client.run(scripts.FIELD_WRITE, [self._key], args)
            if outcome != 0:
                return "written" if outcome > 0 else "full"
        raise StoreUnavailable
