"""Messages that take the place of the unread one with the same key.

What a template says of the count has to be known before the message is stored, and has to be true of it afterwards: it
is stored only if the count is the one it was made with, else it is made again with the count there is now. Within a
process they wait for each other, so that only processes compete.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from inbox.errors import InboxError, StoreUnavailable
from inbox.store import scripts
from inbox.store.client import Argument, Client
from inbox.store.keys import COLLAPSE_TTL_SECONDS
from inbox.tasks import Turns

_ATTEMPTS = 100
_BACK_OFF_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Collapse:
    """What a message collapses by: `name` stands for workflow, step and key (`keys.collapse_name`).

    `counts`: the count goes up by one when it takes a place. `render` makes the content for a count, where it differs
    from one to the other, and raises an InboxError when there is none.
    """

    name: str
    counts: bool = False
    render: Callable[[int], bytes] | None = None


@dataclass(slots=True)
class Call:
    """A message on its way: KEYS and ARGV of `message_collapse.lua` but for what `Collapse` says."""

    collapse: Collapse
    keys: list[str]
    args: list[Argument]
    count: int = 1
    """What the content was made with."""

    @property
    def place(self) -> tuple[str, str]:
        """The feed and the key: what others compete for."""
        return self.keys[0], self.collapse.name

    def arguments(self) -> tuple[list[str], list[Argument]]:
        """All of KEYS and ARGV."""
        expected: Argument = self.count if self.collapse.render else ""
        rest: list[Argument] = [self.collapse.name, int(self.collapse.counts), expected, COLLAPSE_TTL_SECONDS]
        return self.keys, [*self.args, *rest]

    def render(self, count: int) -> None:
        """Makes the content anew. Raises what `Collapse.render` raises."""
        assert self.collapse.render is not None  # noqa: S101 (else any count would have done)
        self.count = count
        self.args[0] = self.collapse.render(count)


class CollapseStore:
    """Stores messages with a key."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def append(self, calls: Sequence[Call]) -> list[list[Any] | InboxError]:
        """What the script answers to each; an error where the content could not be made with the count there is.

        Raises StoreUnavailable when other processes were faster a hundred times; what was stored till then is.
        """
        answers: dict[int, list[Any] | InboxError] = {}
        async with AsyncExitStack() as stack:
            for place in sorted({call.place for call in calls if call.collapse.render}):
                await stack.enter_async_context(self._turns.setdefault(place, asyncio.Lock()))
            waiting = list(range(len(calls)))
            for attempt in range(_ATTEMPTS):
                waiting = await self._try([(place, calls[place]) for place in waiting], answers)
                if not waiting:
                    return [answers[place] for place in range(len(calls))]
                if attempt:
                    await asyncio.sleep(random.uniform(0, _BACK_OFF_SECONDS * min(attempt, 20)))
        raise StoreUnavailable

    async def _try(self, calls: Sequence[tuple[int, Call]], answers: dict[int, list[Any] | InboxError]) -> list[int]:
        """Those that have to be tried again, with another count."""
        again: list[int] = []
        turns = Turns()
        replies = await self._client.run_many(scripts.MESSAGE_COLLAPSE, [call.arguments() for _, call in calls])
        for (place, call), reply in zip(calls, replies, strict=True):
            answers[place] = reply
            if reply[0] == 0 and reply[1] == b"count":
                try:
                    call.render(reply[2])
                    again.append(place)
                except InboxError as error:
                    answers[place] = error
                await turns.give()
        return again
