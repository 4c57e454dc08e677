"""`/v2/topics/:topicKey/subscriptions` and `/v2/subscribers/:subscriberId/subscriptions` (rest-server.md §4, §7)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest
from inbox.ids import parse_subscriber_id
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
from inbox.routes.access import authenticate, services_of
from inbox.routes.cursors import cursor_query, query_context_keys
from inbox.routes.reading import path_param, read_body, subscriber_param
from inbox.routes.replies import data, json_reply, no_content, page
from inbox.routes.topics import topic_param
from inbox.service.topics.memberships import Membership
from inbox.service.topics.subscriptions import Outcome


async def list_of_topic(request: Request) -> Response:
    """GET /v2/topics/:topicKey/subscriptions → 200 a cursor page; 404."""
    caller = await authenticate(request)
    named = request.query_params.get("subscriberId")
    subscriber_id = parse_subscriber_id(named) if named else None
    found = await services_of(request).memberships.list_page(
        caller.environment, topic_param(request), cursor_query(request), subscriber_id, query_context_keys(request)
    )
    return page(found.view(_listed(found.rows)))


async def list_of_subscriber(request: Request) -> Response:
    """GET /v2/subscribers/:subscriberId/subscriptions → 200 a cursor page; `key` names one topic; 404."""
    caller, services = await authenticate(request), services_of(request)
    query, key = cursor_query(request), request.query_params.get("key") or None
    subscriber = await services.subscribers.get(caller.environment, subscriber_param(request))
    context_keys = query_context_keys(request)
    found = await services.memberships.joined(caller.environment, subscriber, query, key, context_keys)
    return page(found.view(_listed(found.rows)))


async def create(request: Request) -> Response:
    """POST /v2/topics/:topicKey/subscriptions → 201 `{data, meta, errors?}`; 400 with the same when all failed."""
    caller = await authenticate(request)
    body = await read_body(request, SubscriptionsRequest)
    key = parse_topic_key(path_param(request, "topicKey"), "topicKey")
    outcome = await services_of(request).subscriptions.subscribe(
        caller.environment,
        key,
        body.items(),
        name=body.name,
        preferences=body.preferences,
        context_keys=parse_context(body.context).keys,
    )
    return await _reply(request, caller.environment, outcome, 201)


async def delete(request: Request) -> Response:
    """DELETE /v2/topics/:topicKey/subscriptions, with a body → 200 `{data, meta, errors?}`; 400 if all fail; 404."""
    caller = await authenticate(request)
    body = await read_body(request, SubscriptionsRequest)
    outcome = await services_of(request).subscriptions.unsubscribe(
        caller.environment, topic_param(request), body.items()
    )
    return await _reply(request, caller.environment, outcome, 200)


async def get(request: Request) -> Response:
    """GET /v2/topics/:topicKey/subscriptions/:identifier → 200, 204 when there is none; 404 for the topic."""
    caller, services = await authenticate(request), services_of(request)
    identifier = path_param(request, "identifier")
    found = await services.memberships.find(caller.environment, topic_param(request), identifier)
    if found is None:
        return no_content()
    workflows = await services.workflow_choices.workflows_of(caller.environment, [found])
    return data(details_view(found, workflows))


async def patch(request: Request) -> Response:
    """PATCH /v2/topics/:topicKey/subscriptions/:identifier → 200; 404."""
    caller, services = await authenticate(request), services_of(request)
    body = await read_body(request, SubscriptionPatch)
    identifier = path_param(request, "identifier")
    changed = await services.subscriptions.change(caller.environment, topic_param(request), identifier, body)
    workflows = await services.workflow_choices.workflows_of(caller.environment, [changed.subscription])
    return data(subscription_view(changed.topic, changed.subscription, changed.subscriber, workflows))


def _listed(rows: list[Membership]) -> list[dict[str, object]]:
    return [listed_view(one.topic, one.subscription, one.subscriber) for one in rows if one.subscriber]


async def _reply(request: Request, environment: Environment, outcome: Outcome, status: int) -> Response:
    made = [one.subscription for one in outcome.done]
    workflows = await services_of(request).workflow_choices.workflows_of(environment, made)
    body = {
        "data": [
            subscription_view(one.topic, one.subscription, one.subscriber, workflows) for one in outcome.done
        ],
        "meta": {
            "totalCount": outcome.asked,
            "successful": outcome.asked - len(outcome.errors),
            "failed": len(outcome.errors),
        },
        **({"errors": outcome.errors} if outcome.errors else {}),
    }
    if outcome.errors and not outcome.done:
        raise BadRequest("None of the subscriptions could be changed", **body)
    return json_reply(body, status)
