"""docs/examples/inbox_client.py in the hands of a test; it speaks as tests/js/socket/example-client.mjs does."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "examples"))

import inbox_client

HURRY = 10
"""Its waits from one try to the next take a tenth of the time."""


def tell(**line: Any) -> None:
    print(json.dumps(line), flush=True)


async def credentials(body: Any) -> Any:
    tell(session=True)
    return body


async def run(client: inbox_client.InboxClient) -> None:
    try:
        await client.run()
    except inbox_client.Refused as refusal:
        tell(refused=str(refusal))


async def next_order() -> Any:
    """The next line of stdin, None at its end."""
    line = await asyncio.to_thread(sys.stdin.readline)
    return json.loads(line) if line else None


def hurry(pulse: float) -> None:
    """Shorten its waits; its heart beats `pulse` times faster."""
    original = random.random
    random.random = lambda: original() / HURRY
    for name in inbox_client.HEARTBEAT_SECONDS:
        inbox_client.HEARTBEAT_SECONDS[name] /= pulse


async def obey() -> None:
    first = await next_order()
    hurry(first["pulse"])
    client = inbox_client.InboxClient(
        first["url"], lambda: credentials(first["credentials"]), lambda items, unread: tell(items=items, unread=unread)
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run(client))
        while order := await next_order():
            await client.change(order["id"], order["change"])
        running.cancel()


asyncio.run(obey())
