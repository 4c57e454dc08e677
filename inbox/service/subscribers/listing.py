"""Lists of subscribers."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from functools import partial

from inbox.errors import invalid
from inbox.ids import SubscriberId, is_object_id
from inbox.models.cursor_page import CursorPage, CursorQuery
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.service.pages import cursor_of, page_of_list
from inbox.service.scan import scan
from inbox.store.listing import ListCursor, ListPage, ListRow
from inbox.store.presence import PresenceStore
from inbox.store.subscribers import SubscriberOrder, SubscriberStore

Page = CursorPage[Subscriber]


@dataclass(frozen=True, slots=True)
class SubscriberFilter:
    """Match one subscriberId, and profiles that contain `email`, `phone` and `name` in any case; empty matches all.

    `is_online` matches those with an open socket, or those without, whatever the API has set; None matches all.
    """

    order_by: SubscriberOrder = "_id"
    subscriber_id: SubscriberId | None = None
    email: str = ""
    phone: str = ""
    name: str = ""
    is_online: bool | None = None

    @property
    def is_search(self) -> bool:
        """Whether it searches in profiles."""
        return bool(self.email or self.phone or self.name)

    def takes(self, subscriber: Subscriber, online: Container[str]) -> bool:
        """Return whether a subscriber matches. `online` has the oids of those with an open socket."""
        if self.is_online not in (None, subscriber.oid in online):
            return False
        profile = subscriber.profile
        name = f"{profile.get('firstName') or ''} {profile.get('lastName') or ''}"
        pairs = ((self.email, profile.get("email")), (self.phone, profile.get("phone")), (self.name, name))
        return all(part.casefold() in (text or "").casefold() for part, text in pairs)


@dataclass(eq=False)
class SubscriberList:
    """Reads pages of an environment's list; a search by profile reads at most 10,000 records.

    Those who are online are read from the presence of the processes, so their list costs what they are, not what the
    whole list is.
    """

    _store: SubscriberStore
    _presence: PresenceStore

    async def newest(self, environment: Environment, page: int, limit: int) -> list[Subscriber]:
        """Return a page by number (from 0), newest first."""
        listed = await self._store.page(environment.number, "_id", "desc", limit, skip=page * limit)
        return listed.records if listed else []

    async def count(self, environment: Environment) -> int:
        """Return how many subscribers an environment has."""
        return await self._store.count(environment.number)

    async def count_online(self, environment: Environment) -> int:
        """Return how many of them have an open socket."""
        return len(await self._presence.online(environment.number))

    async def find(self, environment: Environment, query: CursorQuery, filter_: SubscriberFilter) -> Page:
        """Return a page beside a cursor; the page of an unknown cursor is empty.

        Raise ValidationFailed for a list of those who are online in another order than that of their ids.
        """
        oids = [] if filter_.is_online is None else await self._presence.online(environment.number)
        takes = partial(filter_.takes, online=frozenset(oids))
        if filter_.subscriber_id is not None:
            subscriber = await self._store.get(environment.number, filter_.subscriber_id)
            rows = [subscriber] if subscriber and takes(subscriber) else []
            return CursorPage([] if query.cursor else rows, total=len(rows))
        if query.cursor is not None and not is_object_id(query.cursor):
            return CursorPage([])
        if filter_.is_online and filter_.order_by != "_id":
            raise invalid("orderBy", "orderBy must be _id with online=true", filter_.order_by)
        cursor = cursor_of(query, bytes.fromhex)

        async def read(limit: int, edge: ListCursor | None) -> ListPage[Subscriber] | None:
            if filter_.is_online:
                return await self._of_oids(environment, oids, replace(query, limit=limit), edge)
            return await self._store.page(environment.number, filter_.order_by, query.order, limit, edge)

        if filter_.is_online is None and not filter_.is_search:
            return page_of_list(await read(query.limit, cursor), bytes.hex)
        page = await scan(read, takes, query, cursor, bytes.hex)
        if filter_.is_search:
            return page
        total = len(oids) if filter_.is_online else max(0, await self.count(environment) - len(oids))
        return replace(page, total=total, capped=False)

    async def _of_oids(
        self, environment: Environment, oids: Sequence[str], query: CursorQuery, edge: ListCursor | None
    ) -> ListPage[Subscriber]:
        """Return part of a sorted list of oids, which may name subscribers that were deleted meanwhile."""
        ordered = oids if query.order == "asc" else oids[::-1]
        while True:
            start, end = _range_beside(oids, query, edge)
            loaded = await self._store.get_many(environment.number, ordered[start:end])
            rows = [ListRow(bytes.fromhex(oid), 0, one) for oid, one in loaded.items() if one]
            is_backward = edge is not None and edge.is_backward
            if rows or (start == 0 if is_backward else end == len(oids)):
                return ListPage(len(oids), rows, start > 0, end < len(oids))
            edge = ListCursor(bytes.fromhex(ordered[start if is_backward else end - 1]), edge.side if edge else "after")


def _range_beside(oids: Sequence[str], query: CursorQuery, edge: ListCursor | None) -> tuple[int, int]:
    """Return from where to where the page beside a cursor goes; the cursor need not be in the list any more."""
    if edge is None:
        return 0, min(query.limit, len(oids))
    oid = edge.member.hex()
    own, behind = bisect_left(oids, oid), bisect_right(oids, oid)
    if query.order == "desc":
        own, behind = len(oids) - behind, len(oids) - own
    if edge.is_backward:
        end = behind if edge.side == "upto" else own
        return max(0, end - query.limit), end
    start = own if edge.side == "from" else behind
    return start, min(start + query.limit, len(oids))
