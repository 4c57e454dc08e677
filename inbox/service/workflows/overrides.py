"""Overrides of workflows for tenants."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import asdict, replace

from inbox.clock import now_ms
from inbox.errors import BadRequest, NotFound, existing
from inbox.ids import new_object_id
from inbox.models.environment import Environment
from inbox.models.tenant import Tenant
from inbox.models.workflow import Workflow
from inbox.models.workflow_override import Override, OverrideChange
from inbox.store.documents import DocumentStore


@dataclass(eq=False)
class OverrideService:
    """The overrides of an environment, at most 10,000: one for each workflow and tenant."""

    _store: DocumentStore[Override]

    async def find(self, environment: Environment, workflow: Workflow, tenant: Tenant) -> Override | None:
        return await self._store.get(environment.number, f"{workflow.id}:{tenant.id}")

    async def get(self, environment: Environment, override_id: str) -> Override:
        """Return an override. Raise NotFound."""
        for override in await self._store.all(environment.number):
            if override.id == override_id:
                return override
        raise _unknown(override_id)

    async def list_page(self, environment: Environment, page: int, limit: int) -> tuple[list[Override], bool]:
        """Return a page by number (from 0), newest first, and whether there are more."""
        overrides = await self._store.all(environment.number)
        overrides.sort(key=lambda one: (one.created_ms, one.id), reverse=True)
        start = page * limit
        return overrides[start : start + limit], len(overrides) > start + limit

    async def create(
        self, environment: Environment, workflow: Workflow, tenant: Tenant, change: OverrideChange
    ) -> Override:
        """Store a new override. Raise BadRequest when the workflow has one for the tenant."""
        now = now_ms()
        override = _with(Override(new_object_id(), workflow.id, tenant.id, now, now), change)
        if not await self._store.add(environment.number, override.field, override):
            raise BadRequest(f"Workflow override for workflow {workflow.id} and tenant {tenant.id} already exists")
        return override

    async def update(self, environment: Environment, override: Override, change: OverrideChange) -> Override:
        """Change the fields that were sent; return the override. Raise NotFound when it no longer exists."""
        changed = await self._store.update(environment.number, override.field, lambda stored: _with(stored, change))
        return existing(changed, _unknown(override.id))

    async def delete(self, environment: Environment, override: Override) -> None:
        await self._store.delete(environment.number, override.field)


def _with(override: Override, change: OverrideChange) -> Override:
    sent = asdict(change.preference_settings) if change.preference_settings else {}
    return replace(
        override,
        active=override.active if change.active is None else change.active,
        channels={**override.channels, **{name: on for name, on in sent.items() if on is not None}},
        updated_ms=max(now_ms(), override.updated_ms),
    )


def _unknown(override_id: str) -> NotFound:
    return NotFound(f"Workflow override {override_id} was not found")
