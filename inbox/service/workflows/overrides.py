"""Workflow overrides of an environment: made, found, listed, changed and deleted."""

from __future__ import annotations

import msgspec
from msgspec.structs import asdict, replace

from inbox.clock import now_ms
from inbox.errors import BadRequest, NotFound, UnprocessableEntity
from inbox.ids import new_object_id
from inbox.models.environment import Environment
from inbox.models.tenant import Tenant
from inbox.models.workflow import Workflow
from inbox.models.workflow_override import MAX_OVERRIDES, Override, OverrideChange
from inbox.store.client import Client
from inbox.store.fields import FieldStore
from inbox.store.keys import Keys

_decoder = msgspec.json.Decoder(Override)


class OverrideService:
    """At most ten thousand an environment: one for each workflow and tenant."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def find(self, environment: Environment, workflow: Workflow, tenant: Tenant) -> Override | None:
        """The override of a workflow for a tenant, or None."""
        raw = await self._store(environment).get(f"{workflow.id}:{tenant.id}")
        return _decoder.decode(raw) if raw is not None else None

    async def get(self, environment: Environment, override_id: str) -> Override:
        """One override. Raises NotFound."""
        found = (one for one in await self._all(environment) if one.id == override_id)
        override = next(found, None)
        if override is None:
            raise _unknown(override_id)
        return override

    async def list_page(self, environment: Environment, page: int, limit: int) -> tuple[list[Override], bool]:
        """A page by number (from 0), newest first, and whether there are more."""
        overrides = sorted(await self._all(environment), key=lambda one: (one.created_ms, one.id), reverse=True)
        start = page * limit
        return overrides[start : start + limit], len(overrides) > start + limit

    async def create(
        self, environment: Environment, workflow: Workflow, tenant: Tenant, change: OverrideChange
    ) -> Override:
        """A new override. Raises BadRequest when the workflow has one for the tenant."""
        now = now_ms()
        override = _with(Override(new_object_id(), workflow.id, tenant.id, now, now), change)

        def write(raw: bytes | None) -> bytes:
            if raw is not None:
                raise BadRequest(f"Workflow override for workflow {workflow.id} and tenant {tenant.id} already exists")
            return msgspec.json.encode(override)

        if await self._store(environment).change(override.field, write) == "full":
            raise UnprocessableEntity(f"An environment cannot have more than {MAX_OVERRIDES} workflow overrides")
        return override

    async def update(self, environment: Environment, override: Override, change: OverrideChange) -> Override:
        """An override with the fields that were sent. Raises NotFound when it is gone."""

        def write(raw: bytes | None) -> bytes:
            if raw is None:
                raise _unknown(override.id)
            return msgspec.json.encode(_with(_decoder.decode(raw), change))

        await self._store(environment).change(override.field, write)
        return await self.get(environment, override.id)

    async def delete(self, environment: Environment, override: Override) -> None:
        """Deletes an override."""
        await self._store(environment).change(override.field, lambda _: None)

    async def _all(self, environment: Environment) -> list[Override]:
        return [_decoder.decode(raw) for raw in await self._store(environment).all()]

    def _store(self, environment: Environment) -> FieldStore:
        return FieldStore(self._client, self._keys.workflow_overrides(environment.number), MAX_OVERRIDES)


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
