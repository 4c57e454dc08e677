"""Polls: readings of a feed that clients repeat. Answers have an ETag; while one still holds, the answer is 304."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import orjson
from starlette.requests import Request
from starlette.responses import Response

import inbox
from inbox.http.auth import services_of
from inbox.http.responses import not_modified
from inbox.http.target import Target, feeds_of
from inbox.models.subscriber import notification_to
from inbox.store.rows import ORIGIN, Position

IF_NONE_MATCH = b"if-none-match"
REVALIDATED = "private, no-cache"
"""`Cache-Control` of an answer that may be kept, and must be asked for again each time."""
DIGEST_BYTES = 12


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

    That is: path and query of the request; the subscriber, as messages show it; the positions of the feeds, which each
    change of a message moves, also when a message expires or its snooze ends; the service's code. The tag is weak:
    equal answers need not have equal bytes.
    """

    def __init__(self, request: Request, target: Target) -> None:
        self._request = request
        self._target = target
        sent = [value for name, value in request.scope["headers"] if name == IF_NONE_MATCH]
        self._known = b",".join(sent).decode("latin-1")

    async def headers(self, positions: Sequence[Position]) -> Mapping[str, str]:
        """Return the headers of an answer that was read at these positions of the feeds, or later.

        Call this before workflows are read: those in the answer may be newer than its tag, never older.
        """
        return self._headers(await self._etag(positions, await self._workflows()))

    async def answer(self, read: Callable[[], Awaitable[Response]]) -> Response:
        """Return the answer of `read`; 304 if the client has it already, as one round trip can tell, without reading.

        `*` stands for any answer, but a request that is refused has none: the answer is read first.
        """
        if not self._known:
            return await read()
        is_any = self._known.strip() == "*"
        etag = None if is_any else await self._current()
        if etag and self._has(etag):
            return not_modified(self._headers(etag))
        response = await read()
        etag = response.headers.get("etag")
        return not_modified(self._headers(etag)) if etag and (is_any or self._has(etag)) else response

    async def _current(self) -> str | None:
        """Return the tag of the answer as it would be read now; None if the reading would change the feed first."""
        services = services_of(self._request)
        feeds = await feeds_of(self._request, self._target)
        with services.feed.begin_positions(feeds) as begun:
            version = await self._workflows()
            positions = await begun.settled()
        return None if positions is None else await self._etag(positions, version)

    def _has(self, etag: str) -> bool:
        """Return whether the client's list has this tag, by weak comparison. No tag has quotes inside."""
        return etag.removeprefix("W/") in self._known

    async def _workflows(self) -> int:
        return 0

    async def _etag(self, positions: Sequence[Position], workflows: int) -> str:
        scope, target = self._request.scope, self._target
        to, at = notification_to(await target.subscriber()), [*map(str, positions)]
        shown = orjson.dumps([to, target.contexts, at, workflows])
        digest = hashlib.blake2b(shown, key=_CODE, digest_size=DIGEST_BYTES)
        digest.update(scope["path"].encode() + b"?" + scope["query_string"])
        return f'W/"{max(positions, default=ORIGIN)}.{digest.hexdigest()}"'

    @staticmethod
    def _headers(etag: str) -> Mapping[str, str]:
        return {"ETag": etag, "Cache-Control": REVALIDATED}


class WorkflowPoll(Poll):
    """A poll whose answer shows the workflows of messages, too."""

    async def _workflows(self) -> int:
        return await services_of(self._request).workflows.version(self._target.environment)
