"""Tenants in Redis: one hash per environment, and their order."""

from __future__ import annotations

from collections.abc import Callable

from inbox.errors import StoreUnavailable
from inbox.models.tenant import Tenant, decode_tenant, encode_tenant
from inbox.store import scripts
from inbox.store.client import Client
from inbox.store.keys import Keys
from inbox.store.listing import Listing

MAX_TENANTS = 100_000
_ATTEMPTS = 5


class TenantStore:
    """Reads and writes tenants of an environment."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def find_tenant(self, environment: int, identifier: str) -> Tenant | None:
        """The tenant with this identifier, or None."""
        raw = await self._client.execute("HGET", self._keys.tenants(environment)[0], identifier)
        return decode_tenant(raw) if raw else None

    async def put_tenant(
        self, environment: int, identifier: str, change: Callable[[Tenant | None], Tenant | None]
    ) -> Tenant | None:
        """Stores what `change` makes of the tenant as it stands (None: unknown); it may be called again.

        None, and nothing stored, when `change` gives None. Raises StoreUnavailable when there are 100,000 already.
        """
        records, order = self._keys.tenants(environment)
        for _ in range(_ATTEMPTS):
            raw = await self._client.execute("HGET", records, identifier)
            after = change(decode_tenant(raw) if raw else None)
            if after is None:
                return None
            if raw is None:  # listed first: what exists is always listed
                await self._client.execute(*Listing(self._client, order).adding(identifier.encode(), after.created_ms))
            args = [identifier, raw or b"", encode_tenant(after), MAX_TENANTS]
            if await self._client.run(scripts.FIELD_WRITE, [records], args) == 1:
                return after
        raise StoreUnavailable

    async def delete_tenant(self, environment: int, identifier: str) -> bool:
        """Deletes a tenant; False when there is none."""
        records, order = self._keys.tenants(environment)
        gone = await self._client.execute("HDEL", records, identifier)
        await self._client.execute(*Listing(self._client, order).removing([identifier.encode()]))
        return bool(gone)

    async def page(self, environment: int, limit: int, skip: int) -> tuple[list[Tenant], bool]:
        """Up to `limit` tenants after `skip` of them, newest first, and whether there are more."""
        records, order = self._keys.tenants(environment)

        async def load(members: list[bytes]) -> list[Tenant | None]:
            raw = await self._client.execute("HMGET", records, *members)
            return [decode_tenant(one) if one else None for one in raw]

        found = await Listing(self._client, order).page("desc", limit, load, skip=skip)
        return (found.records, found.has_next) if found else ([], False)
