"""`/v2/topics/{topicKey}/subscriptions` and `/v2/subscribers/{subscriberId}/subscriptions`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest
from inbox.http.auth import ApiCaller, services_of
from inbox.http.operation import operation
from inbox.http.queries import ContextKeys, CursorPageQuery, OfSubscriber, TopicKey, sorted_context_keys
from inbox.http.requests import path_param, subscriber_param
from inbox.http.responses import Bare, Data, bare, data, no_content
from inbox.ids import parse_subscriber_id
from inbox.models import wire
from inbox.models.context_keys import parse_context
from inbox.models.environment import Environment
from inbox.models.topic import (
    SubscriptionPatch,
    SubscriptionsRequest,
    details_view,
    listed_view,
    parse_topic_key,
    subscription_view,
)
from inbox.routes.topics import topic_param
from inbox.service.topics.memberships import Membership
from inbox.service.topics.subscriptions import SubscriptionBatch


class ListOfTopic(CursorPageQuery):
    subscriber_id: OfSubscriber = ""
    context_keys: ContextKeys = None


class ListOfSubscriber(CursorPageQuery):
    key: TopicKey = ""
    context_keys: ContextKeys = None


@operation("GET /v2/topics/{topicKey}/subscriptions", "listTopicSubscriptions")
async def list_of_topic(
    request: Request, caller: ApiCaller, query: ListOfTopic
) -> Bare[wire.CursorPageReply[wire.ListedSubscription]]:
    """List the subscriptions of a topic."""
    subscriber_id = parse_subscriber_id(query.subscriber_id) if query.subscriber_id else None
    context_keys = sorted_context_keys(query.context_keys)
    listed = await services_of(request).memberships.list_page(
        caller.environment, topic_param(request), query.cursor(), subscriber_id, context_keys
    )
    return bare(listed.view(_listed(listed.rows)))


@operation("GET /v2/subscribers/{subscriberId}/subscriptions", "listSubscriberSubscriptions")
async def list_of_subscriber(
    request: Request, caller: ApiCaller, query: ListOfSubscriber
) -> Bare[wire.CursorPageReply[wire.ListedSubscription]]:
    """List the subscriptions of a subscriber. `key` names one topic."""
    services = services_of(request)
    cursor, context_keys = query.cursor(), sorted_context_keys(query.context_keys)
    subscriber = await services.subscribers.get(caller.environment, subscriber_param(request))
    listed = await services.memberships.joined(caller.environment, subscriber, cursor, query.key or None, context_keys)
    return bare(listed.view(_listed(listed.rows)))


@operation("POST /v2/topics/{topicKey}/subscriptions", "createTopicSubscriptions", status=201, errors=[400])
async def create(request: Request, caller: ApiCaller, body: SubscriptionsRequest) -> Bare[wire.SubscriptionsReply]:
    """Subscribe subscribers to a topic. If all of them fail, the answer is 400 with the same body."""
    key = parse_topic_key(path_param(request, "topicKey"), "topicKey")
    batch = await services_of(request).subscriptions.subscribe(
        caller.environment,
        key,
        body.items(),
        name=body.name,
        preferences=body.preferences,
        context_keys=parse_context(body.context).keys,
    )
    return await _reply(request, caller.environment, batch, 201)


@operation("DELETE /v2/topics/{topicKey}/subscriptions", "deleteTopicSubscriptions")
async def delete(request: Request, caller: ApiCaller, body: SubscriptionsRequest) -> Bare[wire.SubscriptionsReply]:
    """Delete subscriptions of a topic. If all of them fail, the answer is 400 with the same body."""
    batch = await services_of(request).subscriptions.unsubscribe(caller.environment, topic_param(request), body.items())
    return await _reply(request, caller.environment, batch, 200)


@operation("GET /v2/topics/{topicKey}/subscriptions/{identifier}", "getTopicSubscription", also=204)
async def get(request: Request, caller: ApiCaller) -> Data[wire.SubscriptionDetails] | Response:
    """Get a subscription of a topic. If there is none, the answer is 204; an unknown topic is 404."""
    services = services_of(request)
    identifier = path_param(request, "identifier")
    subscription = await services.memberships.find(caller.environment, topic_param(request), identifier)
    if subscription is None:
        return no_content()
    workflows = await services.workflow_choices.workflows_of(caller.environment, [subscription])
    return data(details_view(subscription, workflows))


@operation("PATCH /v2/topics/{topicKey}/subscriptions/{identifier}", "updateTopicSubscription")
async def patch(request: Request, caller: ApiCaller, body: SubscriptionPatch) -> Data[wire.SubscriptionReply]:
    """Change a subscription of a topic."""
    services = services_of(request)
    identifier = path_param(request, "identifier")
    changed = await services.subscriptions.change(caller.environment, topic_param(request), identifier, body)
    workflows = await services.workflow_choices.workflows_of(caller.environment, [changed.subscription])
    return data(subscription_view(changed.topic, changed.subscription, changed.subscriber, workflows))


def _listed(rows: list[Membership]) -> list[wire.ListedSubscription]:
    return [listed_view(one.topic, one.subscription, one.subscriber) for one in rows if one.subscriber]


async def _reply(
    request: Request, environment: Environment, batch: SubscriptionBatch, status: int
) -> Bare[wire.SubscriptionsReply]:
    total, failed = batch.total, len(batch.errors)
    members = batch.memberships
    subscriptions = [one.subscription for one in members]
    workflows = await services_of(request).workflow_choices.workflows_of(environment, subscriptions)
    body: wire.SubscriptionsReply = {
        "data": [subscription_view(one.topic, one.subscription, one.subscriber, workflows) for one in members],
        "meta": {"totalCount": total, "successful": total - failed, "failed": failed},
    }
    if batch.errors:
        body["errors"] = batch.errors
    if batch.errors and not members:
        raise BadRequest("None of the subscriptions could be changed", **body)
    return bare(body, status)
