"""Contexts of an environment."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from inbox.clock import now_ms
from inbox.errors import BadRequest, NotFound, existing
from inbox.lru_cache import LruCache
from inbox.models.context import ContextCreate, StoredContext, check_data, check_name
from inbox.models.cursor_page import CursorPage, CursorQuery
from inbox.models.environment import Environment
from inbox.service.pages import cursor_of, page_of_list
from inbox.service.scan import scan
from inbox.store.documents import ListedDocumentStore
from inbox.store.listing import ListCursor, ListPage

CACHED_CONTEXTS = 10_000
CACHED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ContextFilter:
    """Match contexts whose id is `id` and whose `type:id` contains `search`, in any case; empty matches all."""

    id: str = ""
    search: str = ""

    def takes(self, context: StoredContext) -> bool:
        return (not self.id or context.id == self.id) and self.search.casefold() in context.key.casefold()


@dataclass(eq=False)
class ContextService:
    """Creates, reads, changes, lists and deletes contexts."""

    _store: ListedDocumentStore[StoredContext]
    _cache: LruCache[tuple[int, str], tuple[float, dict[str, Any]]] = field(
        init=False, default_factory=lambda: LruCache(CACHED_CONTEXTS)
    )

    async def create(self, environment: Environment, body: ContextCreate) -> StoredContext:
        """Store a new context. Raise BadRequest if there is one with this type and id, and ValidationFailed."""
        kind, name = check_name(body.type, "type"), check_name(body.id, "id")
        now = now_ms()
        context = StoredContext(kind, name, check_data(body.data or {}), now, now)
        if not await self._store.add(environment.number, context.key, context):
            raise BadRequest(f"Context with type {kind} and id {name} exists already")
        return context

    async def ensure(
        self, environment: Environment, contexts: Mapping[str, dict[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        """Store the contexts of a trigger, `{type: {id, data?}}`; return them with their data.

        A context that is sent without data keeps the stored data. Stored data is cached for a second.
        """
        return {kind: await self._ensure_one(environment, kind, entry) for kind, entry in contexts.items()}

    async def _ensure_one(self, environment: Environment, kind: str, entry: dict[str, Any]) -> dict[str, Any]:
        name, sent = entry["id"], entry.get("data")
        key, now = f"{kind}:{name}", time.monotonic()
        read_at, data = self._cache.get((environment.number, key)) or (0.0, None)
        if data is None or now - read_at > CACHED_SECONDS or sent not in (None, data):
            data = await self._upsert(environment, StoredContext(kind, name, sent or {}, now_ms(), now_ms()), sent)
            self._cache.put((environment.number, key), (now, data))
        return {"id": name, "data": data}

    async def _upsert(
        self, environment: Environment, fresh: StoredContext, sent: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Store a context, or the sent data of an existing one; return its data."""

        def change(stored: StoredContext | None) -> StoredContext:
            if stored is None:
                return fresh
            if sent in (None, stored.data):
                return stored
            return msgspec.structs.replace(stored, data=fresh.data, updated_ms=fresh.updated_ms)

        written = await self._store.change(environment.number, fresh.key, change)
        return (written or fresh).data

    async def get(self, environment: Environment, kind: str, name: str) -> StoredContext:
        """Return one context. Raise NotFound."""
        return existing(await self._store.get(environment.number, f"{kind}:{name}"), _unknown(kind, name))

    async def update(self, environment: Environment, kind: str, name: str, data: dict[str, Any]) -> StoredContext:
        """Replace the data of a context; return the context. Raise NotFound and ValidationFailed."""
        fields = {"data": check_data(data), "updated_ms": now_ms()}
        changed = await self._store.update(
            environment.number, f"{kind}:{name}", lambda stored: msgspec.structs.replace(stored, **fields)
        )
        return existing(changed, _unknown(kind, name))

    async def delete(self, environment: Environment, kind: str, name: str) -> None:
        """Delete a context; messages that carry it stay. Raise NotFound."""
        if not await self._store.delete(environment.number, f"{kind}:{name}"):
            raise _unknown(kind, name)

    async def find(
        self, environment: Environment, query: CursorQuery, filter_: ContextFilter
    ) -> CursorPage[StoredContext]:
        """Return a page beside a cursor (a `type:id`); a filter searches a bounded part of the list."""
        cursor = cursor_of(query)

        async def read(limit: int, edge: ListCursor | None) -> ListPage[StoredContext] | None:
            return await self._store.page(environment.number, query.order, limit, edge)

        if filter_.id or filter_.search:
            return await scan(read, filter_.takes, query, cursor, bytes.decode)
        return page_of_list(await read(query.limit, cursor))


def _unknown(kind: str, name: str) -> NotFound:
    return NotFound(f"Context with type {kind} and id {name} was not found")
