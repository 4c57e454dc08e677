"""`/v1/notifications` and `/v1/execution-details`: the activity of triggers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request

from inbox.errors import BadRequest, NotFound, invalid
from inbox.http.auth import ApiCaller, services_of
from inbox.http.operation import operation
from inbox.http.queries import (
    LIMIT,
    PAGE,
    ContextKeys,
    ObjectIdText,
    OfSubscriber,
    SearchText,
    Severities,
    Transactions,
)
from inbox.http.requests import path_param
from inbox.http.responses import Bare, Data, bare, data
from inbox.http.target import contexts_of
from inbox.ids import is_object_id, parse_subscriber_id
from inbox.models import wire
from inbox.models.activity import activity_view, execution_detail_view
from inbox.models.cursor_page import CursorQuery
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.service.activity.activity import ActivityFilter
from inbox.service.subscribers.listing import SubscriberFilter
from inbox.service.trigger.dispatches import progress_view

MAX_ROW = 10_000
MAX_LISTED = 100
PEOPLE_SEARCHED = 100
DEFAULT_IDENTIFIER = re.compile("tk_(.+):si_.+", re.DOTALL)
"""Of a subscription: it has the topic's key."""

ActivityChannel = Literal["in_app", "email", "sms", "chat", "push", "digest", "delay", "custom", "trigger"]
SomeTexts = Annotated[list[str], Meta(max_length=MAX_LISTED)]
DateText = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class ListActivities(msgspec.Struct, rename="camel"):
    page: Annotated[int, PAGE, Meta(ge=0, le=MAX_ROW)] = 0
    limit: Annotated[int, LIMIT, Meta(ge=1, le=50)] = 10
    channels: Annotated[
        list[ActivityChannel],
        Meta(max_length=MAX_LISTED, description="Only of these channels: activities are of `in_app`"),
    ] = []
    templates: Annotated[
        list[ObjectIdText], Meta(max_length=MAX_LISTED, description="Only of these workflows, by their `_id`s")
    ] = []
    emails: Annotated[SomeTexts, Meta(description="Only of subscribers with one of these e-mail addresses")] = []
    subscriber_ids: Annotated[SomeTexts, Meta(description="Only of these subscribers")] = []
    severity: Annotated[Severities, Meta(max_length=MAX_LISTED)] = []
    search: SearchText = ""
    transaction_id: Annotated[Transactions, Meta(max_length=MAX_LISTED)] = []
    topic_key: Annotated[str, Meta(description="Only what came through this topic: its newest 100 triggers")] = ""
    subscription_id: Annotated[
        str, Meta(description="Only what came through this subscription of the topic: its `_id` or identifier")
    ] = ""
    context_keys: ContextKeys = None
    after: Annotated[DateText, Meta(description="From this ISO 8601 date on")] = ""
    before: Annotated[DateText, Meta(description="Up to this ISO 8601 date")] = ""


class ListExecutionDetails(msgspec.Struct, rename="camel", kw_only=True):
    notification_id: Annotated[ObjectIdText, Meta(description="The activity's `_id`")]
    subscriber_id: OfSubscriber = ""


@operation("GET /v1/notifications", "listActivities")
async def list_activities(
    request: Request, caller: ApiCaller, query: ListActivities
) -> Bare[wire.PageReply[wire.ActivityReply]]:
    """List what triggers did, newest first. Row 10,000 is the deepest."""
    number, limit = query.page, query.limit
    if (number + 1) * limit > MAX_ROW + limit:
        raise invalid("page", f"page must not lead beyond row {MAX_ROW}: go on with before", number)
    filtered = await _filter_of(request, caller.environment, query)
    if filtered is None:
        return bare({"page": 0, "hasMore": False, "pageSize": limit, "data": []})
    activities, is_full = await services_of(request).activity.page(caller.environment, filtered, number * limit, limit)
    views = [activity_view(activity, caller.environment) for activity in activities]
    return bare({"page": number, "hasMore": is_full, "pageSize": limit, "data": views})


@operation("GET /v1/notifications/{notificationId}", "getActivity")
async def get_activity(request: Request, caller: ApiCaller) -> Data[wire.ActivityReply]:
    """Get what a trigger did for one recipient.

    `dispatch` is ours: how far its trigger has come, if that went to more than 100 people.
    """
    activity_id = path_param(request, "notificationId")
    if not is_object_id(activity_id):
        raise NotFound(f"Notification with id {activity_id} was not found")
    services = services_of(request)
    activity = await services.activity.get(caller.environment, activity_id.lower())
    dispatch = await services.dispatches.progress(caller.environment, activity.transaction_id)
    view = activity_view(activity, caller.environment)
    if dispatch:
        view["dispatch"] = progress_view(dispatch)
    return data(view)


