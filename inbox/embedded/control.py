"""Probe a store over its unix socket, and shut it down."""

from __future__ import annotations

import asyncio
import contextlib
from enum import Enum
from pathlib import Path
from urllib.parse import quote

from inbox.store.connection.errors import ConnectionLost, ReplyError
from inbox.store.connection.url import Address, Login
from inbox.store.connection.wire import open_wire, pack

ANSWER_SECONDS = 2.0


class State(Enum):
    READY = "ready"
    LOADING = "still reading its data"
    SILENT = "no answer"


def socket_url(path: Path) -> str:
    return f"unix://{quote(str(path))}"


async def probe(path: Path) -> State:
    try:
        await _call(path, "PING")
    except ReplyError as error:
        return State.LOADING if error.code == "LOADING" else State.SILENT
    except (ConnectionLost, TimeoutError):
        return State.SILENT
    return State.READY


async def request_shutdown(path: Path) -> None:
    """Request that the store at this socket writes out its data and ends; the caller checks that it does."""
    with contextlib.suppress(ReplyError, ConnectionLost, TimeoutError):  # it hangs up, or is not there
        await _call(path, "SHUTDOWN")


async def _call(path: Path, command: str) -> None:
    """Run a command. Raise ReplyError, ConnectionLost, and TimeoutError after ANSWER_SECONDS without a reply."""
    async with asyncio.timeout(ANSWER_SECONDS):
        wire = await open_wire(Address(path=str(path)), Login())
        try:
            await wire.request(pack((command,)))
        finally:
            wire.drop("the control has ended")
