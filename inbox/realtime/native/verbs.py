"""The requests of native clients after `connect`, each with the checks and effects of the REST call beside it.

A verb of `READS` answers with what it read, one of `CHANGES` with what it changed; the position is added to that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal, NamedTuple, cast

import msgspec
from msgspec import Meta

from inbox.errors import NotFound, Unauthorized, invalid
from inbox.http.requests import convert
from inbox.ids import parse_object_id
from inbox.models.dates import iso
from inbox.models.message import ButtonStatus, ButtonType
from inbox.models.preference import ChannelChoices, Criticality, Schedule
from inbox.models.subscriber import Subscriber
from inbox.models.workflow import Severity
from inbox.realtime.handshake import OpenSocket
from inbox.realtime.native.connect import ListQuery, read_list
from inbox.realtime.native.connection import NativeConnection
from inbox.service.feed.feed import COUNT_CAP
from inbox.service.feed.marks import unknown_message
from inbox.service.feed.notification_filter import NotificationFilter, parse_data, parse_filters, parse_tags
from inbox.service.feed.snooze_limits import parse_snooze_end
from inbox.service.subscribers.preference_views import inbox_global, inbox_item, inbox_preferences
from inbox.services import Services
from inbox.store import changes
from inbox.store.feed import Feed

VerbResult = Mapping[str, object]

MARKS = {
    "read": changes.INBOX_READ,
    "unread": changes.INBOX_UNREAD,
    "seen": changes.INBOX_SEEN,
    "archived": changes.INBOX_ARCHIVE,
    "unarchived": changes.INBOX_UNARCHIVE,
    "read_archived": changes.INBOX_ARCHIVE_READ,
}


class Caller(NamedTuple):
    """Who makes a request: an open socket."""

    services: Services
    socket: OpenSocket

    @property
    def feed(self) -> Feed:
        return self.socket.connected.feed

    @property
    def connection(self) -> NativeConnection:
        return cast(NativeConnection, self.socket.connection)

    async def count_request(self) -> None:
        """Count a request against the limit of the subscriber, as one of REST. Raise TooManyRequests."""
        limiter = self.services.rate_limiter
        if limiter.limits("subscriber"):
            number = self.socket.environment.number
            allowance = await limiter.take("subscriber", number, self.feed.subscriber_oid)
            if allowance is not None:
                allowance.check()

    async def subscriber(self) -> Subscriber:
        """Return the subscriber as it is stored. Raise Unauthorized for one that was deleted."""
        found = await self.services.subscribers.get(self.socket.environment, self.feed.subscriber_id)
        if found.oid != self.feed.subscriber_oid:
            raise Unauthorized
        return found


Verb = Callable[[Caller, Mapping[str, Any]], Awaitable[VerbResult]]
Ids = Annotated[list[str], Meta(min_length=1, max_length=100)]


class Where(msgspec.Struct, forbid_unknown_fields=True):
    """All notifications that match; an unknown field is refused, since without it too many would."""

    tags: Any = None
    data: str | dict[str, Any] | None = None

    def filter(self) -> NotificationFilter:
        """Return the filter. Raise ValidationFailed (tags) or BadRequest (data)."""
        return NotificationFilter(tags=parse_tags(self.tags), data=parse_data(self.data))


class Chosen(msgspec.Struct):
    """Notifications by id, or all that match."""

    ids: Ids | None = None
    where: Where | None = None

    def named(self) -> list[str] | None:
        """Return the ids, None if there is a filter. Raise ValidationFailed unless there is just one of the two."""
        if (self.ids is None) == (self.where is None):
            raise invalid("ids", "there must be either ids or where")
        return None if self.ids is None else _parse_ids(self.ids)


class MarkRequest(Chosen, kw_only=True):
    mark_as: Literal["read", "unread", "seen", "archived", "unarchived", "read_archived"] = msgspec.field(name="as")


class SnoozeRequest(msgspec.Struct):
    ids: Ids
    until: str


class UnsnoozeRequest(msgspec.Struct):
    ids: Ids


class ActRequest(msgspec.Struct):
    id: str
    type: ButtonType
    status: ButtonStatus
    payload: Any = None


class CountRequest(msgspec.Struct):
    filters: list[dict[str, Any]] = msgspec.field(default_factory=lambda: [{}])


class ListPreferencesRequest(msgspec.Struct):
    criticality: Criticality = "nonCritical"
    tags: list[str] = []
    severity: list[Severity] = []


class SetPreferences(ChannelChoices, frozen=True, omit_defaults=True, kw_only=True):
    """Channels of a workflow, or in general; the schedule is general."""

    workflow_id: str | None = msgspec.field(name="workflowId", default=None)
    schedule: Schedule | None = None


class RenewRequest(msgspec.Struct):
    token: str


async def list_notifications(caller: Caller, arguments: Mapping[str, Any]) -> VerbResult:
    """Return a page, with the position at which it was read."""
    view, page = await read_list(caller.services, caller.socket, ListQuery(arguments))
    return {**view, "position": caller.feed.position_text(page.state.position)}


async def count(caller: Caller, arguments: Mapping[str, Any]) -> VerbResult:
    """Return a count for each filter, capped as those of REST, and the position at which they were read."""
    raw = convert(arguments, CountRequest).filters
    read = await caller.services.feed.count_each([caller.feed], parse_filters(raw))
    data = [{"count": min(n, COUNT_CAP), "filter": item} for n, item in zip(read.counts, raw, strict=True)]
    return {"data": data, "position": caller.feed.position_text(read.positions[0])}


async def preferences(caller: Caller, arguments: Mapping[str, Any]) -> VerbResult:
    """Return the global preference and those of active workflows."""
    request = convert(arguments, ListPreferencesRequest)
    chosen = await caller.services.preferences.read_for(caller.socket.environment, await caller.subscriber())
    workflows = chosen.listed(request.criticality, frozenset(request.tags), frozenset(request.severity))
    return {"data": inbox_preferences(chosen, workflows)}


async def renew(caller: Caller, arguments: Mapping[str, Any]) -> VerbResult:
    """Take a new token of the same session. Raise Unauthorized for any other."""
    socket, feed = caller.socket, caller.feed
    session = await caller.services.sessions.verify(convert(arguments, RenewRequest).token)
    own = (socket.environment.number, feed.subscriber_oid, feed.contexts)
    if (session.environment.number, session.subscriber.oid, session.contexts) != own:
        raise Unauthorized("The token is of another subscriber or context")
    socket.environment, socket.expires_at = session.environment, session.expires_at
    return {"expiresAt": iso(int(session.expires_at * 1000))}


async def mark(caller: Caller, arguments: Mapping[str, Any]) -> VerbResult:
    """Mark the named notifications, or all that match."""
    request = convert(arguments, MarkRequest)
    ids, change = request.named(), MARKS[request.mark_as]
    if request.where is not None:
        await caller.services.marks.mark_all([caller.feed], change, request.where.filter())
    elif ids is not None:
        if request.mark_as == "read_archived":
            raise invalid("as", "read_archived is for notifications that match, not for named ones")
        marked = await caller.services.marks.mark_named([caller.feed], ids, change)
        if not marked and request.mark_as != "seen":  # REST ignores unknown ones there
            raise unknown_message(ids[0])
    return {}


async def snooze(caller: Caller, arguments: Mapping[str, Any]) -> VerbResult:
    """Snooze notifications until a date."""
    request = convert(arguments, SnoozeRequest)
    until_ms = parse_snooze_end(request.until, "until")
    ids, snoozed = _parse_ids(request.ids), 0
    for message_id in dict.fromkeys(ids):
        with suppress(NotFound):
            await caller.services.marks.snooze([caller.feed], message_id, until_ms)
            snoozed += 1
    if not snoozed:
        raise unknown_message(ids[0])
    return {}


async def unsnooze(caller: Caller, arguments: Mapping[str, Any]) -> VerbResult:
    """End the snooze of notifications."""
    ids = _parse_ids(convert(arguments, UnsnoozeRequest).ids)
    if not await caller.services.marks.mark_named([caller.feed], ids, changes.INBOX_UNSNOOZE):
        raise unknown_message(ids[0])
    return {}


async def act(caller: Caller, arguments: Mapping[str, Any]) -> VerbResult:
    """Complete or revert a button."""
    request = convert(arguments, ActRequest)
    message_id = parse_object_id(request.id, "id")
    await caller.services.marks.complete([caller.feed], message_id, request.type, request.status, request.payload)
    return {}


async def delete(caller: Caller, arguments: Mapping[str, Any]) -> VerbResult:
    """Delete the named notifications, or all that match."""
    request = convert(arguments, Chosen)
    ids = request.named()
    if request.where is not None:
        await caller.services.marks.delete_all([caller.feed], request.where.filter())
    elif ids is not None and not await caller.services.marks.delete_many([caller.feed], ids):
        raise unknown_message(ids[0])
    return {}


async def set_preferences(caller: Caller, arguments: Mapping[str, Any]) -> VerbResult:
    """Change the preference of a workflow, or the global one, and return it."""
    request = convert(arguments, SetPreferences)
    service, environment = caller.services.preferences, caller.socket.environment
    subscriber = await caller.subscriber()
    if request.workflow_id is None:
        schedule = request.schedule.to_stored() if request.schedule else None
        return {
            "data": inbox_global(await service.choose_everywhere(environment, subscriber, request.chosen(), schedule))
        }
    if request.schedule is not None:
        raise invalid("schedule", "a schedule is for all workflows")
    chosen, [workflow] = await service.choose(environment, subscriber, [(request.workflow_id, request.chosen())])
    return {"data": inbox_item(chosen, workflow)}


def _parse_ids(texts: list[str]) -> list[str]:
    return [parse_object_id(text, "ids") for text in texts]


READS: Mapping[str, Verb] = {
    "list": list_notifications,
    "count": count,
    "preferences": preferences,
    "renew": renew,
}
CHANGES: Mapping[str, Verb] = {
    "mark": mark,
    "snooze": snooze,
    "unsnooze": unsnooze,
    "act": act,
    "delete": delete,
    "set_preferences": set_preferences,
}
