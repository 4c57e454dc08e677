"""External references: the messages of a feed by the producer's own name for them.

A sorted set of each feed has the rows of messages with a reference, by a digest of it. The scripts that store, move,
delete and trim messages keep it, so a message without a reference costs nothing. A feed whose messages are older than
the set is read once, at the first search, to complete it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, NamedTuple

from inbox.errors import Contention
from inbox.models.message import Message, decode_labels
from inbox.store import rows
from inbox.store.base import BaseStore
from inbox.store.client import Argument
from inbox.store.feed import Feed
from inbox.store.feed_reader import slices
from inbox.store.feeds import FeedStore
from inbox.store.retry import Attempts
from inbox.store.rows import ALL, RowId
from inbox.store.scripts import load

_FIELD = b'"externalReference":'
_DIGEST_BYTES = 6
"""As many as a score of a sorted set holds exactly."""


class _FindReply(NamedTuple):
    is_complete: bool
    named: list[Any]


def _find_reply(raw: list[Any]) -> _FindReply | None:
    return _FindReply(bool(raw[0]), raw[1]) if raw[0] >= 0 else None


REFERENCE_FIND = load("reference_find", _find_reply)
_REFERENCES_COMPLETE = load("references_complete", bool)


def reference_digest(content: bytes) -> Argument:
    """Return the digest of a stored message's reference as the scripts take it, "" without one."""
    if _FIELD not in content:
        return ""
    reference = decode_labels(content).external_reference
    return _digest(reference) if reference else ""


def _digest(reference: str) -> int:
    return int.from_bytes(hashlib.blake2b(reference.encode(), digest_size=_DIGEST_BYTES).digest(), "big")


@dataclass(eq=False)
class ReferenceStore(BaseStore):
    """Finds messages by their external references."""

    _feeds: FeedStore

    async def find(self, feed: Feed, reference: str) -> list[Message]:
        """Return the messages of a feed with this reference, newest first. Raise Contention."""
        keys = feed.keys
        async for _ in Attempts():
            reply = await self._client.run(
                REFERENCE_FIND, [keys.state, keys.rows, keys.side, keys.references], [_digest(reference)]
            )
            if reply is None:
                return []
            if reply.is_complete:
                named = zip(reply.named[::2], reply.named[1::2], strict=True)
                row_ids = [RowId(feed.bucket, feed.number, row, check) for row, check in named]
                found = (await self._feeds.find_many(feed, row_ids)).values() if row_ids else ()
                matching = [message for message in found if message.stored.external_reference == reference]
                return sorted(matching, key=lambda message: message.sequence, reverse=True)
            await self._complete(feed)
        raise Contention

    async def _complete(self, feed: Feed) -> None:
        """Add the references of all messages, unless messages come meanwhile."""
        snapshot = await self._feeds.snapshot(feed)
        if snapshot is None:
            return
        live = rows.newest_rows(snapshot.flags, snapshot.state.base, ALL, len(snapshot.flags), None)
        args: list[Argument] = [snapshot.state.last]
        for start, end in slices(len(live)):
            contents = await self._feeds.contents(feed, snapshot, live[start:end])
            for row, content in contents.items():
                if (digest := reference_digest(content)) != "":
                    args += [digest, row]
        await self._client.run(_REFERENCES_COMPLETE, [feed.keys.state, feed.keys.rows, feed.keys.references], args)
