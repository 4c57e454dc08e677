"""Polls: readings of a feed that clients repeat. Answers have an ETag; while one still holds, the answer is 304."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

import inbox
from inbox.http.auth import services_of
from inbox.http.responses import not_modified
from inbox.http.route_index import ROUTE
from inbox.http.standing_polls import Shown, StandingPoll
from inbox.http.target import Target, feeds_of
from inbox.models.subscriber import Subscriber, shown_in_notifications
from inbox.store.rows import ORIGIN, Position

Read = Callable[[], Awaitable[Response]]

IF_NONE_MATCH, ETAG = b"if-none-match", b"etag"
REVALIDATED = (b"cache-control", b"private, no-cache")
"""An answer that may be kept, and must be asked for again each time."""
DIGEST_BYTES = 12
CACHED_DIGESTS, MAX_CACHED_LENGTH = 2_048, 512
"""Digests that are kept, and the longest query of one of them."""


def _digest_of_code() -> bytes:
    """Return a digest of the service's modules: another release may show the same feed in another way."""
    digest = hashlib.blake2b(inbox.__version__.encode(), digest_size=DIGEST_BYTES)
    for module in sorted(Path(inbox.__file__).parent.rglob("*.py")):
        digest.update(module.read_bytes())
    return digest.digest()


_CODE = _digest_of_code()
"""Taken as soon as the code is loaded: an installation may be replaced while this process runs."""


class Poll:
    """A reading of a target's feeds. The tag of its answer is made of all that the answer depends on.

    That is: the positions of the feeds, which each change of a message moves, also when a message expires or its snooze
    ends; path and query of the request; the subscriber, as messages show it; the service's code. The tag is weak: equal
    answers need not have equal bytes.
    """

    __slots__ = ("_known", "_positions", "_request", "_standing", "_target", "_workflows")

    def __init__(self, request: Request, target: Target) -> None:
        self._request = request
        self._target = target
        self._known = b""
        self._positions: Sequence[Position] | None = None
        self._workflows = 0
        self._standing: StandingPoll | None = None
        for name, value in request.scope["headers"]:
            if name == IF_NONE_MATCH:
                self._known = b"%b,%b" % (self._known, value) if self._known else value.strip()

    def read_at(self, positions: Sequence[Position], workflows: int = 0) -> None:
        """Note that the answer was read at these positions of the feeds, or later. Without this it has no tag.

        `workflows`: the version of those that it shows, read before them.
        """
        self._positions, self._workflows = positions, workflows

    def guard(self, read: Read) -> Read:
        """Return `read` with 304 in place of an answer that the client has, as one round trip can tell before it.

        `*` stands for any answer, but a request that is refused has none: `finish` sees to it.
        """
        return partial(self._read_unless_known, read) if self._known and self._known != b"*" else read

    async def _read_unless_known(self, read: Read) -> Response:
        if await self._has_current():
            return not_modified()
        self._positions = None
        return await read()

    def finish(self, response: Response) -> Response:
        """Return the answer with its tag, once the target is confirmed; 304 in place of one that the client has."""
        subscriber = self._target.assumed
        if self._positions is None or subscriber is None:
            return response
        etag = self._etag(subscriber, self._positions)
        if self._known and (self._known == b"*" or self._has(etag)):
            response = not_modified(self._standing)
        response.raw_headers += ((ETAG, etag), REVALIDATED)
        return response

    async def _has_current(self) -> bool:
        """Return whether the client has the answer as it would be read now.

        It has not if a snooze has ended without effect yet: a reading would first move the message to the top.
        """
        self._standing = None
        feeds = await feeds_of(self._request, self._target)
        services = services_of(self._request)
        with services.feed.begin_positions(feeds) as begun:
            self._workflows = await self._workflows_shown()
            self._positions = await begun.settled()
        subscriber = await self._target.subscriber()
        if self._positions is None or not self._has(self._etag(subscriber, self._positions)):
            return False
        if feeds and not services.rate_limiter.limits("key" if self._target.is_backend else "subscriber"):
            shown = Shown(subscriber, feeds, self._positions, self._workflows)
            route = self._request.scope[ROUTE]
            self._standing = StandingPoll(services, self._target, shown, self._cached_workflows, route)
        return True

    async def _workflows_shown(self) -> int:
        """Return the version of the workflows that the answer shows, 0 if it shows none."""
        return 0

    @property
    def _cached_workflows(self) -> Callable[[], int | None]:
        """A function that returns the same without asking the store, None if it is not known."""
        return int

    def _has(self, etag: bytes) -> bool:
        """Return whether the client's list has this tag, by weak comparison. No tag has quotes inside."""
        return etag[2:] in self._known

    def _etag(self, subscriber: Subscriber, positions: Sequence[Position]) -> bytes:
        """Return the tag: the newest position, and a digest of the others and of all else."""
        scope, newest, others = self._request.scope, ORIGIN, tuple(positions)
        if len(positions) == 1:
            newest, others = positions[0], ()
        elif positions:
            newest = max(positions)
        path, query, to = scope["path"], scope["query_string"], shown_in_notifications(subscriber)
        digest = _digest if len(query) <= MAX_CACHED_LENGTH else _new_digest
        ms, counter = newest
        return b'W/"%d-%d.%b"' % (ms, counter, digest(path, query, to, self._target.contexts, self._workflows, others))


class WorkflowPoll(Poll):
    """A poll whose answer shows the workflows of messages, too."""

    __slots__ = ()

    async def _workflows_shown(self) -> int:
        return await services_of(self._request).workflows.version(self._target.environment)

    @property
    def _cached_workflows(self) -> Callable[[], int | None]:
        return partial(services_of(self._request).workflows.cached_version, self._target.environment)


def _new_digest(*parts: object) -> bytes:
    """Return a short name for what a tag stands for beside a position."""
    return hashlib.blake2b(repr(parts).encode(), key=_CODE, digest_size=DIGEST_BYTES).hexdigest().encode()


_digest = lru_cache(CACHED_DIGESTS)(_new_digest)
"""A page polls with the same query, and its subscriber rarely changes."""
