"""How many messages filters take by what messages hold: each message is read and judged once for all of them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass

from inbox.service.feed.content_match import Slice, mask_of
from inbox.service.feed.judgements import Judged, Judgements, Mask
from inbox.service.feed.notification_filter import NotificationFilter
from inbox.store import rows
from inbox.store.feed import Feed, Snapshot
from inbox.store.feed_reader import slices
from inbox.store.feeds import FeedStore


@dataclass(slots=True)
class Question:
    """A filter over a feed as it stands: what it asks of content, and the rows that its flags let through."""

    wanted: NotificationFilter
    content: Hashable
    flagged: Mask

    def answer(self, judged: Judged) -> int:
        """How many rows are known to be taken."""
        return (judged.of(self.content)[1] & self.flagged).bit_count()


class ContentCounter:
    """Counts, and remembers of the feeds last asked of what was found."""

    def __init__(self, feeds: FeedStore) -> None:
        self._feeds = feeds
        self._judgements = Judgements()

    async def count(
        self, feed: Feed, snapshot: Snapshot, filters: Mapping[bytes, NotificationFilter], most: int
    ) -> dict[bytes, int]:
        """The counts by the filters' keys, each up to `most`; no further is read than they need."""
        judged = self._judgements.of(feed, snapshot)
        pending = _questions(snapshot, filters)
        counts: dict[bytes, int] = dict.fromkeys(filters, 0)
        length = len(snapshot.flags)
        for older, newer in slices(length):
            await self._judge(feed, snapshot, judged, pending.values(), (length - newer, length - older))
            counts |= {key: question.answer(judged) for key, question in pending.items()}
            pending = {key: question for key, question in pending.items() if counts[key] < most}
            if not pending:
                break
        self._judgements.keep(feed, judged)
        return {key: min(count, most) for key, count in counts.items()}

    async def _judge(
        self, feed: Feed, snapshot: Snapshot, judged: Judged, questions: Collection[Question], window: tuple[int, int]
    ) -> None:
        """Has the rows of this window (offsets from the base) judged that flags let through and that are not known."""
        start, end = window
        unknown = 0
        for question in questions:
            unknown |= question.flagged & ~judged.of(question.content)[0]
        wanted = (unknown >> 8 * start).to_bytes(len(snapshot.flags), "little")[: end - start]
        if 1 not in wanted:
            return
        first = snapshot.state.base + 1 + start
        contents = await self._feeds.contents(feed, [first + place for place, flag in enumerate(wanted) if flag])
        part = Slice(contents.get(row) for row in range(first, first + end - start))
        for question in questions:
            judged.learn(question.content, part.present << 8 * start, question.wanted.taken(part) << 8 * start)


def _questions(snapshot: Snapshot, filters: Mapping[bytes, NotificationFilter]) -> dict[bytes, Question]:
    flagged = {one.select: mask_of(rows.matches(snapshot.flags, one.select)) for one in filters.values()}
    return {key: Question(one, one.content, flagged[one.select]) for key, one in filters.items()}
