"""`/v1/inbox/topics/{topicKey}/subscriptions`: the subscriptions of a page's subscriber."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, Forbidden, NotFound, existing
from inbox.http.auth import SessionCaller, services_of
from inbox.http.operation import operation
from inbox.http.queries import TagList
from inbox.http.requests import path_param
from inbox.http.responses import Data, data, no_content
from inbox.models import wire
from inbox.models.topic import (
    Subscription,
    SubscriptionItem,
    SubscriptionPatch,
    SubscriptionPreferences,
    TopicName,
    check_identifier,
    details_view,
    parse_topic_key,
)
from inbox.routes.topics import topic_param


class ShownPreferences(msgspec.Struct, rename="camel"):
    workflow_ids: Annotated[list[str], Meta(description="Only the preferences of these workflows")] = []
    tags: TagList = []


class NamedTopic(msgspec.Struct):
    """What a page may say of a topic that it is the first to subscribe to."""

    name: TopicName | None = None


class OwnSubscription(msgspec.Struct):
    """The body that subscribes a page's subscriber."""

    identifier: str | None = None
    name: TopicName | None = None
    topic: NamedTopic | None = None
    preferences: SubscriptionPreferences | None = None


@operation("GET /v1/inbox/topics/{topicKey}/subscriptions", "listInboxSubscriptions")
async def list_own(request: Request, caller: SessionCaller) -> Data[list[wire.SubscriptionDetails]]:
    """List own subscriptions of a topic. These are the subscriptions in this context; an unknown topic has none."""
    return data([await _view(request, caller, one) for one in await _own(request, caller)])


@operation("POST /v1/inbox/topics/{topicKey}/subscriptions", "createInboxSubscription", status=201, errors=[403])
async def create_own(request: Request, caller: SessionCaller, body: OwnSubscription) -> Data[wire.SubscriptionDetails]:
    """Subscribe to a topic.

    The topic is made if it is missing, or the answer is 400 if it cannot be; where pages may not subscribe, it is 403.
    """
    services = services_of(request)
    if not services.settings.page_subscriptions:
        raise Forbidden("Only a backend may subscribe here (INBOX_PAGE_SUBSCRIPTIONS is false)")
    identifier = check_identifier(body.identifier) if body.identifier else None  # @novu/js sends "" for none
    key = parse_topic_key(path_param(request, "topicKey"), "topicKey")
    batch = await services.subscriptions.subscribe(
        caller.environment,
        key,
        [SubscriptionItem(caller.subscriber.subscriber_id, identifier)],
        name=body.name,
        preferences=body.preferences,
        context_keys=caller.contexts.split(",") if caller.contexts else [],
        topic_name=body.topic.name if body.topic else None,
    )
    if not batch.memberships:
        raise BadRequest(batch.errors[0]["message"], code=batch.errors[0]["code"])
    return data(await _view(request, caller, batch.memberships[0].subscription), 201)


@operation("GET /v1/inbox/topics/{topicKey}/subscriptions/{identifier}", "getInboxSubscription", also=204)
async def get_own(
    request: Request, caller: SessionCaller, query: ShownPreferences
) -> Data[wire.SubscriptionDetails] | Response:
    """Get an own subscription.

    It has the preferences of the workflows in the query only. If there is none, the answer is 204.
    """
    subscription = await _named(request, caller)
    return no_content() if subscription is None else data(await _view(request, caller, subscription, query))


@operation("PATCH /v1/inbox/topics/{topicKey}/subscriptions/{identifier}", "updateInboxSubscription")
async def change_own(
    request: Request, caller: SessionCaller, body: SubscriptionPatch
) -> Data[wire.SubscriptionDetails]:
    """Change an own subscription."""
    services = services_of(request)
    subscription = await _require(request, caller)
    changed = await services.subscriptions.change(
        caller.environment, topic_param(request), subscription.identifier, body
    )
    return data(await _view(request, caller, changed.subscription))


@operation("DELETE /v1/inbox/topics/{topicKey}/subscriptions/{identifier}", "deleteInboxSubscription")
async def delete_own(request: Request, caller: SessionCaller) -> Data[wire.Success]:
    """Delete an own subscription."""
    services = services_of(request)
    subscription = await _require(request, caller)
    item = SubscriptionItem(caller.subscriber.subscriber_id, subscription.identifier)
    await services.subscriptions.unsubscribe(caller.environment, topic_param(request), [item])
    return data({"success": True})


async def _own(request: Request, caller: SessionCaller) -> list[Subscription]:
    """Return the subscriptions of the topic in the session's exact context: no page sees those of another context."""
    subscriptions = await services_of(request).memberships.in_topic(
        caller.environment, path_param(request, "topicKey"), caller.subscriber
    )
    return [one for one in subscriptions if ",".join(one.context_keys) == caller.contexts]


async def _named(request: Request, caller: SessionCaller) -> Subscription | None:
    identifier = path_param(request, "identifier")
    return next((one for one in await _own(request, caller) if identifier in (one.identifier, one.id)), None)


async def _require(request: Request, caller: SessionCaller) -> Subscription:
    subscription = await _named(request, caller)
    return existing(subscription, NotFound(f"Subscription {path_param(request, 'identifier')} was not found"))


async def _view(
    request: Request, caller: SessionCaller, subscription: Subscription, shown: ShownPreferences | None = None
) -> wire.SubscriptionDetails:
    workflows = await services_of(request).workflow_choices.workflows_of(caller.environment, [subscription])
    names, tags = (set(shown.workflow_ids), set(shown.tags)) if shown else (set(), set())
    if names or tags:
        workflows = {
            oid: workflow
            for oid, workflow in workflows.items()
            if {workflow.id, workflow.identifier} & names or tags.intersection(workflow.tags)
        }
    return details_view(subscription, workflows)
