"""The subscriber of a request: of a page's session, or named by a backend."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import InboxError, Unauthorized
from inbox.http.auth import authenticate, bearer_of, key_of, note_session, services_of
from inbox.http.queries import query_list
from inbox.http.requests import subscriber_param
from inbox.models.context_keys import feed_name
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.service.subscribers.subscribers import missing_subscriber, unknown_subscriber
from inbox.store.feed import Feed
from inbox.store.subscribers import SubscriberRead

SAFE_METHODS = ("GET", "HEAD")
MESSAGE_IN_PATH = ("notificationId", "messageId")


@dataclass(slots=True, eq=False)
class Target:
    """A subscriber with a set of context keys (sorted, joined by commas), which names a feed; None for all feeds.

    The subscriber's record is read in the same round trip as the first data that the handler reads. Until it has come,
    feeds are those of `assumed`, the subscriber as it was read last. Nothing is answered before the record has
    confirmed them (`answer`).
    """

    environment: Environment
    contexts: str | None
    is_backend: bool
    assumed: Subscriber | None
    _read: SubscriberRead
    _unknown: Callable[[], InboxError]
    is_allowed: Callable[[], bool] = lambda: False
    """Returns whether the caller still is allowed to ask, as far as that is known without asking the store."""
    is_change_of_one: bool = False
    """Whether the request changes nothing but the message in its path, whose id names the feed."""
    _subscriber: Subscriber | None = None

    async def subscriber(self) -> Subscriber:
        """Return the subscriber as it is stored. Raise the error for one that does not exist."""
        if self._subscriber is None:
            self._subscriber = await self._read.subscriber()
            if self._subscriber is None:
                raise self._unknown()
        return self._subscriber

    @property
    def read(self) -> SubscriberRead:
        """Return the read of the subscriber's record."""
        return self._read

    async def answer(self, handle: Callable[[], Awaitable[Response]]) -> Response:
        """Return the answer of `handle`. If the feeds were not those that were assumed, call it again.

        A message that was changed was in a feed of the subscriber, whichever other feeds there are. Raise the error for
        a subscriber that does not exist, whatever `handle` does with feeds that are gone.
        """
        try:
            response = await handle()
        except InboxError:
            if await self._confirms():
                raise
        else:
            if await self._confirms() or self.is_change_of_one:
                return response
        return await handle()

    async def _confirms(self) -> bool:
        """Return whether the subscriber has the feeds that were assumed, and assume those that it has."""
        stored, assumed = await self.subscriber(), self.assumed
        self.assumed = stored
        if assumed is None or assumed is stored:
            return True
        if assumed.oid != stored.oid:
            return False
        if self.contexts is None:
            return assumed.feeds == stored.feeds
        return assumed.feeds.get(self.contexts) == stored.feeds.get(self.contexts)


async def target_of(request: Request, *, unknown: Literal[400, 404] = 404) -> Target:
    """Return the subscriber of the session token, or, under `/{subscriberId}/`, the one that a backend names.

    Raise Unauthorized; for an unknown subscriber NotFound, or BadRequest where Novu answers 400.
    """
    services = services_of(request)
    if "subscriberId" not in request.path_params:
        environment, claims = await services.sessions.check(bearer_of(request))
        read = services.sessions.begin(environment, claims)
        is_allowed = partial(services.sessions.is_allowed, environment, claims)
        target = Target(environment, claims.contexts, False, read.known, read, Unauthorized, is_allowed)
        is_counted = services.rate_limiter.limits("subscriber")  # a count is a round trip anyway
        subscriber = await _settle(request, target, needs_record=is_counted)
        await note_session(request, environment, subscriber, claims.contexts)
        return target
    backend = await authenticate(request)
    environment, subscriber_id = backend.environment, subscriber_param(request)
    keys = query_list(request, "contextKeys")
    error = (
        partial(unknown_subscriber, subscriber_id)
        if unknown == 404
        else partial(missing_subscriber, environment, subscriber_id)
    )
    named = services.subscribers.begin(environment, subscriber_id)
    is_allowed = partial(services.environments.is_live_key, environment, key_of(request))
    target = Target(environment, contexts_of(keys) if keys else None, True, named.known, named, error, is_allowed)
    await _settle(request, target)
    return target


async def _settle(request: Request, target: Target, *, needs_record: bool = False) -> Subscriber:
    """Return the subscriber that the handler may assume; for a change of several messages the stored one.

    Such a change cannot be made twice.
    """
    if request.method not in SAFE_METHODS:
        target.is_change_of_one = not request.path_params.keys().isdisjoint(MESSAGE_IN_PATH)
        needs_record = needs_record or not target.is_change_of_one
    if needs_record or target.assumed is None:
        target.assumed = await target.subscriber()
    return target.assumed


async def feeds_of(request: Request, target: Target, body_keys: Sequence[str] | None = None) -> list[Feed]:
    """Return the feeds of a target. `body_keys`, the context keys of a backend's body, override those of the query."""
    contexts = contexts_of(body_keys) if target.is_backend and body_keys is not None else target.contexts
    subscriber = target.assumed or await target.subscriber()
    return await services_of(request).feed.feeds_of(target.environment, subscriber, contexts)


def contexts_of(keys: Sequence[str]) -> str:
    """Return the name of a feed for its context keys, without empty ones."""
    return feed_name(sorted({key for key in keys if key}))
