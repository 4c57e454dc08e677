"""Wrong counts, as a defect or a hand in the store would leave them."""

from __future__ import annotations

from inbox.store import rows
from inbox.store.client import Client
from inbox.store.feed import Feed
from inbox.store.rows import FeedCounts


async def plant(client: Client, feed: Feed, counts: FeedCounts) -> None:
    """Write counts into a feed's state, and nothing else; tell nobody."""
    packed = await client.execute("HGET", feed.keys.state, "p")
    head = packed[: -4 * len(counts)]
    await client.execute("HSET", feed.keys.state, "p", head + b"".join(count.to_bytes(4, "big") for count in counts))
    assert rows.parse_state(await client.execute("HGET", feed.keys.state, "p")).counts == counts
