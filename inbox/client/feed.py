"""The feed of one person, kept true while it changes."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self

from websockets.asyncio.client import connect as connect_socket

from inbox.client.backoff import Backoff
from inbox.client.errors import ClientError, Disconnected, FeedClosed, RequestRefused
from inbox.client.events import LiveFeedEvent, Reset
from inbox.client.http import parts
from inbox.client.socket import OpenConnection, Socket, TokenRefused
from inbox.client.store import HeldFeed, counter_of
from inbox.client.types import (
    Button,
    ChangeSelection,
    Counts,
    Json,
    ListedPage,
    MarkName,
    MarkOfAll,
    Notification,
    NotificationFields,
    TokenSource,
)
from inbox.tasks import end_tasks

INBOX: NotificationFields = {"archived": False, "snoozed": False}
"""What a person calls the inbox."""
LIMIT = 20
MAX_LIMIT = 100
MAX_HELD = 1_000
MAX_WAITING = 10_000
"""Events that nobody has taken; beyond it they become one `Reset`."""
MAX_IDS = 100
BACKOFF = Backoff(1.0, 30.0)
RENEW_SECONDS = 60.0
LAST_RENEWAL_SECONDS = 1.0


class LiveFeed:
    """The notifications of one person that match `filter`, the counts, and what happens to them.

        async with LiveFeed("https://inbox.example.com", token=get_token) as feed:
            async for event in feed:
                match event:
                    case NotificationCreated(notification): ...
                    case Reset(): ...  # look at feed.notifications anew

    Entering waits until the service has answered, as long as that takes; it raises FeedClosed when the service refuses.
    From then on the feed reconnects by itself and continues at its position, so no change is missed. Once the service
    refuses for good, the iteration and every request raise FeedClosed. What the function `token` raises ends the feed,
    except an error of this package that is temporary.

    Requests are answered over the same socket. While it is away they raise Disconnected: they are not kept for later.
    One task iterates; any number may make requests.
    """

    def __init__(
        self,
        url: str,
        token: TokenSource,
        *,
        filter: NotificationFields = INBOX,
        limit: int = LIMIT,
        max_held: int = MAX_HELD,
        backoff: Backoff = BACKOFF,
        connect: OpenConnection = connect_socket,
    ) -> None:
        """Hold the newest `limit` notifications first, later up to `max_held`.

        `connect` opens a WebSocket as `websockets.asyncio.client.connect` does: for proxies and certificates.
        """
        self._url = url
        self._token_source = token
        self._filter = filter
        self._limit = limit
        self._backoff = backoff
        self._connect = connect
        self._store = HeldFeed(filter, max_held)
        self._token: str | None = None
        self._socket: Socket | None = None
        self._recovered: bool | None = None
        self._failures = 0
        self._renewals = 0
        self._events: deque[LiveFeedEvent] = deque()
        self._news = asyncio.Event()
        self._settling: list[tuple[int, asyncio.Future[None]]] = []
        self._pages = asyncio.Lock()
        self._listing: asyncio.Task[None] | None = None
        self._running: asyncio.Task[None] | None = None
        self._is_closed = False
        self._failure: BaseException | None = None

    @property
    def notifications(self) -> tuple[Notification, ...]:
        """What is held, newest first. They must not be changed."""
        return self._store.notifications

    @property
    def has_more(self) -> bool:
        """Whether there are older ones: see `more`."""
        return self._store.has_more

    @property
    def counts(self) -> Counts:
        """Exact counts of the whole feed, whatever the filter."""
        return self._store.counts

    @property
    def position(self) -> str | None:
        """The position whose state is held; None before the first answer."""
        return self._store.position

    @property
    def is_connected(self) -> bool:
        """Whether what is held is true now; otherwise it was at `position`."""
        return self._socket is not None

    @property
    def recovered(self) -> bool | None:
        """Whether the last connect continued what was held; False where more was missed than the service can tell."""
        return self._recovered

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run())
        self._running.add_done_callback(self._ended)
        try:
            while not self._events:
                await self._next_news()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection and end the iteration."""
        self._is_closed = True
        if self._running:
            self._running.cancel()  # once: the closing handshake of the socket is part of its end
            await asyncio.wait([self._running])
        self._news.set()

    def __aiter__(self) -> AsyncIterator[LiveFeedEvent]:
        return self

    async def __anext__(self) -> LiveFeedEvent:
        while not self._events:
            if self._is_closed:
                raise StopAsyncIteration
            await self._next_news()
        return self._events.popleft()

    async def more(self) -> None:
        """Read the next page of older notifications. Do nothing at the end of the list."""
        async with self._pages:
            if not self.has_more:
                return
            last = self.notifications[-1] if self.notifications else None
            below = last["sequence"] if last else math.inf
            with self._store.reading() as reading:
                page = await self._page(self._limit, last)
                if not reading.is_void:
                    self._store.extend(page, reading, below)

    async def mark(self, ids: str | Sequence[str], mark: MarkName) -> None:
        """Mark notifications. As every change, return once `notifications` and `counts` show it."""
        await self._change_many("mark", ids, {"as": mark})

    async def mark_all(self, mark: MarkOfAll, where: ChangeSelection | None = None) -> None:
        """Mark all notifications, or all with these tags and data."""
        await self._change("mark", {"where": where or {}, "as": mark})

    async def snooze(self, ids: str | Sequence[str], until: datetime) -> None:
        """Put notifications away until a time, at least a minute ahead."""
        await self._change_many("snooze", ids, {"until": until.astimezone(UTC).isoformat(timespec="milliseconds")})

    async def unsnooze(self, ids: str | Sequence[str]) -> None:
        """Bring snoozed notifications back where they were."""
        await self._change_many("unsnooze", ids, {})

    async def act(
        self,
        notification_id: str,
        button: Button = "primary",
        status: Literal["done", "pending"] = "done",
        payload: Mapping[str, Any] | None = None,
    ) -> None:
        """Say that a button was pressed, or with `pending` that it was not."""
        details = {} if payload is None else {"payload": payload}
        await self._change("act", {"id": notification_id, "type": button, "status": status, **details})

    async def delete(self, ids: str | Sequence[str]) -> None:
        """Delete notifications."""
        await self._change_many("delete", ids, {})

    async def delete_all(self, where: ChangeSelection | None = None) -> None:
        """Delete all notifications, or all with these tags and data."""
        await self._change("delete", {"where": where or {}})

    async def find(self, filter: NotificationFields, *, limit: int = LIMIT, after: str | None = None) -> ListedPage:
        """Return a page of notifications that match any filter, older than the one with the id `after`."""
        query = {**filter, "limit": limit, **({"after": after} if after else {})}
        page: ListedPage = await self._request("list", query)
        return page

    async def count(self, *filters: NotificationFields) -> list[int]:
        """Return how many match each filter, at most 100 each. `counts` has the exact ones of the badge."""
        result = await self._request("count", {"filters": [*filters]})
        return [item["count"] for item in result["data"]]

    async def preferences(self) -> list[Json]:
        """Return the global preference, then those of workflows that are not critical."""
        preferences: list[Json] = (await self._request("preferences", {}))["data"]
        return preferences

    async def set_preferences(self, channels: Mapping[str, bool], workflow_id: str | None = None) -> Json:
        """Switch channels on or off, such as `{"in_app": False}`, everywhere or for one workflow. Return the result."""
        arguments = {**channels, **({} if workflow_id is None else {"workflowId": workflow_id})}
        changed: Json = (await self._request("set_preferences", arguments))["data"]
        return changed

    async def _run(self) -> None:
        while True:
            try:
                await self._live(await self._get_token())
            except TokenRefused as error:
                if isinstance(self._token_source, str) or self._renewals:
                    raise FeedClosed(error.code, error.reason) from error
                self._renewals += 1  # one for each time that it was connected
                self._token = None
            except ClientError as error:
                if not error.is_temporary:
                    raise
                wait = self._backoff.seconds(self._failures) if error.retry_after is None else error.retry_after
                self._failures += 1
                await asyncio.sleep(wait)

    def _ended(self, running: asyncio.Task[None]) -> None:
        if not running.cancelled():
            self._failure = running.exception()
        self._news.set()

    async def _live(self, token: str) -> None:
        """Stay connected. Raise what ended the connection."""
        async with Socket.open(self._url, self._connect) as socket:
            self._take_result(socket, result := await socket.connect(self._hello(token)))
            renewing = asyncio.create_task(self._keep_token(socket, result))
            try:
                async with aclosing(socket.frames()) as frames:
                    async for frame in frames:
                        self._take_frame(frame)
            finally:
                self._socket = None
                await end_tasks(renewing, *([self._listing] if self._listing else []))
                self._settle(math.inf)

    def _hello(self, token: str) -> Json:
        limit = min(MAX_LIMIT, max(self._limit, len(self.notifications)))
        position = {"position": self.position} if self.position else {}
        return {"token": token, **position, "list": {**self._filter, "limit": limit}}

    def _take_result(self, socket: Socket, result: Json) -> None:
        self._recovered = result["recovered"]
        events = self._store.connected(result)
        self._socket = socket
        self._renewals = 0
        self._tell(events)

    def _take_frame(self, frame: Json) -> None:
        if "event" in frame:
            events = self._store.apply(frame["event"])
            if events is None:
                raise Disconnected("An event was missed")
            self._tell(events)
        elif "ping" in frame:
            self._failures = 0  # a service that accepts and drops at once must not be met at full speed
            if frame["ping"]["position"] != self.position:
                raise Disconnected("An event was missed")

    def _tell(self, events: Sequence[LiveFeedEvent]) -> None:
        self._settle(counter_of(self._store.position))
        self._events.extend(events)
        if len(self._events) > MAX_WAITING:
            self._events.clear()
            self._events.append(Reset("overrun"))
        self._news.set()
        if self._store.is_stale and (self._listing is None or self._listing.done()) and self._socket:
            self._listing = asyncio.create_task(self._list_again())

    async def _next_news(self) -> None:
        if self._failure:
            raise self._failure
        self._news.clear()
        await self._news.wait()

    def _settle(self, counter: float) -> None:
        """Let go of those who wait for a position up to this one."""
        for position, settled in self._settling:
            if position <= counter and not settled.done():
                settled.set_result(None)
        self._settling = [(position, settled) for position, settled in self._settling if not settled.done()]

    async def _list_again(self) -> None:
        """Read from the newest on, as far down as it was held."""
        failures = 0
        while self._store.is_stale:
            self._store.is_stale = False
            try:
                async with self._pages:
                    await self._list_once()
            except RequestRefused:
                self._store.is_stale = True
                await asyncio.sleep(self._backoff.seconds(failures))
                failures += 1
            except Disconnected:
                self._store.is_stale = True  # the next connection lists again
                return
            except asyncio.CancelledError:
                self._store.is_stale = True
                raise
        self._tell([Reset("listed")])

    async def _list_once(self) -> None:
        missing, below = max(self._limit, len(self.notifications)), math.inf
        last: Notification | None = None
        while missing > 0 and below > 0:
            with self._store.reading() as reading:
                page = await self._page(min(MAX_LIMIT, missing), last)
                if reading.is_void:
                    return  # it is stale again
                below = self._store.merge(page, reading, below)
            last = page["data"][-1] if page["data"] else None
            missing -= MAX_LIMIT
        self._store.reached(below)

    async def _page(self, limit: int, after: Notification | None) -> ListedPage:
        return await self.find(self._filter, limit=limit, after=after["id"] if after else None)

    async def _request(self, verb: str, arguments: Mapping[str, Any]) -> Any:
        if self._failure:
            raise self._failure
        if self._socket is None:
            raise Disconnected("The feed is not connected")
        return await self._socket.request(verb, arguments)

    async def _change_many(self, verb: str, ids: str | Sequence[str], arguments: Mapping[str, Any]) -> None:
        for part in parts([ids] if isinstance(ids, str) else ids, MAX_IDS):
            await self._change(verb, {"ids": part, **arguments})

    async def _change(self, verb: str, arguments: Mapping[str, Any]) -> None:
        """Return once the event of the change was applied, or the connection is lost after the change was stored."""
        counter = counter_of((await self._request(verb, arguments))["position"])
        if self.is_connected and counter > counter_of(self._store.position):
            settled = asyncio.get_running_loop().create_future()
            self._settling.append((counter, settled))
            await settled

    async def _get_token(self) -> str:
        if self._token is None:
            source = self._token_source
            self._token = source if isinstance(source, str) else await source()
        return self._token

    async def _keep_token(self, socket: Socket, result: Json) -> None:
        """Renew the token a minute before it expires, or after half of a shorter time."""
        if isinstance(self._token_source, str):
            return
        ahead = _seconds(result["time"]) - time.time()  # the service's clock
        expires_at = _seconds(result["expiresAt"])
        while (left := expires_at - time.time() - ahead) > LAST_RENEWAL_SECONDS:
            await asyncio.sleep(max(LAST_RENEWAL_SECONDS, left - min(RENEW_SECONDS, left / 2)))
            try:
                token = await self._token_source()
                renewed = await socket.request("renew", {"token": token})
            except Exception:  # noqa: S112 - the next attempt comes; after the last one the service closes the socket
                continue
            self._token, expires_at = token, _seconds(renewed["expiresAt"])


def _seconds(date: str) -> float:
    return datetime.fromisoformat(date).timestamp()
