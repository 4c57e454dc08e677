"""Polls that were answered 304, and come again byte for byte: one read of the store decides whether that still stands.

Then nothing else is done for it: no head is parsed, and no request reaches the application. The application would read
the same, so the answer is as true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from inbox.errors import ServiceUnavailable
from inbox.http.target import Target
from inbox.lru_cache import LruCache
from inbox.models.subscriber import Subscriber
from inbox.services import Services
from inbox.store.client import PendingReplies
from inbox.store.feed import Feed
from inbox.store.rows import Position
from inbox.store.snapshots import are_settled_at
from inbox.tracing import REQUEST_ID, TRACEPARENT

MAX_HEAD_BYTES = 4_096
MAX_BYTES = 32 * 1024 * 1024
"""Of all polls that are kept, by their sizes (`KeptPoll.size`)."""
POLL_BYTES, FEED_BYTES = 2_048, 768
"""About what a poll takes beside its head and its headers: by itself, and for each feed that its answer shows."""
NOT_REPEATED = frozenset((b"content-length", b"transfer-encoding", b"expect", b"upgrade", REQUEST_ID, TRACEPARENT))
"""Headers of a request that is more than its head, or has an id of its own."""


class Shown(NamedTuple):
    """What an answer shows: the subscriber, feeds at these positions, and this version of the workflows, 0 if none."""

    subscriber: Subscriber
    feeds: Sequence[Feed]
    positions: Sequence[Position]
    workflows: int


class StandingPoll:
    """What decides on the 304 to a poll: who asks, and what the answer shows."""

    __slots__ = ("_client", "_commands", "_is_allowed", "_of_subscriber", "_parse", "_shown", "_workflows", "route")

    def __init__(
        self, services: Services, target: Target, shown: Shown, workflows: Callable[[], int | None], route: str
    ) -> None:
        """`workflows` returns the present version, None if the store has to be asked for it.

        `route` is the path of the request's route, for metrics.
        """
        self.route = route
        self._client = services.client
        self._is_allowed = target.is_allowed
        self._parse = target.read.parse
        self._of_subscriber = len(target.read.commands)
        self._commands = [*target.read.commands, *services.feed.position_commands(shown.feeds)]
        self._shown = shown
        self._workflows = workflows

    @property
    def size(self) -> int:
        """The approximate size in bytes."""
        return POLL_BYTES + FEED_BYTES * len(self._shown.feeds)

    def begin(self) -> PendingReplies | None:
        """Begin the read whose replies `stands` takes. None if the application has to answer."""
        if not self._is_allowed() or self._workflows() != self._shown.workflows:
            return None
        try:
            return self._client.begin(self._commands)
        except ServiceUnavailable:
            return None

    def stands(self, replies: Sequence[Any]) -> bool:
        """Return whether the client has the answer as it would be read now."""
        return self._parse(replies[: self._of_subscriber]) is self._shown.subscriber and are_settled_at(
            self._shown.positions, replies[self._of_subscriber :]
        )


class KeptPoll(NamedTuple):
    """A poll with the bytes of its head, and the headers of its answer without their id."""

    head: bytes
    poll: StandingPoll
    headers: bytes

    def size(self) -> int:
        """Return the approximate size in bytes."""
        return len(self.head) + len(self.headers) + self.poll.size


class StandingPolls:
    """The polls that were answered 304 last, by the bytes of their heads."""

    def __init__(self) -> None:
        self._polls: LruCache[bytes, KeptPoll] = LruCache(MAX_BYTES, KeptPoll.size)

    def get(self, head: bytes) -> KeptPoll | None:
        return self._polls.get(head)

    def put(
        self, head: bytes, names: Iterable[bytes], poll: StandingPoll, headers: Sequence[tuple[bytes, bytes]]
    ) -> None:
        """Keep a poll, unless its request may be more than this head. `names` are those of the request's headers."""
        is_one = head.endswith(b"\r\n\r\n") and head.count(b"\r\n\r\n") == 1
        if is_one and head.count(b"\n") == head.count(b"\r\n") and NOT_REPEATED.isdisjoint(names):
            lines = b"".join(b"%b: %b\r\n" % one for one in headers if one[0] != REQUEST_ID)
            self._polls.put(head, KeptPoll(head, poll, lines))
