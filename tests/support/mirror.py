"""A feed as a page keeps it: built from nothing but the events pushed since."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .sockets import RECEIVED, UNREAD, UNSEEN, UPDATED, Frame

SHARED_FIELDS = (
    *("_id", "transactionId", "content", "subject", "channel", "seen", "read", "archived", "createdAt", "cta"),
    *(
        "lastSeenDate",
        "firstSeenDate",
        "lastReadDate",
        "archivedAt",
        "snoozedUntil",
        "data",
        "tags",
        "severity",
        "sequence",
    ),
)


def shared(message: dict[str, Any]) -> dict[str, Any]:
    """What a pushed message and a listed one have in common; null and absent are the same."""
    return {name: message[name] for name in SHARED_FIELDS if message.get(name) is not None}


class FeedMirror:
    """The messages by id and the last counts. `stale` is set by an event that says: read the feed again."""

    def __init__(self) -> None:
        self.messages: dict[str, dict[str, Any]] = {}
        self.unseen = 0
        self.unread = 0
        self.stale = False
        self._named: dict[str, dict[str, Any] | None] | None = None

    def apply(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            self._apply(frame)

    def _apply(self, frame: Frame) -> None:
        data = frame.data
        if frame.event == UNSEEN:
            self.unseen = data["unseenCount"]
        elif frame.event == UNREAD:
            self.unread = data["unreadCount"]
        elif frame.event in (RECEIVED, UPDATED):
            self._change(data)

    def _change(self, data: dict[str, Any]) -> None:
        if "message" in data:
            self._put(data["message"]["_id"], shared(data["message"]))
        elif "removed" in data:
            for message_id in data["removed"]:
                self._put(message_id, None)
        elif data == {"refetch": True}:
            self.stale = True
        else:
            raise AssertionError(f"an update of no known form: {data}")

    def _put(self, message_id: str, message: dict[str, Any] | None) -> None:
        if self._named is not None:
            self._named[message_id] = message
        if message is None:
            self.messages.pop(message_id, None)
        else:
            self.messages[message_id] = message

    def begin_reading(self) -> None:
        """Call it before a request for the list: what events name from now on stands over its answer."""
        self._named = {}

    def load(self, messages: Iterable[dict[str, Any]]) -> None:
        """Take the feed as listed, as a page does when it is told to read again."""
        named, self._named = self._named or {}, None
        self.messages = {message["_id"]: shared(message) for message in messages}
        for message_id, message in named.items():
            self._put(message_id, message)
        self.stale = False
