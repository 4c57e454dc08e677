"""What a backend changes of messages that it has sent: edits, and retractions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from msgspec import UNSET
from msgspec.structs import replace

from inbox.clock import now_ms
from inbox.errors import Contention, PayloadTooLarge, invalid
from inbox.models import wire
from inbox.models.environment import Environment
from inbox.models.expiry import parse_moment
from inbox.models.json_values import JsonObject
from inbox.models.message import ButtonType, Message, StoredMessage, encode_stored
from inbox.models.message_edit import EditedAction, EditedRedirect, MessageEdit
from inbox.service.activity.activity import ActivityService
from inbox.service.activity.activity_log import ActivityLog
from inbox.service.feed.marks import unknown_message
from inbox.steps.in_app import MAX_MESSAGE_BYTES, TOO_LARGE
from inbox.steps.in_app_controls import check_body, check_data, check_stored_link
from inbox.store.activity import ActivityOutcome
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.messages import MessageStore
from inbox.store.references import ReferenceStore
from inbox.store.replies import ChangeStatus
from inbox.store.retry import Attempts
from inbox.store.rows import parse_message_id
from inbox.store.slices import in_slices
from inbox.tasks import Turns

MAX_AT_ONCE = 100
"""Messages of a transaction that are changed together."""
BUTTONS: tuple[ButtonType, ...] = ("primary", "secondary")
_AVATAR = re.compile(r"https?://|/", re.IGNORECASE)

Belongs = Callable[[StoredMessage], bool]
"""Whether a message is still one that the request is about: a later one may have collapsed into it."""
SentMessage = tuple[Feed, Message]
T = TypeVar("T")


class EditCounts(NamedTuple):
    """How many messages an edit changed, and how many were so already."""

    updated: int
    unchanged: int


class Revision:
    """An edit that was checked, to be applied to any number of messages."""

    def __init__(self, edit: MessageEdit) -> None:
        """Raise ValidationFailed for a link, data or an expiry that a message may not have."""
        self.fields = edit.fields
        self._redirect = _parse_link(edit.redirect, "redirect") if edit.redirect is not UNSET else UNSET
        actions = zip(BUTTONS, (edit.primary_action, edit.secondary_action), strict=True)
        self._buttons = {kind: _parse_button(kind, action) for kind, action in actions if action is not UNSET}
        self._changes: dict[str, Any] = {
            name: value
            for name, value in (("content", edit.body), ("tags", edit.tags), ("severity", edit.severity))
            if value is not UNSET
        }
        if edit.subject is not UNSET:
            self._changes["subject"] = edit.subject or None
        if edit.avatar is not UNSET:
            self._changes["avatar"] = _parse_avatar(edit.avatar) if edit.avatar else None
        if edit.data is not UNSET:
            check_data(edit.data, "data")
            self._changes["data"] = edit.data
        if edit.expires_at is not UNSET:
            self._changes["expires_ms"] = _parse_expiry(edit.expires_at) if edit.expires_at else 0

    def apply(self, stored: StoredMessage) -> StoredMessage | None:
        """Return the content after the edit; None if it is the same. Raise PayloadTooLarge and ValidationFailed."""
        changes = self._changes
        if self._redirect is not UNSET or self._buttons:
            changes = changes | {"cta": self._cta(stored.cta)}
        if "content" in changes:
            check_body(changes["content"], stored.body_format, "body")
        revised = replace(stored, **changes)
        content = encode_stored(revised)
        if content == encode_stored(stored):  # `==` of the values would take 1 for true
            return None
        if len(content) > MAX_MESSAGE_BYTES:
            raise PayloadTooLarge(TOO_LARGE)
        return revised

    def _cta(self, cta: JsonObject) -> JsonObject:
        if self._redirect is not UNSET:
            cta = {**cta, "data": self._redirect}
        if not self._buttons:
            return cta
        action = {name: value for name, value in cta.get("action", {}).items() if name != "status"}
        buttons = {button.get("type"): button for button in action.get("buttons", [])} | self._buttons
        ordered = [*(buttons.pop(kind, None) for kind in BUTTONS), *buttons.values()]
        action["buttons"] = [button for button in ordered if button]
        return {**cta, "action": {"status": "pending", **action} if action["buttons"] else action}


@dataclass(eq=False)
class RevisionService:
    """Edits and retracts messages, one, all of a transaction or all of a reference, and notes it in the activity."""

    _feeds: FeedStore
    _messages: MessageStore
    _references: ReferenceStore
    _activity: ActivityService
    _log: ActivityLog

    async def edit(self, environment: Environment, message_id: str, edit: MessageEdit) -> Message:
        """Edit a message, whichever subscriber's it is, and return it.

        Raise NotFound for one that is unknown, deleted or expired, ValidationFailed, PayloadTooLarge and Contention.
        """
        revision = Revision(edit)
        feed, message = await self.find(environment, message_id)
        if await self._edit(feed, message, revision) is None:
            raise unknown_message(message_id)
        return (await self.find(environment, message_id))[1]

    async def edit_transaction(self, environment: Environment, transaction_id: str, edit: MessageEdit) -> EditCounts:
        """Edit the messages of a transaction of the last 30 days, of all its recipients. Raise as `edit`."""
        revision = Revision(edit)
        sent = await self._activity.sent(environment, transaction_id)

        def belongs(stored: StoredMessage) -> bool:
            return stored.transaction_id == transaction_id

        return await self._edit_all(sent, revision, belongs)

    async def edit_referenced(self, feeds: Sequence[Feed], reference: str, edit: MessageEdit) -> EditCounts:
        """Edit the messages of these feeds with this external reference. Raise as `edit`."""
        revision = Revision(edit)

        def belongs(stored: StoredMessage) -> bool:
            return stored.external_reference == reference

        return await self._edit_all(await self._referenced(feeds, reference), revision, belongs)

    async def retract_referenced(self, feeds: Sequence[Feed], reference: str) -> int:
        """Delete the messages of these feeds with this external reference permanently; return their number."""
        return sum(await _for_each(await self._referenced(feeds, reference), self._retract))

    async def retract(self, environment: Environment, message_id: str) -> None:
        """Delete a message permanently, whichever subscriber's it is. Raise NotFound."""
        if not await self._retract(*await self.find(environment, message_id)):
            raise unknown_message(message_id)

    async def retract_transaction(self, environment: Environment, transaction_id: str) -> int:
        """Delete the messages of a transaction of the last 30 days permanently; return their number."""
        sent = await self._activity.sent(environment, transaction_id)
        return sum(await _for_each(sent, self._retract))

    async def _referenced(self, feeds: Sequence[Feed], reference: str) -> list[SentMessage]:
        return [(feed, message) for feed in feeds for message in await self._references.find(feed, reference)]

    async def find(self, environment: Environment, message_id: str) -> SentMessage:
        """Return a message, whichever subscriber's it is, with its feed. Raise NotFound."""
        row_id = parse_message_id(message_id)
        for feed in (
            await self._feeds.find_numbered(environment.number, [(row_id.bucket, row_id.feed_number)])
        ).values():
            if found := await self._feeds.find(feed, message_id):
                return feed, found[0]
        raise unknown_message(message_id)

    async def _edit_all(self, sent: Sequence[SentMessage], revision: Revision, belongs: Belongs) -> EditCounts:
        """Edit messages, none of them if one would be too large. Raise as `edit`."""
        turns = Turns()
        for _, message in sent:
            revision.apply(message.stored)
            await turns.give()
        edited = await _for_each(sent, lambda feed, message: self._edit(feed, message, revision, belongs))
        return EditCounts(edited.count(True), edited.count(False))

    async def _edit(
        self, feed: Feed, message: Message, revision: Revision, belongs: Belongs = lambda _: True
    ) -> bool | None:
        """Return whether the edit changed the message; None if there is none any more. Raise Contention."""
        async for _ in Attempts():
            revised = revision.apply(message.stored)
            if revised is None:
                return False
            status = await self._messages.edit(feed, message, revised)
            if status is ChangeStatus.DONE:
                self._log.note_message(feed, message, ActivityOutcome.EDITED, ", ".join(revision.fields))
                return True
            found = await self._feeds.find(feed, message.id) if status is ChangeStatus.MOVED_ON else None
            if found is None or not belongs(found[0].stored):
                return None
            message = found[0]
        raise Contention

    async def _retract(self, feed: Feed, message: Message) -> bool:
        is_retracted = await self._messages.delete(feed, parse_message_id(message.id), is_retracted=True)
        if is_retracted:
            self._log.note_message(feed, message, ActivityOutcome.RETRACTED)
        return is_retracted


