"""Messages of a whole environment: listed, and deleted by id or by transaction."""

from __future__ import annotations

from collections.abc import Collection

from inbox.models.environment import Environment
from inbox.models.message import Message, decode_labels
from inbox.models.subscriber import Subscriber
from inbox.service.feed.feed import FeedService, Holds
from inbox.service.feed.marks import MarkService, unknown_message
from inbox.service.feed.notification_filter import EVERYTHING
from inbox.service.trigger.activity import ActivityService
from inbox.store import rows
from inbox.store.feeds import FeedStore


class MessageList:
    """Of one subscriber its feeds are read; otherwise the activity leads to the messages of the last 30 days."""

    def __init__(self, activity: ActivityService, feed: FeedService, marks: MarkService, feeds: FeedStore) -> None:
        self._activity = activity
        self._feed = feed
        self._marks = marks
        self._feeds = feeds

    async def find(
        self,
        environment: Environment,
        subscriber: Subscriber | None,
        transactions: Collection[str],
        contexts: str | None,
        skip: int,
        limit: int,
    ) -> tuple[list[Message], bool]:
        """`limit` messages after the `skip` newest, newest first, and whether there may be more.

        `contexts`: of this set of context keys only (sorted, joined by commas); among all subscribers it is looked
        for in the page alone.
        """
        if subscriber is None:
            found, has_more = await self._activity.messages(environment, transactions, skip, limit)
            return [one for _, one in found if contexts in (None, one.contexts)], has_more
        feeds = await self._feed.feeds_of(environment, subscriber, contexts)
        if not feeds:
            return [], False
        page = await self._feed.page(feeds, EVERYTHING, limit, skip=skip, holds=_of_transactions(transactions))
        return page.messages, page.has_more

    async def delete(self, environment: Environment, message_id: str) -> None:
        """Deletes one message for good, whosever it is. Raises NotFound."""
        place = rows.parse_message_id(message_id)
        feeds = await self._feeds.find_numbered(environment.number, [(place.bucket, place.feed_number)])
        if not feeds:
            raise unknown_message(message_id)
        await self._marks.delete(list(feeds.values()), message_id)

    async def delete_transaction(self, environment: Environment, transaction_id: str) -> int:
        """Deletes the messages of a transaction of the last 30 days, for good; gives how many."""
        found, _ = await self._activity.messages(environment, [transaction_id])
        for feed, message in found:
            await self._marks.delete([feed], message.id)
        return len(found)


def _of_transactions(transactions: Collection[str]) -> Holds | None:
    if not transactions:
        return None
    return lambda content: decode_labels(content).transaction_id in transactions
