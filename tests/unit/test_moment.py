"""Values of one moment, read without a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from inbox.store.client import Client, Command
from inbox.store.moment import read_consistently


class Store:
    """Changes between the commands of the first batches."""

    def __init__(self, disturbed: int) -> None:
        self.disturbed = disturbed
        self.version = 0
        self.batches = 0

    async def read(self, commands: Sequence[Command]) -> list[Any]:
        self.batches += 1
        replies = []
        for index, command in enumerate(commands):
            self.version += index == 2 and self.batches <= self.disturbed
            replies.append([*command, self.version])
        return replies


async def test_what_changed_meanwhile_is_read_again() -> None:
    for disturbed in range(5):
        store = Store(disturbed)
        version, replies = await read_consistently(
            cast(Client, store), ("GET", "version"), [("GET", "a"), ("GET", "b"), ("GET", "c")]
        )
        assert store.batches == disturbed + 1
        assert {version[-1], *(reply[-1] for reply in replies)} == {disturbed}, "all of one moment"
        assert [reply[1] for reply in replies] == ["a", "b", "c"]
