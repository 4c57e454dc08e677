"""Workflow overrides: whether a workflow is active for one tenant, and on which channels it delivers."""

from __future__ import annotations

import msgspec

from inbox.models import wire
from inbox.models.dates import timestamps
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
    """A stored override. `active` None and channels that are not set leave the workflow's own setting."""

    id: str = msgspec.field(name="_id")
    workflow_id: str
    tenant_id: str
    created_ms: int
    updated_ms: int
    active: bool | None = None
    channels: dict[str, bool] = {}

    @property
    def field(self) -> str:
        """The hash field that stores it: there is one override per workflow and tenant."""
        return f"{self.workflow_id}:{self.tenant_id}"


def override_view(override: Override, environment: Environment) -> wire.OverrideReply:
    return {
        "_id": override.id,
        **environment.ids,
        "_workflowId": override.workflow_id,
        "_tenantId": override.tenant_id,
        "active": override.active is not False,
        "preferenceSettings": override.channels,
        "deleted": False,
        **timestamps(override.created_ms, override.updated_ms),
    }
