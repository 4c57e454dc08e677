"""Contexts of an environment: created by the API, listed newest first."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from inbox.clock import now_ms
from inbox.errors import BadRequest, NotFound, UnprocessableEntity
from inbox.models.context import Context, ContextCreate, check_data, check_name
from inbox.models.cursor_page import CursorPage, CursorQuery
from inbox.models.environment import Environment
from inbox.service.pages import cursor_of, page_of_list
from inbox.service.scan import scan
from inbox.store.client import Client
from inbox.store.fields import FieldStore
from inbox.store.keys import Keys
from inbox.store.listing import Cursor, Listing, ListPage, retire

MAX_CONTEXTS = 1_000_000
MAX_SEEN = 10_000
SEEN_SECONDS = 1.0

_decoder = msgspec.json.Decoder(Context)


@dataclass(frozen=True, slots=True)
class ContextFilter:
    """Which contexts: `id` must be theirs, `search` stand in their type or id."""

    id: str = ""
    search: str = ""

    def takes(self, context: Context) -> bool:
        """Whether the context is one of those asked for."""
        return (not self.id or context.id == self.id) and self.search.casefold() in context.key.casefold()


class ContextService:
    """Creates, reads, changes, lists and deletes contexts."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._seen: dict[tuple[int, str], tuple[float, dict[str, Any]]] = {}

    async def create(self, environment: Environment, body: ContextCreate) -> Context:
        """A new context. Raises BadRequest when there is one of that type and id, ValidationFailed."""
        kind, name = check_name(body.type, "type"), check_name(body.id, "id")
        now = now_ms()
        context = Context(kind, name, check_data(body.data or {}), now, now)

        def change(raw: bytes | None) -> bytes:
            if raw is not None:
                raise BadRequest(f"Context with type {kind} and id {name} exists already")
            return msgspec.json.encode(context)

        member = context.key.encode()
        await self._client.execute("ZADD", self._keys.contexts_order(environment.number), "NX", now, member)
        if await self._store(environment).change(context.key, change) == "full":
            raise UnprocessableEntity(f"An environment cannot have more than {MAX_CONTEXTS} contexts")
        return context

    async def ensure(self, environment: Environment, named: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """The contexts that a trigger names, `{type: {id, data?}}`, with what is stored of those it brings no data for.

        They exist afterwards, with the data that it brought. What was seen within a second is not read again.
        """
        return {kind: await self._ensure_one(environment, kind, entry) for kind, entry in named.items()}

    async def _ensure_one(self, environment: Environment, kind: str, entry: dict[str, Any]) -> dict[str, Any]:
        name, sent = entry["id"], entry.get("data")
        key, now = f"{kind}:{name}", time.monotonic()
        at, known = self._seen.get((environment.number, key), (0.0, None))
        if known is None or now - at > SEEN_SECONDS or sent not in (None, known):
            known = await self._upsert(environment, Context(kind, name, sent or {}, 0, 0), keep=sent is None)
            self._seen[environment.number, key] = (now, known)
            if len(self._seen) > MAX_SEEN:
                self._seen.pop(next(iter(self._seen)))
        return {"id": name, "data": known}

    async def _upsert(self, environment: Environment, wanted: Context, *, keep: bool) -> dict[str, Any]:
        """Makes or changes a context and gives its data; `keep`: data that is there stays."""
        now = now_ms()
        data = wanted.data

        def change(raw: bytes | None) -> bytes:
            nonlocal data
            if raw is None:
                return msgspec.json.encode(msgspec.structs.replace(wanted, created_ms=now, updated_ms=now))
            before = _decoder.decode(raw)
            data = before.data if keep else wanted.data
            if data == before.data:
                return raw
            return msgspec.json.encode(msgspec.structs.replace(before, data=data, updated_ms=now))

        order = self._keys.contexts_order(environment.number)
        await self._client.execute("ZADD", order, "NX", now, wanted.key.encode())
        if await self._store(environment).change(wanted.key, change) == "full":
            raise UnprocessableEntity(f"An environment cannot have more than {MAX_CONTEXTS} contexts")
        return data

    async def get(self, environment: Environment, kind: str, name: str) -> Context:
        """One context. Raises NotFound."""
        raw = await self._store(environment).get(f"{kind}:{name}")
        if raw is None:
            raise _unknown(kind, name)
        return _decoder.decode(raw)

    async def update(self, environment: Environment, kind: str, name: str, data: dict[str, Any]) -> Context:
        """A context with other data. Raises NotFound, ValidationFailed."""
        checked, now = check_data(data), now_ms()

        def change(raw: bytes | None) -> bytes:
            if raw is None:
                raise _unknown(kind, name)
            return msgspec.json.encode(msgspec.structs.replace(_decoder.decode(raw), data=checked, updated_ms=now))

        await self._store(environment).change(f"{kind}:{name}", change)
        return await self.get(environment, kind, name)

    async def delete(self, environment: Environment, kind: str, name: str) -> None:
        """Forgets a context; messages that carry it stay. Raises NotFound."""

        def change(raw: bytes | None) -> None:
            if raw is None:
                raise _unknown(kind, name)

        key = f"{kind}:{name}"
        await self._store(environment).change(key, change)
        await retire(self._client, [self._keys.contexts_order(environment.number)], [key])

    async def find(
        self, environment: Environment, query: CursorQuery, wanted: ContextFilter
    ) -> CursorPage[Context]:
        """A page beside a cursor (a `type:id`); an unknown cursor gives an empty page. Filters are a bounded search."""
        listing = Listing(self._client, self._keys.contexts_order(environment.number))
        cursor = cursor_of(query)

        async def load(members: list[bytes]) -> list[Context | None]:
            values = await self._store(environment).get_many([member.decode() for member in members])
            return [_decoder.decode(raw) if raw is not None else None for raw in values]

        async def read(limit: int, edge: Cursor | None) -> ListPage[Context] | None:
            return await listing.page(query.order, limit, load, edge)

        if wanted.id or wanted.search:
            return await scan(read, wanted.takes, query, cursor, bytes.decode)
        return page_of_list(await read(query.limit, cursor))

    def _store(self, environment: Environment) -> FieldStore:
        return FieldStore(self._client, self._keys.contexts(environment.number), MAX_CONTEXTS)


def _unknown(kind: str, name: str) -> NotFound:
    return NotFound(f"Context with type {kind} and id {name} was not found")
