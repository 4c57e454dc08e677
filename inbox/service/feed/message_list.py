"""Messages of a whole environment, listed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from inbox.models.environment import Environment
from inbox.models.message import Message, decode_labels
from inbox.models.subscriber import Subscriber
from inbox.service.activity.activity import ActivityService
from inbox.service.feed.feed import ContentTest, FeedService
from inbox.service.feed.notification_filter import EVERYTHING


@dataclass(eq=False)
class MessageList:
    """Lists messages of one subscriber from its feeds, or of all from the activity of the last 30 days."""

    _activity: ActivityService
    _feed: FeedService

    async def find(
        self,
        environment: Environment,
        subscriber: Subscriber | None,
        transactions: Collection[str],
        contexts: str | None,
        skip: int,
        limit: int,
    ) -> tuple[list[Message], bool]:
        """Return `limit` messages after the `skip` newest, newest first, and whether there may be more.

        `contexts` restricts them to one set of context keys (sorted, joined by commas). Without a subscriber it
        filters only the messages of the page, so there may be fewer than `limit`.
        """
        if subscriber is None:
            rows, has_more = await self._activity.messages(environment, transactions, skip, limit)
            return [message for _, message in rows if contexts in (None, message.contexts)], has_more
        feeds = await self._feed.feeds_of(environment, subscriber, contexts)
        if not feeds:
            return [], False
        page = await self._feed.page(feeds, EVERYTHING, limit, skip=skip, content_test=_of_transactions(transactions))
        return page.messages, page.has_more


def _of_transactions(transactions: Collection[str]) -> ContentTest | None:
    if not transactions:
        return None
    return lambda content: decode_labels(content).transaction_id in transactions
