"""Notification groups: how a backend sorts its workflows."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from inbox.models.dates import iso
from inbox.models.environment import Environment

FIRST_GROUP = "General"
MAX_GROUPS = 100


class GroupRequest(msgspec.Struct):
    """The body of create and update."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]


class Group(msgspec.Struct, frozen=True, rename="camel"):
    """A stored group."""

    id: str = msgspec.field(name="_id")
    name: str
    created_ms: int
    updated_ms: int


def group_view(group: Group, environment: Environment) -> dict[str, Any]:
    """The NotificationGroup of the wire."""
    return {
        "_id": group.id,
        "name": group.name,
        "_environmentId": environment.id,
        "_organizationId": environment.organization_id,
        "createdAt": iso(group.created_ms),
        "updatedAt": iso(group.updated_ms),
    }