async def _for_each(sent: Sequence[SentMessage], change: Callable[[Feed, Message], Awaitable[T]]) -> list[T]:
    changed: list[T] = []
    for part in in_slices(sent, MAX_AT_ONCE):
        changed += await asyncio.gather(*(change(feed, message) for feed, message in part))
    return changed


def _parse_link(redirect: EditedRedirect | None, field: str) -> wire.LinkReply:
    if redirect is None or not (url := _checked(redirect.url, f"{field}.url")):
        return {}
    return {"url": url, "target": redirect.target} if redirect.target else {"url": url}


def _parse_button(kind: ButtonType, action: EditedAction | None) -> wire.ButtonReply | None:
    if action is None:
        return None
    return {"type": kind, "content": action.label, **_parse_link(action.redirect, f"{kind}Action.redirect")}


def _parse_avatar(url: str) -> str:
    if not _AVATAR.match(url):
        raise invalid("avatar", "avatar must be an http(s) URL or a path", url)
    return _checked(url, "avatar")


def _checked(url: str, field: str) -> str:
    check_stored_link(url, field)
    return url.strip()


def _parse_expiry(text: str) -> int:
    now = now_ms()
    try:
        ms = parse_moment(text, now)
    except ValueError as error:
        raise invalid("expiresAt", f"expiresAt {error}", text) from None
    if ms <= now:
        raise invalid("expiresAt", "expiresAt must be in the future", text)
    return ms
