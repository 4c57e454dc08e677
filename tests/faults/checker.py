"""The sweep after a fault: every feed, listed through every process, against its history, its pages and sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.support.client import Api, InboxApi, Json, segment
from tests.support.model import Finding, SubscriberModel, count_unread, count_unseen

from .feeds import Feed
from .pages import Page, as_message
from .processes import Process

WRONG_COUNT, FACES_DIFFER, WRONG_PAGE, WRONG_PRESENCE = "wrong count", "faces differ", "wrong page", "wrong presence"
COUNT_LIMIT, TOTAL_LIMIT = 100, 101
COUNTED = ("unseen", "unseen in the inbox", "unread", "all", "read")
AT_ONCE = 8
SETTLE_SECONDS = 60.0
STEP_SECONDS = 0.05


@dataclass
class View:
    """What one process answers about a feed: both lists, newest first, and the counts in the order of COUNTED."""

    messages: list[Json]
    notifications: list[Json]
    counts: list[int]


def check_view(model: SubscriberModel, view: View) -> Iterator[Finding]:
    """Yield each difference between what a process answers about a feed and the feed's history."""
    yield from model.findings(view.messages)
    yield from _check_counts(view)
    listed = [_essence(message) for message in view.messages]
    if [_essence(as_message(notification)) for notification in view.notifications] != listed:
        yield Finding(FACES_DIFFER, "the inbox lists something else than the feed")


def _check_counts(view: View) -> Iterator[Finding]:
    """Yield each count that differs from a recount of the list. The inbox face counts to COUNT_LIMIT."""
    size, unseen, unread = len(view.messages), count_unseen(view.messages), count_unread(view.messages)
    expected = [unseen, *(min(count, COUNT_LIMIT) for count in (unseen, unread, size, size - unread))]
    for name, count, right in zip(COUNTED, view.counts, expected, strict=True):
        if count != right:
            yield Finding(WRONG_COUNT, f"{name}: {count} instead of {right}")


def check_page(page: Page, view: View) -> Iterator[Finding]:
    """Yield each difference between what an idle page shows and the list."""
    shown, listed = [*map(_essence, page.shown())], [*map(_essence, view.messages)]
    if shown != listed:
        differences = [one for one in shown if one not in listed], [one for one in listed if one not in shown]
        yield Finding(WRONG_PAGE, f"{page}: only shown {differences[0]}, only listed {differences[1]}")
    counts = (page.mirror.unseen, page.mirror.unread)
    right = (min(count_unseen(view.messages), COUNT_LIMIT), min(count_unread(view.messages), COUNT_LIMIT))
    if counts != right:
        yield Finding(WRONG_COUNT, f"{page}: unseen and unread {counts} instead of {right}")


def _essence(message: Json) -> tuple[str | bool, ...]:
    flags = (message["seen"], message["read"], message.get("archived", False))
    return (message["_id"], message["transactionId"], message["content"], message["createdAt"], *flags)


async def sweep(feeds: Sequence[Feed], processes: Sequence[Process]) -> list[Finding]:
    """Check all feeds, pages and presence. Return each finding once, whichever process shows it.

    No operation may be in flight.
    """
    found: dict[str, Finding] = {}
    views = [await _list(feeds, process) for process in processes]
    for number, feed in enumerate(feeds):
        for process, of_process in zip(processes, views, strict=True):
            for finding in check_view(feed.model, of_process[number]):
                where = f"{feed.subscriber_id} at {process.port}"
                found.setdefault(f"{feed.subscriber_id} {finding}", Finding(finding.kind, f"{where}: {finding.text}"))
    pages = [(page, views[0][number]) for number, feed in enumerate(feeds) for page in feed.pages if page.is_wanted]
    settled = await asyncio.gather(
        *(_settle(page, view) for page, view in pages), *(map(_presence, feeds, [processes] * len(feeds)))
    )
    return [*found.values(), *(finding for findings in settled for finding in findings)]


async def _list(feeds: Sequence[Feed], process: Process) -> list[View]:
    """Return what one process answers about all feeds, in their order."""
    gate = asyncio.Semaphore(AT_ONCE)
    async with Api.open(process.server) as api:

        async def view(feed: Feed) -> View:
            async with gate, InboxApi.open(process.server, feed.subscriber_id, feed.token) as inbox:
                unseen = await api.unseen(feed.subscriber_id)
                counts = await inbox.count('{"seen":false}', '{"read":false}', "{}", '{"read":true}')
                messages = await api.feed(feed.subscriber_id)
                return View(messages, await inbox.notifications(), [unseen, *counts])

        return await asyncio.gather(*map(view, feeds))


async def _settle(page: Page, view: View) -> list[Finding]:
    """Return what is still wrong with a page after SETTLE_SECONDS without a change."""
    findings = [Finding("doubled", f"{page} was told twice of {one}") for one in page.doubled]
    for _ in range(int(SETTLE_SECONDS / STEP_SECONDS)):
        if page.is_idle and not [*check_page(page, view)]:
            return findings
        await asyncio.sleep(STEP_SECONDS)
    if not page.is_idle:
        return [
            *findings,
            Finding(WRONG_PAGE, f"{page} is not connected, or cannot read{' (dismissed)' * page.is_dismissed}"),
        ]
    return [*findings, *check_page(page, view)]


async def _presence(feed: Feed, processes: Iterable[Process]) -> list[Finding]:
    """Return a finding if presence differs from the open pages for SETTLE_SECONDS, longer than lease and grace."""
    expected = any(page.is_wanted for page in feed.pages)
    path = f"/v2/subscribers/{segment(feed.subscriber_id)}"
    for process in processes:
        for _ in range(int(SETTLE_SECONDS / STEP_SECONDS)):
            if (await process.read(path))["data"]["isOnline"] is expected:
                break
            await asyncio.sleep(STEP_SECONDS)
        else:
            return [Finding(WRONG_PRESENCE, f"{feed.subscriber_id} at {process.port}: online is {not expected}")]
    return []
