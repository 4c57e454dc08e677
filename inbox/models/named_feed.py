"""Named feeds: parts of everybody's feed that a v1 step can put its messages in (rest-server.md §9)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from inbox.models.dates import iso
from inbox.models.environment import Environment

MAX_NAMED_FEEDS = 100


class NamedFeedRequest(msgspec.Struct):
    """The body of create."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]


class NamedFeed(msgspec.Struct, frozen=True, rename="camel"):
    """A stored named feed; its name is also its identifier."""

    id: str = msgspec.field(name="_id")
    name: str
    created_ms: int


def named_feed_view(feed: NamedFeed, environment: Environment) -> dict[str, Any]:
    """The Feed of the wire."""
    return {
        "_id": feed.id,
        "id": feed.id,
        "name": feed.name,
        "identifier": feed.name,
        "_environmentId": environment.id,
        "_organizationId": environment.organization_id,
        "deleted": False,
        "createdAt": iso(feed.created_ms),
        "updatedAt": iso(feed.created_ms),
    }
