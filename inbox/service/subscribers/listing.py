"""Lists of subscribers: pages of the environment's list, one exact id, or a bounded search."""

from __future__ import annotations

from dataclasses import dataclass

from inbox.ids import SubscriberId, is_object_id
from inbox.models.cursor_page import CursorPage, CursorQuery
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.service.pages import cursor_of, page_of_list
from inbox.service.scan import scan
from inbox.store.listing import Cursor, ListPage
from inbox.store.subscribers import OrderBy, SubscriberStore

Page = CursorPage[Subscriber]


@dataclass(frozen=True, slots=True)
class SubscriberFilter:
    """Which subscribers, in which order; `email`, `phone` and `name` may stand anywhere in the field, in any case."""

    order_by: OrderBy = "_id"
    subscriber_id: SubscriberId | None = None
    email: str = ""
    phone: str = ""
    name: str = ""

    @property
    def is_search(self) -> bool:
        return bool(self.email or self.phone or self.name)

    def takes(self, subscriber: Subscriber) -> bool:
        """Whether the subscriber is one of those searched for."""
        profile = subscriber.profile
        name = f"{profile.get('firstName') or ''} {profile.get('lastName') or ''}"
        pairs = ((self.email, profile.get("email")), (self.phone, profile.get("phone")), (self.name, name))
        return all(wanted.casefold() in (text or "").casefold() for wanted, text in pairs)


class SubscriberList:
    """Reads lists. What is unfiltered or asks for one id costs the page, a search at most 10,000 records."""

    def __init__(self, store: SubscriberStore) -> None:
        self._store = store

    async def newest(self, environment: Environment, page: int, limit: int) -> list[Subscriber]:
        """One numbered page (from 0), newest first."""
        found = await self._store.page(environment.number, "_id", "desc", limit, skip=page * limit)
        return found.records if found else []

    async def find(self, environment: Environment, query: CursorQuery, wanted: SubscriberFilter) -> Page:
        """A page beside a cursor; an unknown cursor gives an empty page."""
        if wanted.subscriber_id is not None:
            found = await self._store.get(environment.number, wanted.subscriber_id)
            rows = [found] if found and wanted.takes(found) else []
            return CursorPage([] if query.cursor else rows, total=len(rows))
        if query.cursor is not None and not is_object_id(query.cursor):
            return CursorPage([])
        cursor = cursor_of(query, bytes.fromhex)

        async def read(limit: int, edge: Cursor | None) -> ListPage[Subscriber] | None:
            return await self._store.page(environment.number, wanted.order_by, query.order, limit, edge)

        if wanted.is_search:
            return await scan(read, wanted.takes, query, cursor, bytes.hex)
        return page_of_list(await read(query.limit, cursor), bytes.hex)
