"""A target's subscriber: read beside the data, and confirmed before anything is answered."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from starlette.responses import Response

from inbox.errors import InboxError, NotFound, Unauthorized, ValidationFailed
from inbox.http.target import Target
from inbox.ids import SubscriberId
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.store.subscribers import SubscriberRead

ENVIRONMENT = Environment(1, "e" * 24, "0" * 24, "Development", "app")


def ada(oid: str = "a" * 24, online: bool = False, **feeds: int) -> Subscriber:
    return Subscriber(oid, SubscriberId("ada"), 1, 1, is_online=online, feeds=feeds)


def target(assumed: Subscriber | None, stored: Subscriber | None, contexts: str | None = None) -> Target:
    async def finish() -> Subscriber | None:
        return stored

    return Target(ENVIRONMENT, contexts, True, assumed, SubscriberRead(assumed, finish), Unauthorized)


class Handler:
    """Ends each call with the next outcome, and notes whose feeds it took."""

    def __init__(self, of: Target, outcomes: Sequence[Response | InboxError]) -> None:
        self._target = of
        self._outcomes = [*outcomes]
        self.assumed: list[Subscriber | None] = []

    async def __call__(self) -> Response:
        self.assumed.append(self._target.assumed)
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, InboxError):
            raise outcome
        return outcome


FIRST, SECOND = Response("first"), Response("second")


@pytest.mark.parametrize("stored", [ada(a=1), ada(online=True, a=1)])
async def test_a_subscriber_with_the_same_feeds_is_answered_at_once(stored: Subscriber) -> None:
    one = target(ada(a=1), stored)
    assert await one.answer(Handler(one, [FIRST])) is FIRST
    assert await one.subscriber() is stored


async def test_a_failure_stands_when_the_feeds_were_right() -> None:
    one = target(ada(a=1), ada(a=1))
    with pytest.raises(ValidationFailed):
        await one.answer(Handler(one, [ValidationFailed({})]))


@pytest.mark.parametrize("stored", [ada(a=1, b=2), ada(a=2), ada("b" * 24, a=1), ada()])
@pytest.mark.parametrize("outcome", [FIRST, NotFound()])
async def test_other_feeds_are_read_again(stored: Subscriber, outcome: Response | InboxError) -> None:
    assumed = ada(a=1)
    one = target(assumed, stored)
    handler = Handler(one, [outcome, SECOND])
    assert await one.answer(handler) is SECOND
    assert handler.assumed == [assumed, stored]


async def test_a_message_that_was_changed_is_not_changed_again() -> None:
    one = target(ada(a=1), ada(a=1, b=2))
    one.is_change_of_one = True
    assert await one.answer(Handler(one, [FIRST])) is FIRST


async def test_a_message_that_was_not_found_is_looked_for_in_the_feeds_that_there_are() -> None:
    one = target(ada(a=1), ada(a=1, b=2))
    one.is_change_of_one = True
    handler = Handler(one, [NotFound(), SECOND])
    assert await one.answer(handler) is SECOND
    assert handler.assumed[1] == ada(a=1, b=2)


async def test_a_feed_of_other_contexts_is_no_reason_to_read_again() -> None:
    one = target(ada(a=1), ada(a=1, b=2), "a")
    assert await one.answer(Handler(one, [FIRST])) is FIRST
    other = target(ada(a=1), ada(a=1, b=2), "b")
    assert await other.answer(Handler(other, [FIRST, SECOND])) is SECOND


@pytest.mark.parametrize("outcome", [FIRST, NotFound(), ValidationFailed({})])
async def test_nothing_is_answered_for_a_subscriber_that_is_gone(outcome: Response | InboxError) -> None:
    one = target(ada(a=1), None)
    with pytest.raises(Unauthorized):
        await one.answer(Handler(one, [outcome]))
