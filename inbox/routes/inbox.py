"""`/v1/inbox/session`: how a browser comes in (rest-inbox.md §2)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, invalid
from inbox.models.context_keys import parse_context
from inbox.models.session import SessionRequest
from inbox.routes.access import services_of
from inbox.routes.notifications import COUNT_CAP, MAX_SNOOZE_HOURS
from inbox.routes.reading import read_body
from inbox.routes.replies import data
from inbox.store.rows import Counts


async def open_session(request: Request) -> Response:
    """POST /v1/inbox/session → 201 with a token, the unread counts and what the widget needs to know.

    The hash is checked whenever it is sent and required where settings say so; only with a valid one is the profile
    of a known subscriber changed.
    """
    body = await read_body(request, SessionRequest)
    if body.is_keyless:
        raise BadRequest("Please provide a valid application identifier")
    subscriber_id, profile = body.who()
    if body.application_identifier is None:
        raise invalid("applicationIdentifier", "applicationIdentifier should not be empty")
    context, default_schedule = parse_context(body.context), body.schedule()
    services = services_of(request)
    sessions = services.sessions
    environment = await sessions.admit(body.application_identifier, subscriber_id, body.subscriber_hash)
    sessions.admit_context(environment, body.canonical_context(), body.context_hash, named=bool(context.keys))
    trusted = body.subscriber_hash is not None
    token, subscriber = await sessions.open(
        environment, subscriber_id, profile, trusted=trusted, context_keys=context.keys
    )
    schedule = await services.preferences.schedule(environment, subscriber, default_schedule)
    unread = _unread(await services.feed.counts(environment, subscriber, context.name))
    reply = {
        "token": token,
        "totalUnreadCount": unread["total"],
        "unreadCount": unread,
        "removeNovuBranding": True,
        "isDevelopmentMode": not environment.is_production,
        "maxSnoozeDurationHours": MAX_SNOOZE_HOURS,
        "applicationIdentifier": environment.identifier,
        **({"schedule": schedule} if schedule else {}),
        "contextKeys": context.keys,
    }
    return data(reply, 201)


def _unread(counts: Counts) -> dict[str, Any]:
    """Unread and not snoozed, in all and by severity, each capped at 100."""
    severity = {name: min(getattr(counts, name), COUNT_CAP) for name in ("high", "medium", "low", "none")}
    return {"total": min(counts.badge, COUNT_CAP), "severity": severity}
