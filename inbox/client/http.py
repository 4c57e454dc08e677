"""Calls of the HTTP API, repeated where a repetition is safe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx

from inbox.client.backoff import Backoff
from inbox.client.errors import ApiError, ClientError, Unreachable

SlicedT = TypeVar("SlicedT")

TIMEOUT_SECONDS = 15.0
ATTEMPTS = 5
MAX_WAIT_SECONDS = 30.0
"""A service that wants to be left alone for longer than this is not waited for."""
BACKOFF = Backoff(0.5, 10.0)
PAGE = 100
KEYED_METHODS = ("POST", "PATCH")


class Http:
    """The API of one service with one authorization.

    A call is repeated while it fails with something temporary. A POST or PATCH carries the same `Idempotency-Key` each
    time, so it is carried out once; every other method sets a state.
    """

    def __init__(
        self,
        url: str,
        authorization: str | None = None,
        *,
        client: httpx.AsyncClient | None = None,
        attempts: int = ATTEMPTS,
        backoff: Backoff = BACKOFF,
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": authorization} if authorization else {}
        self._client = client or httpx.AsyncClient(timeout=TIMEOUT_SECONDS)
        self._owns_client = client is None
        self._attempts = attempts
        self._backoff = backoff

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections, unless the caller brought the HTTP client."""
        if self._owns_client:
            await self._client.aclose()

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        *,
        is_repeatable: bool = True,
    ) -> Any:
        """Return what the answer holds: its `data` where that is all, else the whole body; None for an empty one.

        Raise ApiError or Unreachable. A cancelled call may have been carried out.
        """
        headers = {**self._headers, **({"Idempotency-Key": uuid4().hex} if method in KEYED_METHODS else {})}
        failures, may_be_done = 0, False
        while True:
            try:
                return _content_of(await self._send(method, path, body, query, headers))
            except ClientError as error:
                status = error.status if isinstance(error, ApiError) else None
                if may_be_done and method == "DELETE" and status == HTTPStatus.NOT_FOUND:
                    return None  # an earlier attempt has deleted it, and its answer was lost
                wait = error.retry_after if error.retry_after is not None else self._backoff.seconds(failures)
                failures += 1
                is_worthwhile = error.is_temporary and failures < self._attempts and wait <= MAX_WAIT_SECONDS
                if not (is_repeatable and is_worthwhile):
                    raise
                may_be_done = may_be_done or status != HTTPStatus.TOO_MANY_REQUESTS
            await asyncio.sleep(wait)

    async def _send(
        self, method: str, path: str, body: Any, query: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> httpx.Response:
        json = {} if body is None else {"json": body}
        present = {name: value for name, value in (query or {}).items() if value is not None}
        try:
            return await self._client.request(method, self._url + path, params=present, headers=headers, **json)
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Unreachable(f"{self._url} cannot be reached: {error or type(error).__name__}") from error

    async def cursor_pages(self, path: str, query: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Yield each row of a v2 list, page by page."""
        after: str | None = None
        while True:
            page = await self.call("GET", path, query={"limit": PAGE, **query, "after": after})
            for row in page["data"]:
                yield row
            after = page["next"]
            if after is None:
                return


def segment(text: str) -> str:
    """Return any text as one segment of a path."""
    return quote(text, safe="")


def parts(items: Sequence[SlicedT], size: int) -> Iterator[list[SlicedT]]:
    """Yield the items in lists of at most that many."""
    for first in range(0, len(items), size):
        yield [*items[first : first + size]]


def present(**fields: Any) -> dict[str, Any]:
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def _content_of(answer: httpx.Response) -> Any:
    if not answer.is_success:
        raise _failure(answer)
    if answer.status_code == HTTPStatus.NO_CONTENT or not answer.content:
        return None
    body = _json_of(answer)
    if body is None:
        raise Unreachable("The answer is no JSON: something else answered in place of the service")
    return body["data"] if isinstance(body, dict) and body.keys() == {"data"} else body


def _failure(answer: httpx.Response) -> ApiError:
    body = _json_of(answer)
    seconds = answer.headers.get("Retry-After", "")
    retry_after = float(seconds) if seconds.isdecimal() else None
    return ApiError(answer.status_code, body if isinstance(body, dict) else {}, retry_after)


def _json_of(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
