"""A workflow override: whether a workflow is active for one tenant, and on which channels it delivers there."""

from __future__ import annotations

from typing import Any

import msgspec

from inbox.models.dates import iso
from inbox.models.environment import Environment
from inbox.models.workflow_v1 import PreferenceSettings

MAX_OVERRIDES = 10_000


class OverrideChange(msgspec.Struct, frozen=True, rename="camel"):
    """The body of `PUT /v1/workflow-overrides/…`: fields that are absent stay."""

    active: bool | None = None
    preference_settings: PreferenceSettings | None = None


class OverrideCreate(OverrideChange, frozen=True, rename="camel", kw_only=True):
    """The body of `POST /v1/workflow-overrides`; `tenantId` is the tenant's `_id` or identifier."""

    workflow_id: str
    tenant_id: str


class Override(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A stored override. `active` None: as the workflow is; a channel that is not set: as the workflow has it."""

    id: str = msgspec.field(name="_id")
    workflow_id: str
    tenant_id: str
    created_ms: int
    updated_ms: int
    active: bool | None = None
    channels: dict[str, bool] = {}

    @property
    def field(self) -> str:
        """What it is stored under: there is one for each workflow and tenant."""
        return f"{self.workflow_id}:{self.tenant_id}"


def override_view(override: Override, environment: Environment) -> dict[str, Any]:
    """The override on the wire."""
    return {
        "_id": override.id,
        "_organizationId": environment.organization_id,
        "_environmentId": environment.id,
        "_workflowId": override.workflow_id,
        "_tenantId": override.tenant_id,
        "active": override.active is not False,
        "preferenceSettings": override.channels,
        "deleted": False,
        "createdAt": iso(override.created_ms),
        "updatedAt": iso(override.updated_ms),
    }
