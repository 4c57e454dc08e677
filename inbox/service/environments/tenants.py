"""Tenants of an environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET

from inbox.clock import now_ms
from inbox.errors import Conflict, NotFound, existing
from inbox.ids import is_object_id, new_ordered_id
from inbox.models.environment import Environment
from inbox.models.json_values import JsonObject
from inbox.models.tenant import Tenant, TenantChange, parse_tenant
from inbox.store.documents import ListedDocumentStore

SEARCH_SLICE = 100


def unknown_tenant(identifier: str) -> NotFound:
    """Return the 404 of an unknown tenant."""
    return NotFound(f"Tenant with identifier: {identifier} is not exists under environment", identifier=identifier)


@dataclass(eq=False)
class TenantService:
    """Creates, reads, changes and deletes tenants."""

    _store: ListedDocumentStore[Tenant]

    async def resolve(self, environment: Environment, raw: Any) -> Tenant | None:
        """Store the fields that a trigger sends with a tenant; return the tenant, None for an unknown one.

        Raise BadRequest or ValidationFailed.
        """
        identifier, change = parse_tenant(raw)
        tenant = await self._store.get(environment.number, identifier)
        if tenant is None or _fields(tenant, change) == (tenant.name, tenant.data):
            return tenant
        return await self._store.update(environment.number, identifier, lambda stored: _with(stored, change))

    async def get(self, environment: Environment, identifier: str) -> Tenant:
        """Return the tenant. Raise NotFound."""
        return existing(await self._store.get(environment.number, identifier), unknown_tenant(identifier))

    async def get_named(self, environment: Environment, name: str) -> Tenant:
        """Return the tenant with this identifier or `_id`; an `_id` is searched among all of them. Raise NotFound."""
        tenant = await self._store.get(environment.number, name)
        page = 0
        while tenant is None and is_object_id(name):
            tenants, has_more = await self.list_page(environment, page, SEARCH_SLICE)
            tenant = next((item for item in tenants if item.id == name), None)
            if not has_more:
                break
            page += 1
        if tenant is None:
            raise unknown_tenant(name)
        return tenant

    async def create(self, environment: Environment, identifier: str, change: TenantChange) -> Tenant:
        """Store a new tenant. Raise Conflict if the identifier is taken."""
        now = now_ms()
        new = _with(Tenant(id=new_ordered_id(), identifier=identifier, created_ms=now, updated_ms=now), change)
        await self._add(environment, new)
        return new

    async def update(
        self, environment: Environment, identifier: str, change: TenantChange, renamed: str | None = None
    ) -> Tenant:
        """Change the fields that were sent. Raise NotFound, and Conflict if the new identifier is taken."""
        if renamed and renamed != identifier:
            before = await self.get(environment, identifier)
            moved = msgspec.structs.replace(_with(before, change), identifier=renamed)
            await self._add(environment, moved)
            await self._store.delete(environment.number, identifier)
            return moved
        changed = await self._store.update(environment.number, identifier, lambda stored: _with(stored, change))
        return existing(changed, unknown_tenant(identifier))

    async def delete(self, environment: Environment, identifier: str) -> None:
        """Delete the tenant. Raise NotFound."""
        if not await self._store.delete(environment.number, identifier):
            raise unknown_tenant(identifier)

    async def list_page(self, environment: Environment, page: int, limit: int) -> tuple[list[Tenant], bool]:
        """Return a page by number (from 0), newest first, and whether there are more."""
        rows = await self._store.page(environment.number, "desc", limit, skip=page * limit)
        return (rows.records, rows.has_next) if rows else ([], False)

    async def _add(self, environment: Environment, tenant: Tenant) -> None:
        name = tenant.identifier
        if not await self._store.add(environment.number, name, tenant):
            raise Conflict(f"Tenant with identifier: {name} already exists under environment {environment.id}")


def _fields(tenant: Tenant, change: TenantChange) -> tuple[str | None, JsonObject]:
    name = tenant.name if change.name is UNSET else change.name
    return name, tenant.data if change.data is UNSET else change.data or {}


def _with(tenant: Tenant, change: TenantChange) -> Tenant:
    name, data = _fields(tenant, change)
    return msgspec.structs.replace(tenant, name=name, data=data, updated_ms=max(now_ms(), tenant.updated_ms))
