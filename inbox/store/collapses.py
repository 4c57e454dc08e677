"""Messages that replace the unread message with the same collapse key.

A template may show the count of the key, so the script stores the content only if the count is still the one of the
rendering; otherwise it is rendered again. Appends with the same key wait for each other within a process, so only
processes compete.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from weakref import WeakValueDictionary

from inbox.errors import Contention, InboxError
from inbox.store.client import Argument, Client
from inbox.store.keys import COLLAPSE_TTL_SECONDS
from inbox.store.references import reference_digest
from inbox.store.replies import MESSAGE_COLLAPSE, AppendReply
from inbox.store.retry import Attempts
from inbox.tasks import SharedTurn, Turns

REFERENCE = 10
"""The index of the reference's digest in ARGV of the scripts that append."""


@dataclass(frozen=True, slots=True)
class Collapse:
    """The collapse key of a message: `name` stands for workflow, step and key (`keys.collapse_name`).

    `counts`: replacing a message adds one to the count. `render` gives the content for a count, if the content depends
    on it, and raises an InboxError if there is none.
    """

    name: str
    counts: bool = False
    render: Callable[[int], bytes] | None = None


@dataclass(slots=True)
class Call:
    """A call of `message_collapse.lua`: KEYS and ARGV except for those that `Collapse` gives."""

    collapse: Collapse
    keys: list[str]
    args: list[Argument]
    count: int = 1
    """The count that the content was rendered with."""

    @property
    def lock_key(self) -> tuple[str, str]:
        """The feed and the collapse key, for which appends compete."""
        return self.keys[0], self.collapse.name

    def arguments(self) -> tuple[list[str], list[Argument]]:
        expected: Argument = self.count if self.collapse.render else ""
        rest: list[Argument] = [self.collapse.name, int(self.collapse.counts), expected, COLLAPSE_TTL_SECONDS]
        return self.keys, [*self.args, *rest]

    def render(self, count: int) -> None:
        """Render the content again. Raise the errors of `Collapse.render`."""
        assert self.collapse.render is not None  # noqa: S101 (without it any count fits)
        self.count = count
        content = self.collapse.render(count)
        self.args[0], self.args[REFERENCE] = content, reference_digest(content)


class CollapseStore:
    """Appends messages with a collapse key."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._turns: WeakValueDictionary[tuple[str, str], SharedTurn] = WeakValueDictionary()

    async def append(self, calls: Sequence[Call]) -> list[AppendReply | InboxError]:
        """Append messages; return the reply to each, or the error of its rendering.

        Raise Contention if other processes were faster each time; messages stored until then are kept.
        """
        results: dict[int, AppendReply | InboxError] = {}
        async with AsyncExitStack() as stack:
            for key in sorted({call.lock_key for call in calls if call.collapse.render}):
                await stack.enter_async_context(self._turns.setdefault(key, SharedTurn()).take())
            waiting = list(range(len(calls)))
            async for _ in Attempts():
                waiting = await self._try([(index, calls[index]) for index in waiting], results)
                if not waiting:
                    return [results[index] for index in range(len(calls))]
        raise Contention

    async def _try(self, calls: Sequence[tuple[int, Call]], results: dict[int, AppendReply | InboxError]) -> list[int]:
        """Return the indexes of the calls that have to be tried again with another count."""
        again: list[int] = []
        turns = Turns()
        replies = await self._client.run_many(MESSAGE_COLLAPSE, [call.arguments() for _, call in calls])
        for (index, call), reply in zip(calls, replies, strict=True):
            results[index] = reply
            if reply.outcome == "count":
                try:
                    call.render(reply.key_count)
                    again.append(index)
                except InboxError as error:
                    results[index] = error
                await turns.give()
        return again
