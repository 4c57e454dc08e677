"""A client of the native protocol over server-sent events, as a page's EventSource reads them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx

from .client import Json, create_session
from .server import Server

WAIT_SECONDS = 60.0


class EventStream:
    """An open stream. `last_id` and `retry_ms` are what an EventSource would come back with."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.last_id = ""
        self.retry_ms: int | None = None
        self._lines = response.aiter_lines()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, server: Server, subscriber_id: str = "ada", token: str | None = None, last_id: str = "", **query: str
    ) -> AsyncIterator[Self]:
        """With a session of its own unless a token is given. Raises AssertionError for a refusal."""
        token = token or (await create_session(server, subscriber_id))["token"]
        headers = {"Authorization": f"Bearer {token}", **({"Last-Event-ID": last_id} if last_id else {})}
        async with (
            httpx.AsyncClient(base_url=server.url, headers=headers, timeout=WAIT_SECONDS, trust_env=False) as client,
            client.stream("GET", "/v1/inbox/events", params=query) as response,
        ):
            assert response.status_code == 200, await response.aread()
            yield cls(response)

    async def next(self, name: str) -> Json:
        """The data of the next event, which has this name; pings are passed over."""
        async with asyncio.timeout(WAIT_SECONDS):
            while (event := await self._event())[0] != name:
                assert event[0] == "ping", event
        return event[1]

    async def _event(self) -> tuple[str, Json]:
        fields: dict[str, Any] = {}
        async for line in self._lines:
            if line:
                field, _, value = line.partition(": ")
                fields[field] = value
                continue
            if "retry" in fields:
                self.retry_ms = int(fields["retry"])
            if "data" in fields:
                self.last_id = fields.get("id", self.last_id)
                return fields["event"], json.loads(fields["data"])
            fields = {}
        raise EOFError("the stream has ended")
