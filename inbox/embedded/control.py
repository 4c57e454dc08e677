"""Probe a store over its unix socket, and shut it down."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path
from urllib.parse import quote

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError

ANSWER_SECONDS = 2.0


class State(Enum):
    READY = "ready"
    LOADING = "still reading its data"
    SILENT = "no answer"


def socket_url(path: Path) -> str:
    return f"unix://{quote(str(path))}"


async def probe(path: Path) -> State:
    async with _client(path) as client:
        try:
            await client.execute_command("PING")
        except BusyLoadingError:
            return State.LOADING
        except (RedisError, OSError):
            return State.SILENT
    return State.READY


async def request_shutdown(path: Path) -> None:
    """Request that the store at this socket writes out its data and ends; the caller checks that it does."""
    async with _client(path) as client:
        with contextlib.suppress(RedisError, OSError):  # it hangs up, or is not there
            await client.execute_command("SHUTDOWN")


@asynccontextmanager
async def _client(path: Path) -> AsyncIterator[Redis]:
    client = Redis(
        unix_socket_path=str(path),
        protocol=2,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        yield client
    finally:
        await client.aclose()
