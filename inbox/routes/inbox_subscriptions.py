"""`/v1/inbox/topics/:topicKey/subscriptions`: a page's own subscriptions (rest-inbox.md §11)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, Forbidden, NotFound
from inbox.models.topic import (
    MAX_PREFERENCES,
    Name,
    Subscription,
    SubscriptionItem,
    SubscriptionPatch,
    check_identifier,
    details_view,
    parse_topic_key,
)
from inbox.routes.access import SessionCaller, authenticate_session, services_of
from inbox.routes.reading import path_param, query_list, read_body
from inbox.routes.replies import data, no_content
from inbox.routes.topics import topic_param


class NamedTopic(msgspec.Struct):
    """What a page may say of a topic that it is the first to subscribe to."""

    name: Name | None = None


class OwnSubscription(msgspec.Struct):
    """The body that subscribes a page's subscriber."""

    identifier: str | None = None
    name: Name | None = None
    topic: NamedTopic | None = None
    preferences: Annotated[list[Any], Meta(max_length=MAX_PREFERENCES)] | None = None


async def list_own(request: Request) -> Response:
    """GET → 200 the subscriptions of this subscriber in this context; none in an unknown topic."""
    caller = await authenticate_session(request)
    return data([await _view(request, caller, one) for one in await _own(request, caller)])


async def create_own(request: Request) -> Response:
    """POST → 201 the subscription; the topic is made if missing; 400 if it cannot be made; 403 where pages may not."""
    caller, services = await authenticate_session(request), services_of(request)
    if not services.settings.page_subscriptions:
        raise Forbidden("Only a backend may subscribe here (INBOX_PAGE_SUBSCRIPTIONS is false)")
    body = await read_body(request, OwnSubscription)
    identifier = check_identifier(body.identifier) if body.identifier else None  # @novu/js sends "" for none
    key = parse_topic_key(path_param(request, "topicKey"), "topicKey")
    outcome = await services.subscriptions.subscribe(
        caller.environment,
        key,
        [SubscriptionItem(caller.subscriber.subscriber_id, identifier)],
        name=body.name,
        preferences=body.preferences,
        context_keys=caller.contexts.split(",") if caller.contexts else [],
        topic_name=body.topic.name if body.topic else None,
    )
    if not outcome.done:
        raise BadRequest(outcome.errors[0]["message"], code=outcome.errors[0]["code"])
    return data(await _view(request, caller, outcome.done[0].subscription), 201)


async def get_own(request: Request) -> Response:
    """GET /:identifier?workflowIds=&tags= → 200, with the preferences of these workflows only; 204 when missing."""
    caller = await authenticate_session(request)
    found = await _named(request, caller)
    return no_content() if found is None else data(await _view(request, caller, found))


async def change_own(request: Request) -> Response:
    """PATCH /:identifier → 200 the subscription; 404."""
    caller, services = await authenticate_session(request), services_of(request)
    body = await read_body(request, SubscriptionPatch)
    found = await _require(request, caller)
    changed = await services.subscriptions.change(caller.environment, topic_param(request), found.identifier, body)
    return data(await _view(request, caller, changed.subscription))


async def delete_own(request: Request) -> Response:
    """DELETE /:identifier → 200 `{success}`; 404."""
    caller, services = await authenticate_session(request), services_of(request)
    found = await _require(request, caller)
    item = SubscriptionItem(caller.subscriber.subscriber_id, found.identifier)
    await services.subscriptions.unsubscribe(caller.environment, topic_param(request), [item])
    return data({"success": True})


async def _own(request: Request, caller: SessionCaller) -> list[Subscription]:
    """The subscriber's subscriptions of the topic, of the session's exact context: no page sees another's."""
    members = await services_of(request).memberships.of_subscriber(
        caller.environment, path_param(request, "topicKey"), caller.subscriber
    )
    return [one.subscription for one in members if ",".join(one.subscription.context_keys) == caller.contexts]


async def _named(request: Request, caller: SessionCaller) -> Subscription | None:
    identifier = path_param(request, "identifier")
    return next((one for one in await _own(request, caller) if identifier in (one.identifier, one.id)), None)


async def _require(request: Request, caller: SessionCaller) -> Subscription:
    found = await _named(request, caller)
    if found is None:
        raise NotFound(f"Subscription {path_param(request, 'identifier')} was not found")
    return found


async def _view(request: Request, caller: SessionCaller, subscription: Subscription) -> dict[str, Any]:
    workflows = await services_of(request).workflow_choices.workflows_of(caller.environment, [subscription])
    named, tags = set(query_list(request, "workflowIds")), set(query_list(request, "tags"))
    if named or tags:
        workflows = {
            oid: workflow
            for oid, workflow in workflows.items()
            if {workflow.id, workflow.identifier} & named or tags.intersection(workflow.tags)
        }
    return details_view(subscription, workflows)
