"""A client of every poll of a subscriber: it keeps the last answer of each, and asks again whether that still holds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import httpx

from .client import Api, Caller, InboxApi, Json, WidgetApi, segment

INBOX, WIDGET = "/v1/inbox/notifications", "/v1/widgets/notifications"
FILTERS = json.dumps([{}, {"read": False, "snoozed": False}, {"archived": True}, {"data": {"kind": "k"}}])


def polls_of(subscriber_id: str) -> dict[type[Caller], list[str]]:
    """The polls of each face, with all that an answer can depend on."""
    v1, v2 = (f"/{version}/subscribers/{segment(subscriber_id)}/notifications" for version in ("v1", "v2"))
    return {
        InboxApi: [
            INBOX,
            f"{INBOX}?limit=1&offset=1",
            f"{INBOX}?read=false&archived=false",
            f"{INBOX}?tags=urgent",
            f"{INBOX}?createdGte=1&createdLte=9007199254740992",
            f"{INBOX}/count",
            f"{INBOX}/count?filters={FILTERS}",
        ],
        WidgetApi: [
            f"{WIDGET}/feed?limit=100",
            *(f"{WIDGET}/{name}" for name in ("unseen", "unread", "count?read=true")),
        ],
        Api: [
            v2,
            f"{v2}?contextKeys=",
            f"{v2}/count?filters={FILTERS}",
            f"{v1}/feed?limit=2",
            f"{v1}/feed?seen=false&payload=eyJraW5kIjogImsifQ==",
            f"{v1}/unseen",
            f"{v1}/unseen?seen=true",
        ],
    }


def known_as(answer: httpx.Response) -> dict[str, str]:
    """The header with which a client says that it has this answer."""
    return {"If-None-Match": answer.headers["etag"]}


MOST_LATE_CHANGES = 5
"""How often two changes may fall between the readings around a poll: ends of snoozes, expiries, names of workflows."""


@dataclass
class Polls:
    """A client of every face; `answers` are the last whole answers, by caller and path."""

    callers: tuple[Api, InboxApi, WidgetApi]
    subscriber_id: str
    answers: dict[tuple[Caller, str], httpx.Response] = field(default_factory=dict)

    def last(self, path: str) -> Json:
        """The last whole answer to a path of pages."""
        answer: Json = self.answers[self.callers[1], path].json()
        return answer

    async def check(self) -> bool:
        """Ask for each poll with what is known of it, and for the pages behind the newest and the oldest message.

        A 304 must be right, whatever happens meanwhile. Return whether all were 304.
        """
        paths = [(caller, path) for caller in self.callers for path in polls_of(self.subscriber_id)[type(caller)]]
        inbox = self.callers[1]
        items = (await inbox.page(limit=100))["data"]
        paths += [(inbox, f"{INBOX}?after={item['id']}") for item in (items[0], items[-1])] if items else []
        return all([await self._is_unchanged(caller, path) for caller, path in paths])

    async def _is_unchanged(self, caller: Caller, path: str) -> bool:
        known = self.answers.get((caller, path))
        if known is None:
            self.answers[caller, path] = await self._read(caller, path)
            return False
        for _ in range(MOST_LATE_CHANGES):
            before = await self._read(caller, path)
            polled = await caller.client.get(path, headers=known_as(known))
            after = await self._read(caller, path)
            if polled.status_code == 304:
                assert known.json() in (before.json(), after.json()), f"a stale 304: {path}"
                return True
            if polled.json() in (before.json(), after.json()):
                self.answers[caller, path] = polled
                return False
        raise AssertionError(f"an answer like none around it: {path}")

    @staticmethod
    async def _read(caller: Caller, path: str) -> httpx.Response:
        answer = await caller.client.get(path)
        assert answer.status_code == 200, (path, answer.text)
        return answer