@operation("GET /v1/execution-details", "listExecutionDetails", errors=[404])
async def list_execution_details(
    request: Request, caller: ApiCaller, query: ListExecutionDetails
) -> Data[list[wire.ExecutionDetailReply]]:
    """List what happened when the steps of an activity ran. The oldest come first."""
    activity = await services_of(request).activity.get(caller.environment, query.notification_id)
    if query.subscriber_id not in ("", activity.name, activity.subscriber_oid):
        raise NotFound(f"Notification with id {query.notification_id} was not found")
    return data([execution_detail_view(activity, step, caller.environment) for step in activity.steps])


async def _filter_of(request: Request, environment: Environment, query: ListActivities) -> ActivityFilter | None:
    """Return the filter of the query, None if nothing can match: no such subscriber, or only other channels."""
    after_ms, before_ms = _parse_date("after", query.after), _parse_date("before", query.before)
    subscribers = await _subscribers(request, environment, query)
    if subscribers == [] or (query.channels and "in_app" not in query.channels):
        return None
    origin = None
    if topic_key := _topic_key(query):
        origin = await services_of(request).topic_origins.find(environment, topic_key, query.subscription_id)
        if origin is None:
            return None
        if origin.subscriber is not None:
            if subscribers is not None and origin.subscriber.oid not in {one.oid for one in subscribers}:
                return None
            subscribers = [origin.subscriber]
    return ActivityFilter(
        templates=query.templates,
        subscribers=subscribers,
        transactions=query.transaction_id,
        severities=query.severity,
        contexts=contexts_of(query.context_keys) if query.context_keys else None,
        origin=origin,
        after_ms=after_ms,
        before_ms=before_ms,
    )


def _topic_key(query: ListActivities) -> str:
    """Return the key of the topic that is filtered by. Raise BadRequest if it cannot be told from a subscription."""
    if query.topic_key or not query.subscription_id:
        return query.topic_key
    named = DEFAULT_IDENTIFIER.fullmatch(query.subscription_id)
    if named is None:
        raise BadRequest("subscriptionId needs topicKey, unless it is an identifier tk_<topicKey>:si_<subscriberId>")
    return named[1]


async def _subscribers(request: Request, environment: Environment, query: ListActivities) -> list[Subscriber] | None:
    """Return the subscribers that match subscriberIds, emails and search, None if all three are absent."""
    ids, emails, search = query.subscriber_ids, query.emails, query.search.strip()
    matches: list[list[Subscriber]] = []
    if ids:
        matches.append(await _subscribers_of(request, environment, ids))
    if emails:
        by_emails = [await _search(request, environment, SubscriberFilter(email=email)) for email in emails]
        matches.append([subscriber for subscribers in by_emails for subscriber in subscribers])
    if search:
        by_name = await _search(request, environment, SubscriberFilter(name=search))
        by_email = await _search(request, environment, SubscriberFilter(email=search))
        matches.append([*by_name, *by_email, *await _subscribers_of(request, environment, [search])])
    if not matches:
        return None
    oids = set.intersection(*({subscriber.oid for subscriber in subscribers} for subscribers in matches))
    return list({subscriber.oid: subscriber for subscriber in matches[0] if subscriber.oid in oids}.values())


async def _subscribers_of(request: Request, environment: Environment, ids: Sequence[str]) -> list[Subscriber]:
    subscriber_ids = [parse_subscriber_id(one, "subscriberIds") for one in ids]
    return await services_of(request).subscribers.find_many(environment, subscriber_ids)


async def _search(request: Request, environment: Environment, filtered: SubscriberFilter) -> list[Subscriber]:
    listed = await services_of(request).subscriber_list.find(environment, CursorQuery(PEOPLE_SEARCHED), filtered)
    return listed.rows


def _parse_date(name: str, text: str) -> int | None:
    """Return a date of the query in ms since 1970; without an offset it is UTC. Raise BadRequest."""
    if not text:
        return None
    try:
        date = datetime.fromisoformat(text)
        return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise BadRequest(f"{name} must be an ISO-8601 date") from None
