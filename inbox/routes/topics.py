"""`/v1/topics` and `/v2/topics`: named groups of subscribers."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, NotFound, ValidationFailed
from inbox.http.auth import ApiCaller, services_of
from inbox.http.operation import operation
from inbox.http.queries import ORDER_BY, CursorPageQuery, FailIfExists, NamePart, PageNumber, TopicKey, read_query
from inbox.http.requests import path_param
from inbox.http.responses import Bare, Data, bare, data, no_content
from inbox.ids import SubscriberId, parse_subscriber_id
from inbox.models import wire
from inbox.models.topic import (
    SubscriptionItem,
    TopicCreateV1,
    TopicRename,
    TopicSubscribers,
    TopicUpsert,
    member_view_v1,
    parse_topic_key,
    topic_view,
    topic_view_v1,
)
from inbox.service.topics.topics import TopicFilter, unknown_topic

MAX_PAGE_SIZE = 10


class ListTopics(CursorPageQuery):
    order_by: Annotated[Literal["_id", "createdAt", "updatedAt"], ORDER_BY] = "_id"
    key: TopicKey = ""
    name: NamePart = ""


class ListTopicsV1(msgspec.Struct, rename="camel"):
    """A numbered page of topics; here its mistakes are 400, elsewhere 422."""

    page: PageNumber = 0
    page_size: Annotated[int, Meta(ge=1, le=MAX_PAGE_SIZE, description="How many rows a page has")] = MAX_PAGE_SIZE
    key: TopicKey = ""
    name: NamePart = ""


@operation("GET /v2/topics", "listTopics")
async def list_topics(
    request: Request, caller: ApiCaller, query: ListTopics
) -> Bare[wire.CursorPageReply[wire.TopicReply]]:
    """List topics. `key` and `name` are looked for anywhere in theirs."""
    order: Literal["created", "updated"] = "updated" if query.order_by == "updatedAt" else "created"
    filtered = TopicFilter(query.key, query.name)
    listed = await services_of(request).topics.list_page(caller.environment, query.cursor(), order, filtered)
    return bare(listed.view([topic_view(topic) for topic in listed.rows]))


@operation("POST /v2/topics", "createTopic", status=201, errors=[409])
async def upsert(request: Request, caller: ApiCaller, query: FailIfExists, body: TopicUpsert) -> Data[wire.TopicReply]:
    """Create a topic or rename a known one. A known one is 409 if `failIfExists` is set."""
    key, may_exist = parse_topic_key(body.key), not query.fail_if_exists
    topic = await services_of(request).topics.upsert(caller.environment, key, body.name, may_exist=may_exist)
    return data(topic_view(topic), 201)


@operation("GET /v2/topics/{topicKey}", "getTopic")
async def get(request: Request, caller: ApiCaller) -> Data[wire.TopicReply]:
    """Get a topic."""
    return data(topic_view(await services_of(request).topics.get(caller.environment, topic_param(request))))


@operation("PATCH /v2/topics/{topicKey}", "renameTopic")
async def rename(request: Request, caller: ApiCaller, body: TopicRename) -> Data[wire.TopicReply]:
    """Rename a topic."""
    topic = await services_of(request).topics.rename(caller.environment, topic_param(request), body.name)
    return data(topic_view(topic))


@operation("DELETE /v2/topics/{topicKey}", "deleteTopic")
async def delete(request: Request, caller: ApiCaller) -> Data[wire.Acknowledged]:
    """Delete a topic and its subscriptions."""
    await services_of(request).topics.delete(caller.environment, topic_param(request))
    return data({"acknowledged": True})


@operation("POST /v1/topics", "createTopicV1", status=201, errors=[409])
async def create_v1(request: Request, caller: ApiCaller, body: TopicCreateV1) -> Data[wire.TopicCreatedV1]:
    """Create a topic. A key that is taken is 409."""
    topics, key = services_of(request).topics, parse_topic_key(body.key)
    topic = await topics.upsert(caller.environment, key, body.name, may_exist=False)
    return data({"_id": topic.oid, "key": topic.key}, 201)


@operation("GET /v1/topics", "listTopicsV1", query=ListTopicsV1)
async def list_v1(request: Request, caller: ApiCaller) -> Bare[wire.CountedPageReply[wire.TopicReplyV1]]:
    """List topics, page by page. The newest come first; `key` and `name` are exact."""
    try:
        query = read_query(request, ListTopicsV1)
    except ValidationFailed as error:
        raise BadRequest(error.reason) from None
    topics, environment = services_of(request).topics, caller.environment
    listed, total = await topics.list_numbered(
        environment, query.page, query.page_size, query.key or None, query.name or None
    )
    views = [topic_view_v1(topic, environment, [*await topics.member_ids(environment, topic)]) for topic in listed]
    return bare({"data": views, "page": query.page, "pageSize": query.page_size, "totalCount": total})


@operation("GET /v1/topics/{topicKey}", "getTopicV1")
async def get_v1(request: Request, caller: ApiCaller) -> Data[wire.TopicReplyV1]:
    """Get a topic and its subscribers."""
    topics = services_of(request).topics
    topic = await topics.get(caller.environment, topic_param(request))
    members = [*await topics.member_ids(caller.environment, topic)]
    return data(topic_view_v1(topic, caller.environment, members))


@operation("PATCH /v1/topics/{topicKey}", "renameTopicV1")
async def rename_v1(request: Request, caller: ApiCaller, body: TopicRename) -> Data[wire.TopicReplyV1]:
    """Rename a topic."""
    topics = services_of(request).topics
    topic = await topics.rename(caller.environment, topic_param(request), body.name)
    return data(topic_view_v1(topic, caller.environment, [*await topics.member_ids(caller.environment, topic)]))


@operation("DELETE /v1/topics/{topicKey}", "deleteTopicV1", errors=[409])
async def delete_v1(request: Request, caller: ApiCaller) -> Response:
    """Delete a topic without subscribers. A topic with subscribers is 409."""
    await services_of(request).topics.delete_empty(caller.environment, topic_param(request))
    return no_content()


@operation("POST /v1/topics/{topicKey}/subscribers", "addTopicSubscribers")
async def add_subscribers(
    request: Request, caller: ApiCaller, body: TopicSubscribers
) -> Data[wire.TopicSubscribersReply]:
    """Add subscribers to a topic. The topic is made if it is missing; unknown subscribers are listed as not found."""
    key, items = _new_topic_key(request), _items(body)
    batch = await services_of(request).subscriptions.subscribe(
        caller.environment, key, items, topic_name=f"Autogenerated-{key}"
    )
    done = list(dict.fromkeys(one.subscriber.subscriber_id for one in batch.memberships if one.subscriber))
    missing = [error["subscriberId"] for error in batch.errors]
    reply: wire.TopicSubscribersReply = {"succeeded": done}
    if missing:
        reply["failed"] = {"notFound": missing}
    return data(reply)


@operation("POST /v1/topics/{topicKey}/subscribers/removal", "removeTopicSubscribers")
async def remove_subscribers(request: Request, caller: ApiCaller, body: TopicSubscribers) -> Response:
    """Remove subscribers from a topic. Subscribers that are not in it are ignored."""
    key, items = _new_topic_key(request), _items(body)
    with suppress(NotFound):  # nobody is in a topic that does not exist
        await services_of(request).subscriptions.unsubscribe(caller.environment, key, items)
    return no_content()


@operation("GET /v1/topics/{topicKey}/subscribers/{externalSubscriberId}", "getTopicSubscriber")
async def get_member(request: Request, caller: ApiCaller) -> Data[wire.TopicMemberReply]:
    """Get a subscriber's membership of a topic."""
    subscriber_id = parse_subscriber_id(path_param(request, "externalSubscriberId"), "externalSubscriberId")
    member = await services_of(request).memberships.member(
        caller.environment, topic_param(request), SubscriberId(subscriber_id)
    )
    if member.subscriber is None:
        raise unknown_topic(member.topic.key)
    return data(member_view_v1(member.topic, member.subscriber, caller.environment))


def topic_param(request: Request) -> str:
    """Return the topic key of the path. Raise NotFound for a malformed one."""
    key = path_param(request, "topicKey")
    try:
        return parse_topic_key(key, "topicKey")
    except (BadRequest, ValidationFailed):
        raise unknown_topic(key) from None


def _new_topic_key(request: Request) -> str:
    return parse_topic_key(path_param(request, "topicKey"), "topicKey")


def _items(body: TopicSubscribers) -> list[SubscriptionItem]:
    return [SubscriptionItem(subscriber_id=one if isinstance(one, str) else "") for one in body.subscribers]
