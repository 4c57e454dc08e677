"""An inbox that stays right: it reads the list and the badge again after every connect and after every event.

It needs httpx and websockets. ../sockets.md explains each step.

    inbox = InboxClient("https://inbox.example.com", ask_my_backend, lambda items, unread: print(unread, items))
    await inbox.run()

`ask_my_backend` returns the body of `POST /v1/inbox/session`. It is awaited before every connect.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

LIST = {"archived": "false", "snoozed": "false", "limit": "20"}
BADGE = {"filters": '[{"read": false, "snoozed": false}]'}
HEARTBEAT_SECONDS = {"ping_interval": 25, "ping_timeout": 10, "close_timeout": 5}
Json = dict[str, Any]


class Refused(Exception):
    """The service refuses this subscriber for good."""


class InboxClient:
    def __init__(
        self, url: str, credentials: Callable[[], Awaitable[Json]], on_change: Callable[[list[Json], int], None]
    ) -> None:
        self._credentials, self._on_change = credentials, on_change
        self._socket_url = url.replace("http", "ws", 1) + "/ws"
        self._http = httpx.AsyncClient(base_url=url + "/v1/inbox", timeout=15)

    async def run(self) -> None:
        """Stay connected until cancelled. Raise Refused when the service refuses this subscriber for good."""
        failures = 0
        async with self._http:
            while True:
                try:
                    token = await self._open_session()
                    async with connect(f"{self._socket_url}?token={token}", **HEARTBEAT_SECONDS) as socket:
                        failures = 0
                        await self._follow(socket)
                except* (httpx.HTTPError, WebSocketException, OSError):
                    failures += 1
                await asyncio.sleep(random.random() * min(30, 2**failures))

    async def change(self, notification_id: str, change: str) -> None:
        """Change one notification: "read", "unread", "archive" … The event that follows makes it visible."""
        (await self._http.patch(f"/notifications/{notification_id}/{change}")).raise_for_status()

    async def _open_session(self) -> str:
        answer = await self._http.post("/session", json=await self._credentials())
        if answer.is_client_error and answer.status_code not in (408, 429):
            raise Refused(answer.json()["message"])
        token: str = answer.raise_for_status().json()["data"]["token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        return token

    async def _follow(self, socket: ClientConnection) -> None:
        """Read again after each event, until the connection ends or something cannot be read.

        A 401 ends nothing: the service is about to close the socket, and its code tells whether to come back.
        """
        is_stale = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read_whenever(is_stale))
            with suppress(ConnectionClosed):
                async for _ in socket:
                    is_stale.set()
            reading.cancel()
        if socket.close_code == 4410:  # the subscriber was deleted
            raise Refused(socket.close_reason)

    async def _read_whenever(self, is_stale: asyncio.Event) -> None:
        while await is_stale.wait():
            is_stale.clear()
            answers = await asyncio.gather(
                self._http.get("/notifications", params=LIST), self._http.get("/notifications/count", params=BADGE)
            )
            if not any(answer.status_code == 401 for answer in answers):
                page, counts = [answer.raise_for_status().json()["data"] for answer in answers]
                self._on_change(page, counts[0]["count"])
