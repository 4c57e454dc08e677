"""All that a store holds under a prefix, as bytes to search in: for tests that something is nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from inbox.store.client import Client
from inbox.store.keys import Keys

_READS: dict[bytes, tuple[str, tuple[Any, ...]]] = {
    b"string": ("GET", ()),
    b"hash": ("HGETALL", ()),
    b"list": ("LRANGE", (0, -1)),
    b"set": ("SMEMBERS", ()),
    b"zset": ("ZRANGE", (0, -1, "WITHSCORES")),
    b"stream": ("XRANGE", ("-", "+")),
}


async def read_everything(client: Client, keys: Keys) -> dict[str, list[bytes]]:
    """Every part of the value of every key."""
    found: dict[str, list[bytes]] = {}
    async for part in client.scan(f"{keys.prefix}*", 1_000):
        for key in part:
            answer = await client.execute("TYPE", key)
            kind = answer.encode() if isinstance(answer, str) else answer
            if kind == b"none":  # it has expired since it was listed
                continue
            command, rest = _READS[kind]
            found[key] = list(_flat(await client.execute(command, key, *rest)))
    return found


def _flat(value: Any) -> Iterator[bytes]:
    if isinstance(value, Sequence) and not isinstance(value, bytes | str):
        for one in value:
            yield from _flat(one)
    elif value is not None:
        yield value if isinstance(value, bytes) else str(value).encode()


def where(everything: dict[str, list[bytes]], needles: Sequence[bytes]) -> set[tuple[str, bytes]]:
    """The keys that hold one of the needles, or are named so, each with what was found there."""
    return {
        (key, needle)
        for key, parts in everything.items()
        for needle in needles
        if needle in key.encode() or any(needle in part for part in parts)
    }
