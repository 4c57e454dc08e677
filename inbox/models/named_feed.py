"""Named feeds: parts of everybody's feed that a v1 step can put its messages in ."""

from __future__ import annotations

import msgspec

from inbox.models import wire
from inbox.models.dates import timestamps
from inbox.models.environment import Environment
from inbox.models.workflow import DisplayName

MAX_NAMED_FEEDS = 100


class NamedFeedRequest(msgspec.Struct):
    """The body of create."""

    name: DisplayName


class NamedFeed(msgspec.Struct, frozen=True, rename="camel"):
    """A stored named feed; its name is also its identifier."""

    id: str = msgspec.field(name="_id")
    name: str
    created_ms: int


def named_feed_view(feed: NamedFeed, environment: Environment) -> wire.NamedFeedReply:
    return {
        "_id": feed.id,
        "id": feed.id,
        "name": feed.name,
        "identifier": feed.name,
        **environment.ids,
        "deleted": False,
        **timestamps(feed.created_ms, feed.created_ms),
    }
