"""Whose notifications a request is about: a browser's own, or those of the subscriber that a backend names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request

from inbox.models.context_keys import feed_name
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.routes.access import authenticate, authenticate_session, services_of
from inbox.routes.reading import query_list, subscriber_param
from inbox.store.feed import Feed


@dataclass(frozen=True, slots=True)
class Who:
    """A subscriber and the feed meant: of one set of context keys (sorted, joined by commas), or None: all."""

    environment: Environment
    subscriber: Subscriber
    contexts: str | None
    is_backend: bool = False


async def who_of(request: Request, *, unknown: Literal[400, 404] = 404) -> Who:
    """The subscriber of the session token, or, under `/{subscriberId}/`, the one that a backend names.

    Raises Unauthorized; for an unknown subscriber NotFound, or BadRequest where the contract has 400.
    """
    if "subscriberId" not in request.path_params:
        caller = await authenticate_session(request)
        return Who(caller.environment, caller.subscriber, caller.contexts)
    backend = await authenticate(request)
    subscribers = services_of(request).subscribers
    find = subscribers.get if unknown == 404 else subscribers.require
    subscriber = await find(backend.environment, subscriber_param(request))
    named = query_list(request, "contextKeys")
    return Who(backend.environment, subscriber, contexts_of(named) if named else None, is_backend=True)


async def feeds_of(request: Request, who: Who, named: Sequence[str] | None = None) -> list[Feed]:
    """The feeds meant. `named`: the context keys of a backend's body, which stand over the query's."""
    contexts = contexts_of(named) if who.is_backend and named is not None else who.contexts
    return await services_of(request).feed.feeds_of(who.environment, who.subscriber, contexts)


def contexts_of(keys: Sequence[str]) -> str:
    """A set of context keys as feeds are named by it; an empty key stands for none."""
    return feed_name(sorted({key for key in keys if key}))
