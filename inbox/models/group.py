"""Notification groups, by which a backend sorts its workflows."""

from __future__ import annotations

import msgspec

from inbox.models import wire
from inbox.models.dates import timestamps
from inbox.models.environment import Environment
from inbox.models.workflow import DisplayName

FIRST_GROUP = "General"
MAX_GROUPS = 100


class GroupRequest(msgspec.Struct):
    """The body of create and update."""

    name: DisplayName


class Group(msgspec.Struct, frozen=True, rename="camel"):
    id: str = msgspec.field(name="_id")
    name: str
    created_ms: int
    updated_ms: int


def group_view(group: Group, environment: Environment) -> wire.GroupReply:
    return {
        "_id": group.id,
        "name": group.name,
        **environment.ids,
        **timestamps(group.created_ms, group.updated_ms),
    }
