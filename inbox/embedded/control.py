"""What is said to a store over its socket: are you there, and end yourself."""

from __future__ import annotations

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
    """What a store says when it is asked."""

    READY = "ready"
    LOADING = "still reading its data"
    SILENT = "no answer"


def socket_url(path: Path) -> str:
    """The URL by which clients reach the store at a socket."""
    return f"unix://{quote(str(path))}"


async def probe(path: Path) -> State:
    """What the store at this socket is doing."""
    async with _client(path) as client:
        try:
            await client.execute_command("PING")
        except BusyLoadingError:
            return State.LOADING
        except (RedisError, OSError):
            return State.SILENT
    return State.READY


async def ask_to_end(path: Path) -> None:
    """Asks the store at this socket to write out its data and end; whether it does is for the caller to see."""
    async with _client(path) as client:
        try:
            await client.execute_command("SHUTDOWN")
        except (RedisError, OSError):
            return  # it hung up, as it should, or it is not there


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
