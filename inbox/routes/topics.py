"""`/v1/topics` and `/v2/topics`: named groups of subscribers (rest-server.md §6-7)."""

from __future__ import annotations

from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, NotFound, ValidationFailed
from inbox.ids import SubscriberId, parse_subscriber_id
from inbox.models.topic import (
    Subscribers,
    SubscriptionItem,
    TopicCreateV1,
    TopicRename,
    TopicUpsert,
    member_view_v1,
    parse_topic_key,
    topic_view,
    topic_view_v1,
)
from inbox.routes.access import ApiCaller, authenticate, services_of
from inbox.routes.cursors import cursor_query
from inbox.routes.reading import path_param, query_bool, query_int, query_one_of, read_body
from inbox.routes.replies import data, no_content, page
from inbox.service.topics.topics import TopicFilter, unknown_topic

MAX_PAGE = 1_000_000
MAX_PAGE_SIZE = 10


async def list_topics(request: Request) -> Response:
    """GET /v2/topics → 200 a cursor page; `key` and `name` are looked for anywhere in theirs."""
    caller = await authenticate(request)
    order_by = query_one_of(request, "orderBy", ("_id", "createdAt", "updatedAt"), "_id")
    wanted = TopicFilter(request.query_params.get("key", ""), request.query_params.get("name", ""))
    found = await services_of(request).topics.list_page(
        caller.environment, cursor_query(request), "updated" if order_by == "updatedAt" else "created", wanted
    )
    return page(found.view([topic_view(topic) for topic in found.rows]))


async def upsert(request: Request) -> Response:
    """POST /v2/topics?failIfExists= → 201 the topic, made or renamed; 409 for a known one when asked to."""
    caller = await authenticate(request)
    body = await read_body(request, TopicUpsert)
    key, may_exist = parse_topic_key(body.key), not query_bool(request, "failIfExists")
    topic = await services_of(request).topics.upsert(caller.environment, key, body.name, may_exist=may_exist)
    return data(topic_view(topic), 201)


async def get(request: Request) -> Response:
    """GET /v2/topics/:topicKey → 200, 404."""
    caller = await authenticate(request)
    return data(topic_view(await services_of(request).topics.get(caller.environment, topic_param(request))))


async def rename(request: Request) -> Response:
    """PATCH /v2/topics/:topicKey → 200, 404."""
    caller = await authenticate(request)
    key, body = topic_param(request), await read_body(request, TopicRename)
    return data(topic_view(await services_of(request).topics.rename(caller.environment, key, body.name)))


async def delete(request: Request) -> Response:
    """DELETE /v2/topics/:topicKey → 200 `{acknowledged}`, with its subscriptions; 404."""
    caller = await authenticate(request)
    await services_of(request).topics.delete(caller.environment, topic_param(request))
    return data({"acknowledged": True})


async def create_v1(request: Request) -> Response:
    """POST /v1/topics → 201 `{_id, key}`; 409 when the key is taken."""
    caller = await authenticate(request)
    body = await read_body(request, TopicCreateV1)
    topics, key = services_of(request).topics, parse_topic_key(body.key)
    topic = await topics.upsert(caller.environment, key, body.name, may_exist=False)
    return data({"_id": topic.oid, "key": topic.key}, 201)


async def list_v1(request: Request) -> Response:
    """GET /v1/topics → 200 `{data, page, pageSize, totalCount}`, newest first; `key` and `name` are exact."""
    caller = await authenticate(request)
    try:
        number = query_int(request, "page", 0, 0, MAX_PAGE)
        page_size = query_int(request, "pageSize", MAX_PAGE_SIZE, 1, MAX_PAGE_SIZE)
    except ValidationFailed as error:
        raise BadRequest("; ".join(error.fields["general"])) from None
    key, name = request.query_params.get("key") or None, request.query_params.get("name") or None
    topics, environment = services_of(request).topics, caller.environment
    listed, total = await topics.list_numbered(environment, number, page_size, key, name)
    views = [topic_view_v1(topic, environment, [*await topics.member_ids(environment, topic)]) for topic in listed]
    return page({"data": views, "page": number, "pageSize": page_size, "totalCount": total})


async def get_v1(request: Request) -> Response:
    """GET /v1/topics/:topicKey → 200 the topic with the subscriberIds of its members, 404."""
    caller = await authenticate(request)
    topics = services_of(request).topics
    topic = await topics.get(caller.environment, topic_param(request))
    members = [*await topics.member_ids(caller.environment, topic)]
    return data(topic_view_v1(topic, caller.environment, members))


async def rename_v1(request: Request) -> Response:
    """PATCH /v1/topics/:topicKey → 200 the topic, 404."""
    caller = await authenticate(request)
    key, body = topic_param(request), await read_body(request, TopicRename)
    topics = services_of(request).topics
    topic = await topics.rename(caller.environment, key, body.name)
    return data(topic_view_v1(topic, caller.environment, [*await topics.member_ids(caller.environment, topic)]))


async def delete_v1(request: Request) -> Response:
    """DELETE /v1/topics/:topicKey → 204; 404, and 409 while it has subscribers."""
    caller = await authenticate(request)
    await services_of(request).topics.delete_empty(caller.environment, topic_param(request))
    return no_content()


async def add_subscribers(request: Request) -> Response:
    """POST /v1/topics/:topicKey/subscribers → 200 `{succeeded, failed?: {notFound}}`; the topic is made if missing."""
    caller, key, items = await _named_subscribers(request)
    outcome = await services_of(request).subscriptions.subscribe(
        caller.environment, key, items, topic_name=f"Autogenerated-{key}"
    )
    done = list(dict.fromkeys(one.subscriber.subscriber_id for one in outcome.done if one.subscriber))
    missing = [error["subscriberId"] for error in outcome.errors]
    return data({"succeeded": done, **({"failed": {"notFound": missing}} if missing else {})})


async def remove_subscribers(request: Request) -> Response:
    """POST /v1/topics/:topicKey/subscribers/removal → 204, also for subscribers that are not in it."""
    caller, key, items = await _named_subscribers(request)
    with suppress(NotFound):  # nobody is in a topic that does not exist
        await services_of(request).subscriptions.unsubscribe(caller.environment, key, items)
    return no_content()


async def get_member(request: Request) -> Response:
    """GET /v1/topics/:topicKey/subscribers/:subscriberId → 200 the membership, 404."""
    caller = await authenticate(request)
    subscriber_id = parse_subscriber_id(path_param(request, "externalSubscriberId"), "externalSubscriberId")
    found = await services_of(request).memberships.member(
        caller.environment, topic_param(request), SubscriberId(subscriber_id)
    )
    if found.subscriber is None:
        raise unknown_topic(found.topic.key)
    return data(member_view_v1(found.topic, found.subscriber, caller.environment))


def topic_param(request: Request) -> str:
    """The topic key of the path; one that cannot be is not looked for. Raises NotFound."""
    key = path_param(request, "topicKey")
    try:
        return parse_topic_key(key, "topicKey")
    except (BadRequest, ValidationFailed):
        raise unknown_topic(key) from None


async def _named_subscribers(request: Request) -> tuple[ApiCaller, str, list[SubscriptionItem]]:
    caller = await authenticate(request)
    body = await read_body(request, Subscribers)
    items = [SubscriptionItem(subscriber_id=one if isinstance(one, str) else "") for one in body.subscribers]
    return caller, parse_topic_key(path_param(request, "topicKey"), "topicKey"), items
