"""`/v1/inbox/session`: the session of a page."""

from __future__ import annotations

from typing import cast

from starlette.requests import Request

from inbox.errors import BadRequest, invalid
from inbox.http.auth import services_of
from inbox.http.operation import operation
from inbox.http.responses import Data, data
from inbox.models import wire
from inbox.models.context_keys import parse_context
from inbox.models.environment import Environment
from inbox.models.json_values import JsonObject
from inbox.models.preference import Schedule
from inbox.models.session import SessionRequest
from inbox.service.feed.feed import COUNT_CAP
from inbox.service.feed.snooze_limits import MAX_SNOOZE_HOURS
from inbox.store.rows import FeedCounts


@operation("POST /v1/inbox/session", "openInboxSession", status=201, errors=[404], is_open=True)
async def open_session(request: Request, body: SessionRequest) -> Data[wire.SessionReply]:
    """Open the session of a page.

    The answer has a token, the unread counts and what the widget needs to know. The hash is checked whenever it is sent
    and required where settings say so; only with a valid one is the profile of a known subscriber changed.
    """
    if body.is_keyless:
        raise BadRequest("Please provide a valid application identifier")
    subscriber_id, profile = body.target()
    if body.application_identifier is None:
        raise invalid("applicationIdentifier", "applicationIdentifier should not be empty")
    context, default_schedule = parse_context(body.context), body.schedule()
    services = services_of(request)
    sessions = services.sessions
    environment = await sessions.authorize(body.application_identifier, subscriber_id, body.subscriber_hash)
    sessions.authorize_context(environment, body.canonical_context(), body.context_hash, required=bool(context.keys))
    trusted = body.subscriber_hash is not None
    token, subscriber = await sessions.open(
        environment, subscriber_id, profile, trusted=trusted, context_keys=context.keys
    )
    schedule = await services.preferences.schedule(environment, subscriber, default_schedule)
    counts = await services.feed.counts(environment, subscriber, context.name)
    return data(_session_view(token, environment, counts, schedule, context.keys), 201)


@wire.without_nulls
def _session_view(
    token: str, environment: Environment, counts: FeedCounts, schedule: JsonObject | None, context_keys: list[str]
) -> wire.SessionReply:
    unread = _unread(counts)
    return {
        "token": token,
        "totalUnreadCount": unread["total"],
        "unreadCount": unread,
        "removeNovuBranding": True,
        "isDevelopmentMode": not environment.is_production,
        "maxSnoozeDurationHours": MAX_SNOOZE_HOURS,
        "applicationIdentifier": environment.identifier,
        "schedule": cast("Schedule | None", schedule or None),
        "contextKeys": context_keys,
    }


def _unread(counts: FeedCounts) -> wire.UnreadCount:
    """Return the counts of unread messages that are not snoozed, each capped at 100."""
    return {
        "total": min(counts.badge, COUNT_CAP),
        "severity": {
            "high": min(counts.high, COUNT_CAP),
            "medium": min(counts.medium, COUNT_CAP),
            "low": min(counts.low, COUNT_CAP),
            "none": min(counts.none, COUNT_CAP),
        },
    }
