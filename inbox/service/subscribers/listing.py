"""Lists of subscribers."""

from __future__ import annotations

from dataclasses import dataclass

from inbox.ids import SubscriberId, is_object_id
from inbox.models.cursor_page import CursorPage, CursorQuery
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.service.pages import cursor_of, page_of_list
from inbox.service.scan import scan
from inbox.store.listing import ListCursor, ListPage
from inbox.store.subscribers import SubscriberOrder, SubscriberStore

Page = CursorPage[Subscriber]


@dataclass(frozen=True, slots=True)
class SubscriberFilter:
    """Match one subscriberId, and profiles that contain `email`, `phone` and `name` in any case; empty matches all."""

    order_by: SubscriberOrder = "_id"
    subscriber_id: SubscriberId | None = None
    email: str = ""
    phone: str = ""
    name: str = ""

    @property
    def is_search(self) -> bool:
        return bool(self.email or self.phone or self.name)

    def takes(self, subscriber: Subscriber) -> bool:
        profile = subscriber.profile
        name = f"{profile.get('firstName') or ''} {profile.get('lastName') or ''}"
        pairs = ((self.email, profile.get("email")), (self.phone, profile.get("phone")), (self.name, name))
        return all(part.casefold() in (text or "").casefold() for part, text in pairs)


@dataclass(eq=False)
class SubscriberList:
    """Reads pages of an environment's list; a search by profile reads at most 10,000 records."""

    _store: SubscriberStore

    async def newest(self, environment: Environment, page: int, limit: int) -> list[Subscriber]:
        """Return a page by number (from 0), newest first."""
        listed = await self._store.page(environment.number, "_id", "desc", limit, skip=page * limit)
        return listed.records if listed else []

    async def find(self, environment: Environment, query: CursorQuery, filter_: SubscriberFilter) -> Page:
        """Return a page beside a cursor; the page of an unknown cursor is empty."""
        if filter_.subscriber_id is not None:
            subscriber = await self._store.get(environment.number, filter_.subscriber_id)
            rows = [subscriber] if subscriber and filter_.takes(subscriber) else []
            return CursorPage([] if query.cursor else rows, total=len(rows))
        if query.cursor is not None and not is_object_id(query.cursor):
            return CursorPage([])
        cursor = cursor_of(query, bytes.fromhex)

        async def read(limit: int, edge: ListCursor | None) -> ListPage[Subscriber] | None:
            return await self._store.page(environment.number, filter_.order_by, query.order, limit, edge)

        if filter_.is_search:
            return await scan(read, filter_.takes, query, cursor, bytes.hex)
        return page_of_list(await read(query.limit, cursor), bytes.hex)
