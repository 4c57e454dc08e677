"""Edits of single messages: what they replace, what they leave, and when they come too late."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from inbox.clock import now_ms
from inbox.models.message import Message, StoredMessage
from inbox.store import changes, rows
from inbox.store.feed import Feed
from inbox.store.keys import BucketKeys
from inbox.store.replies import ChangeStatus
from inbox.store.rows import parse_message_id
from inbox.store.timers import EXPIRE, Timer

from .conftest import ENVIRONMENT, Stores

DONE, MOVED_ON, GONE = ChangeStatus.DONE, ChangeStatus.MOVED_ON, ChangeStatus.GONE
FAR_AHEAD_MS = 4_000_000_000_000


async def newest(stores: Stores, feed: Feed) -> Message:
    return (await stores.list(feed))[0]


def saying(message: Message, text: str, **fields: object) -> StoredMessage:
    return replace(message.stored, content=text, **fields)


async def timers(stores: Stores, feed: Feed) -> dict[bytes, int]:
    keys: BucketKeys = stores.keys.bucket(ENVIRONMENT, feed.bucket)
    raw = await stores.client.execute("ZRANGE", keys.timers, 0, -1, "WITHSCORES")
    return {raw[at]: int(float(raw[at + 1])) for at in range(0, len(raw), 2)}


async def side_fields(stores: Stores, feed: Feed) -> set[bytes]:
    return set(await stores.client.execute("HKEYS", feed.keys.side))


async def test_of_edits_at_once_one_is_done(stores: Stores, other_stores: Stores) -> None:
    feed = await stores.feed()
    await stores.fill(feed, 2)
    message = await newest(stores, feed)
    both = (stores, other_stores)
    texts = [f"edit {number}" for number in range(10)]
    results = await asyncio.gather(
        *(both[at % 2].messages.edit(feed, message, saying(message, text)) for at, text in enumerate(texts))
    )
    assert sorted(status.name for status in results) == ["DONE"] + ["MOVED_ON"] * 9
    [done] = [text for text, status in zip(texts, results, strict=True) if status is DONE]
    edited = await newest(stores, feed)
    assert (edited.stored.content, edited.id, edited.sequence) == (done, message.id, message.sequence)
    assert edited.edited_ms >= message.created_ms
    again = saying(edited, "again")
    assert await stores.messages.edit(feed, edited, again) is DONE
    assert (await newest(stores, feed)).edited_ms > edited.edited_ms, "two edits never share a time"


async def test_an_edit_is_a_marked_message_at_the_next_position(stores: Stores) -> None:
    feed = await stores.feed()
    await stores.fill(feed, 3)
    before = await stores.feeds.state(feed)
    message = (await stores.list(feed))[1]
    assert before is not None
    assert await stores.messages.edit(feed, message, saying(message, "x", severity="high")) is DONE
    changed = await stores.feeds.changes_since(feed, before.position)
    assert changed is not None
    assert [(entry.kind, entry.ref) for entry in changed[1] or []] == [("m", message.sequence)]
    assert changed[0].position.counter == before.position.counter + 1
    assert changed[0].counts == before.counts._replace(high=1)
    await stores.check(feed)


async def test_what_is_gone_or_has_expired_stays_so(stores: Stores) -> None:
    feed = await stores.feed()
    await stores.append(feed, "m")
    message = await newest(stores, feed)
    past = now_ms() - 60_000
    assert await stores.messages.edit(feed, message, saying(message, "ends", expires_ms=past)) is DONE
    expired = await newest(stores, feed)
    assert await stores.messages.edit(feed, expired, saying(expired, "x", expires_ms=0)) is GONE
    row = parse_message_id(message.id)
    assert list(await timers(stores, feed)) == [b"x" + message_name(feed, row)]
    assert await stores.messages.delete(feed, row)
    assert await stores.messages.edit(feed, expired, saying(expired, "x")) is GONE
    assert await side_fields(stores, feed) == set()


def message_name(feed: Feed, row: rows.RowId) -> bytes:
    return feed.number.to_bytes(4, "big") + row.row.to_bytes(4, "big") + row.check


async def test_an_earlier_timer_does_not_end_a_message_whose_expiry_was_edited(stores: Stores) -> None:
    feed = await stores.feed()
    await stores.append(feed, "m", expires_ms=1_000)
    message = await newest(stores, feed)
    row = parse_message_id(message.id)
    timer = Timer(EXPIRE, message_name(feed, row), 1_000)
    for expires_ms in (FAR_AHEAD_MS, 0):
        message = await newest(stores, feed)
        # the stored content says nothing of the expiry, so that the edit does not take the message for expired
        assert await stores.messages.edit(feed, message, saying(message, "x", expires_ms=expires_ms)) is DONE
        assert await timers(stores, feed) == ({timer.member: expires_ms} if expires_ms else {})
        assert not await stores.messages.delete(feed, row, timer)
    assert len(await stores.list(feed)) == 1


async def test_an_edit_goes_with_its_message(stores: Stores) -> None:
    """Trimmed, deleted in bulk, or on top after a snooze: nothing of it is left in the side hash."""
    feed = await stores.feed()
    trimmed, purged, snoozed = await stores.fill(feed, 3)
    for message in await stores.list(feed):
        assert await stores.messages.edit(feed, message, saying(message, f"edited {message.sequence}")) is DONE
    fields = {f"e{row.row}".encode() for row in (trimmed, purged, snoozed)}
    assert await side_fields(stores, feed) == fields
    old = await newest(stores, feed)
    assert await stores.messages.snooze(feed, snoozed, changes.INBOX_SNOOZE, 1_000)
    woken = await newest(stores, feed)
    assert (woken.id, woken.sequence, woken.stored.content, woken.edited_ms) == (old.id, 4, "edited 3", 0)
    assert await stores.messages.edit(feed, old, saying(old, "late")) is MOVED_ON
    await stores.messages.trim(feed, trimmed.row)
    assert {name for name in await side_fields(stores, feed) if name.startswith(b"e")} == {b"e%d" % purged.row}

    async def choose(_: object, numbers: list[int]) -> list[int]:
        return [row for row in numbers if row == purged.row]

    assert await stores.messages.bulk.delete_where(feed, choose) == 1
    assert await side_fields(stores, feed) == {b"4", b"o3"}
    assert [message.stored.content for message in await stores.list(feed)] == ["edited 3"]
    await stores.check(feed)


async def test_a_page_without_edits_is_read_as_ever(stores: Stores) -> None:
    """One field of the side hash for each message, and one more only for an edited one."""
    feed = await stores.feed()
    await stores.fill(feed, 30)
    sent: list[tuple[object, ...]] = []
    read = stores.client.read

    async def spy(commands: object) -> object:
        sent.extend(tuple(command) for command in commands)  # type: ignore[attr-defined]
        return await read(commands)  # type: ignore[arg-type]

    stores.client.read = spy  # type: ignore[assignment, method-assign]
    page = await stores.feeds.page(feed, rows.ALL, 10)
    assert page is not None
    sides = [command for command in sent if command[0] == "HMGET" and command[1] == feed.keys.side]
    assert [command[2:] for command in sides] == [tuple(range(30, 20, -1))]
    message = page.messages[3]
    assert await stores.messages.edit(feed, message, saying(message, "x")) is DONE
    sent.clear()
    await stores.feeds.page(feed, rows.ALL, 10)
    sides = [command for command in sent if command[0] == "HMGET" and command[1] == feed.keys.side]
    assert [command[2:] for command in sides] == [(*range(30, 20, -1), "e27")]


async def test_an_edit_to_what_it_said_before_is_another_one(stores: Stores, other_stores: Stores) -> None:
    feed = await stores.feed()
    await stores.fill(feed, 1)
    times = []
    for text in ("same", "same", "other", "same"):
        message = await newest(stores, feed)
        assert await stores.messages.edit(feed, message, saying(message, text)) is DONE
        edited = await newest(stores, feed)
        assert edited == await newest(other_stores, feed)
        assert edited.stored.content == text
        times.append(edited.edited_ms)
    assert times == sorted(set(times))
