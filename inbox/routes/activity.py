"""`/v1/notifications` and `/v1/execution-details`: what triggers did (rest-server.md §10)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, NotFound, invalid
from inbox.ids import is_object_id, parse_object_id, parse_subscriber_id
from inbox.models.activity import activity_view, execution_detail
from inbox.models.cursor_page import CursorQuery
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.routes.access import authenticate, services_of
from inbox.routes.reading import path_param, query_int, query_list
from inbox.routes.replies import data, page
from inbox.routes.who import contexts_of
from inbox.service.subscribers.listing import SubscriberFilter
from inbox.service.trigger.activity import ActivityFilter
from inbox.service.trigger.dispatches import progress_view
from inbox.store.rows import SEVERITIES

MAX_PAGE = 10_000
MAX_ROW = 10_000
MAX_LISTED = 100
PEOPLE_SEARCHED = 100
CHANNELS = ("in_app", "email", "sms", "chat", "push", "digest", "delay", "custom", "trigger")
NOT_KEPT = ("topicKey", "subscriptionId")


async def list_activities(request: Request) -> Response:
    """GET /v1/notifications → 200 `{page, hasMore, pageSize, data}`, newest first; row 10,000 is the deepest."""
    caller = await authenticate(request)
    number = query_int(request, "page", 0, 0, MAX_PAGE)
    limit = query_int(request, "limit", 10, 1, 50)
    if (number + 1) * limit > MAX_ROW + limit:
        raise invalid("page", f"page must not lead beyond row {MAX_ROW}: go on with before", number)
    wanted = await _filter_of(request, caller.environment)
    if wanted is None:
        return page({"page": 0, "hasMore": False, "pageSize": limit, "data": []})
    activities, is_full = await services_of(request).activity.page(caller.environment, wanted, number * limit, limit)
    views = [activity_view(activity, caller.environment) for activity in activities]
    return page({"page": number, "hasMore": is_full, "pageSize": limit, "data": views})


async def get_activity(request: Request) -> Response:
    """GET /v1/notifications/:notificationId → 200 the activity with every step; 404 unknown.

    `dispatch` is ours: how far its trigger has come, where that went to more than 100 people.
    """
    caller = await authenticate(request)
    activity_id = path_param(request, "notificationId")
    if not is_object_id(activity_id):
        raise NotFound(f"Notification with id {activity_id} was not found")
    services = services_of(request)
    activity = await services.activity.get(caller.environment, activity_id.lower())
    dispatch = await services.dispatches.progress(caller.environment, activity.transaction_id)
    shown = {"dispatch": progress_view(dispatch)} if dispatch else {}
    return data({**activity_view(activity, caller.environment), **shown})


async def list_execution_details(request: Request) -> Response:
    """GET /v1/execution-details?notificationId&subscriberId → 200 `[{detail, status, …}]`, oldest first."""
    caller = await authenticate(request)
    activity_id = parse_object_id(request.query_params.get("notificationId", ""), "notificationId")
    named = request.query_params.get("subscriberId")
    activity = await services_of(request).activity.get(caller.environment, activity_id)
    if named not in (None, activity.name, activity.subscriber_oid):
        raise NotFound(f"Notification with id {activity_id} was not found")
    owner = {
        "_environmentId": caller.environment.id,
        "_organizationId": caller.environment.organization_id,
        "_subscriberId": activity.subscriber_oid,
        "_notificationId": activity.id,
        "_notificationTemplateId": activity.workflow_id,
        "transactionId": activity.transaction_id,
        "channel": "in_app",
    }
    return data([{**owner, **execution_detail(activity, step)} for step in activity.steps])


async def _filter_of(request: Request, environment: Environment) -> ActivityFilter | None:
    """The filter of the query; None when it names people and none of them exists."""
    channels, severities = _listed(request, "channels"), _listed(request, "severity")
    _check(channels, CHANNELS, "channels")
    _check(severities, SEVERITIES, "severity")
    for name in NOT_KEPT:
        if request.query_params.get(name):
            raise BadRequest(f"{name} is not kept with activities: it cannot be filtered by")
    templates = [parse_object_id(one, "templates") for one in _listed(request, "templates")]
    after_ms, before_ms = _date(request, "after"), _date(request, "before")
    people = await _people(request, environment)
    if people == [] or (channels and "in_app" not in channels):
        return None
    contexts = query_list(request, "contextKeys")
    return ActivityFilter(
        templates=templates,
        subscribers=people,
        transactions=_listed(request, "transactionId"),
        severities=severities,
        contexts=contexts_of(contexts) if contexts else None,
        after_ms=after_ms,
        before_ms=before_ms,
    )


async def _people(request: Request, environment: Environment) -> list[Subscriber] | None:
    """The subscribers that subscriberIds, emails and search agree on; None when none of these is given."""
    ids, emails = _listed(request, "subscriberIds"), _listed(request, "emails")
    search = request.query_params.get("search", "").strip()
    named: list[list[Subscriber]] = []
    if ids:
        named.append(await _known(request, environment, ids))
    if emails:
        found = [await _search(request, environment, SubscriberFilter(email=one)) for one in emails]
        named.append([person for people in found for person in people])
    if search:
        by_name = await _search(request, environment, SubscriberFilter(name=search))
        by_email = await _search(request, environment, SubscriberFilter(email=search))
        named.append([*by_name, *by_email, *await _known(request, environment, [search])])
    if not named:
        return None
    agreed = set.intersection(*({one.oid for one in people} for people in named))
    return list({one.oid: one for one in named[0] if one.oid in agreed}.values())


async def _known(request: Request, environment: Environment, ids: Sequence[str]) -> list[Subscriber]:
    wanted = [parse_subscriber_id(one, "subscriberIds") for one in ids]
    return await services_of(request).subscribers.find_many(environment, wanted)


async def _search(request: Request, environment: Environment, wanted: SubscriberFilter) -> list[Subscriber]:
    found = await services_of(request).subscriber_list.find(environment, CursorQuery(PEOPLE_SEARCHED), wanted)
    return found.rows


def _listed(request: Request, name: str) -> list[str]:
    values = [value for value in query_list(request, name) if value]
    if len(values) > MAX_LISTED:
        raise invalid(name, f"{name} must contain no more than {MAX_LISTED} elements")
    return values


def _check(values: Iterable[str], allowed: tuple[str, ...], name: str) -> None:
    for value in values:
        if value not in allowed:
            words = ", ".join(allowed)
            raise invalid(name, f"each value in {name} must be one of the following values: {words}", value)


def _date(request: Request, name: str) -> int | None:
    """A date of the query in ms since 1970; without an offset it is UTC. Raises BadRequest."""
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        date = datetime.fromisoformat(text)
        return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise BadRequest(f"{name} must be an ISO-8601 date") from None
