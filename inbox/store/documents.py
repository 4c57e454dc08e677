"""JSON documents of an environment: one hash for each kind, a document under each name; some kinds are also listed."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Generic, Protocol, TypeVar

import msgspec

from inbox.errors import Contention, UnprocessableEntity
from inbox.models.cursor_page import Order
from inbox.store.client import Argument, Client
from inbox.store.listing import ListCursor, Listing, ListPage, retire
from inbox.store.retry import Attempts
from inbox.store.scripts import load

NO_LIMIT = 1_000_000


class _FieldWrite(IntEnum):
    """How a write of a field ended."""

    WRITTEN = 1
    CHANGED = 0
    """Not written: it no longer holds what the caller has read."""
    FULL = -1
    """Not written: the hash has as many fields as it may have."""


_FIELD_WRITE = load("field_write", _FieldWrite)


class Created(Protocol):
    """A document that knows when it was created (ms since 1970)."""

    @property
    def created_ms(self) -> int: ...


T = TypeVar("T")
D = TypeVar("D", bound=Created)
EnvironmentKey = Callable[[int], str]


class DocumentStore(Generic[T]):
    """Stores documents of one kind; a write replaces only the document that was read."""

    def __init__(
        self,
        client: Client,
        kind: type[T],
        records: EnvironmentKey,
        limit: int = NO_LIMIT,
        plural: str = "documents",
        version: EnvironmentKey | None = None,
    ) -> None:
        """Keep at most `limit` documents in the hash `records`; each write increments the number at `version`."""
        self._client = client
        self._decode = msgspec.json.Decoder(kind).decode
        self._records = records
        self._limit = limit
        self._plural = plural
        self._version = version

    async def get(self, environment: int, name: str) -> T | None:
        raw = await self._client.execute("HGET", self._records(environment), name)
        return self.decode(raw) if raw else None

    async def all(self, environment: int) -> list[T]:
        """Return every document, in no order."""
        return [self.decode(raw) for raw in await self._client.execute("HVALS", self._records(environment))]

    async def add(self, environment: int, name: str, document: T) -> bool:
        """Store a new document; False if there is one of this name. Raise as `change`."""
        return await self.change(environment, name, lambda stored: document if stored is None else stored) is document

    async def update(self, environment: int, name: str, change: Callable[[T], T]) -> T | None:
        """Store and return what `change` makes of a document; None if there is none. Raise as `change`."""
        return await self.change(environment, name, lambda stored: None if stored is None else change(stored))

    async def delete(self, environment: int, name: str) -> bool:
        """Delete a document; False if there is none. Raise Contention."""
        existed = False

        def remove(stored: T | None) -> None:
            nonlocal existed
            existed = stored is not None

        await self.change(environment, name, remove)
        return existed

    async def change(self, environment: int, name: str, change: Callable[[T | None], T | None]) -> T | None:
        """Store and return what `change` makes of a document; None stands for no document, before as after.

        `change` may be called more than once; what it raises is raised. Raise UnprocessableEntity when the environment
        has as many documents as it may, and Contention. Safe to cancel.
        """
        keys = [key(environment) for key in (self._records, self._version) if key]
        async for _ in Attempts():
            raw = await self._client.execute("HGET", keys[0], name) or b""
            document = change(self.decode(raw) if raw else None)
            content = b"" if document is None else self.encode(document)
            if content == raw:
                return document
            if document is not None and not raw:
                await self._announce(environment, name, document)
            args: list[Argument] = [name, raw, content, self._limit]
            written = await self._client.run(_FIELD_WRITE, keys, args)
            if written is _FieldWrite.FULL:
                raise UnprocessableEntity(f"An environment cannot have more than {self._limit} {self._plural}")
            if written is _FieldWrite.WRITTEN:
                if document is None:
                    await self._retire(environment, name)
                return document
        raise Contention

    def decode(self, raw: bytes) -> T:
        return self._decode(raw)

    def encode(self, document: T) -> bytes:
        return msgspec.json.encode(document)

    async def _announce(self, environment: int, name: str, document: T) -> None:
        """Prepare for a document before it is stored for the first time."""

    async def _retire(self, environment: int, name: str) -> None:
        """Clean up after a document that was deleted."""


class ListedDocumentStore(DocumentStore[D]):
    """Documents that are also listed by creation."""

    def __init__(
        self, client: Client, kind: type[D], records: EnvironmentKey, limit: int, plural: str, order: EnvironmentKey
    ) -> None:
        super().__init__(client, kind, records, limit, plural)
        self._order = order

    async def page(
        self, environment: int, order: Order, limit: int, cursor: ListCursor | None = None, skip: int = 0
    ) -> ListPage[D] | None:
        """Return up to `limit` documents beside a cursor (a name), or after `skip` of them; None for an unknown one."""

        async def load(names: list[bytes]) -> list[D | None]:
            values = await self._client.execute("HMGET", self._records(environment), *names)
            return [self.decode(raw) if raw else None for raw in values]

        return await self._listing(environment).page(order, limit, load, cursor, skip)

    async def _announce(self, environment: int, name: str, document: D) -> None:
        """List a document before it is stored, so that every existing one is listed."""
        await self._client.execute(*self._listing(environment).adding(name.encode(), document.created_ms))

    async def _retire(self, environment: int, name: str) -> None:
        await retire(self._client, [self._order(environment)], [name])

    def _listing(self, environment: int) -> Listing:
        return Listing(self._client, self._order(environment))
