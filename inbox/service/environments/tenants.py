"""Tenants of an environment."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from inbox.clock import now_ms
from inbox.errors import Conflict, NotFound
from inbox.ids import is_object_id, new_ordered_id
from inbox.models.environment import Environment
from inbox.models.tenant import Tenant, TenantChange, parse_tenant
from inbox.store.tenants import TenantStore

LOOKED_AT_ONCE = 100


def unknown_tenant(identifier: str) -> NotFound:
    """The 404 of an unknown tenant."""
    return NotFound(f"Tenant with identifier: {identifier} is not exists under environment", identifier=identifier)


class TenantService:
    """Creates, reads, changes and deletes tenants."""

    def __init__(self, store: TenantStore) -> None:
        self._store = store

    async def resolve(self, environment: Environment, named: Any) -> Tenant | None:
        """The tenant that a trigger names, with the fields set that it brings; None when there is none.

        Raises BadRequest or ValidationFailed.
        """
        identifier, change = parse_tenant(named)
        tenant = await self._store.find_tenant(environment.number, identifier)
        if tenant is None or _same(tenant, change):
            return tenant
        return await self._store.put_tenant(
            environment.number, identifier, lambda known: known and _with(known, change)
        )

    async def get(self, environment: Environment, identifier: str) -> Tenant:
        """The tenant. Raises NotFound."""
        tenant = await self._store.find_tenant(environment.number, identifier)
        if tenant is None:
            raise unknown_tenant(identifier)
        return tenant

    async def get_named(self, environment: Environment, name: str) -> Tenant:
        """The tenant with this identifier or `_id`; an `_id` is looked for among all of them. Raises NotFound."""
        tenant = await self._store.find_tenant(environment.number, name)
        page = 0
        while tenant is None and is_object_id(name):
            tenants, has_more = await self.list_page(environment, page, LOOKED_AT_ONCE)
            tenant = next((one for one in tenants if one.id == name), None)
            if not has_more:
                break
            page += 1
        if tenant is None:
            raise unknown_tenant(name)
        return tenant

    async def create(self, environment: Environment, identifier: str, change: TenantChange) -> Tenant:
        """A new tenant. Raises Conflict when the identifier is taken."""
        now = now_ms()
        new = _with(Tenant(id=new_ordered_id(), identifier=identifier, created_ms=now, updated_ms=now), change)
        made = await self._store.put_tenant(environment.number, identifier, lambda known: None if known else new)
        if made is None:
            raise Conflict(f"Tenant with identifier: {identifier} already exists under environment {environment.id}")
        return made

    async def update(
        self, environment: Environment, identifier: str, change: TenantChange, renamed: str | None = None
    ) -> Tenant:
        """Changes the fields given. Raises NotFound, and Conflict when the new identifier is taken."""
        if renamed and renamed != identifier:
            before = await self.get(environment, identifier)
            moved = msgspec.structs.replace(_with(before, change), identifier=renamed)
            made = await self._store.put_tenant(environment.number, renamed, lambda known: None if known else moved)
            if made is None:
                raise Conflict(f"Tenant with identifier: {renamed} already exists under environment {environment.id}")
            await self._store.delete_tenant(environment.number, identifier)
            return made
        after = await self._store.put_tenant(
            environment.number, identifier, lambda known: known and _with(known, change)
        )
        if after is None:
            raise unknown_tenant(identifier)
        return after

    async def delete(self, environment: Environment, identifier: str) -> None:
        """Deletes the tenant. Raises NotFound."""
        if not await self._store.delete_tenant(environment.number, identifier):
            raise unknown_tenant(identifier)

    async def list_page(self, environment: Environment, page: int, limit: int) -> tuple[list[Tenant], bool]:
        """A page by number (from 0), newest first, and whether there are more."""
        return await self._store.page(environment.number, limit, page * limit)


def _same(tenant: Tenant, change: TenantChange) -> bool:
    name = tenant.name if change.name is UNSET else change.name
    data = tenant.data if change.data is UNSET else change.data or {}
    return (name, data) == (tenant.name, tenant.data)


def _with(tenant: Tenant, change: TenantChange) -> Tenant:
    name = tenant.name if change.name is UNSET else change.name
    data = tenant.data if change.data is UNSET else change.data or {}
    return msgspec.structs.replace(tenant, name=name, data=data, updated_ms=max(now_ms(), tenant.updated_ms))
