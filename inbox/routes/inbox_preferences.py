"""`/v1/inbox/preferences`: what a page's subscriber chose, also for its subscriptions of topics (rest-inbox.md §10)."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, invalid
from inbox.models.preference import ChannelChoices, Schedule
from inbox.models.workflow import Workflow
from inbox.routes.access import SessionCaller, authenticate_session, services_of
from inbox.routes.preferences import check_bulk, criticality
from inbox.routes.reading import path_param, query_list, read_body
from inbox.routes.replies import data
from inbox.service.feed.notification_filter import Severity
from inbox.service.subscribers.preference_views import inbox_global, inbox_item, subscription_item
from inbox.service.subscribers.preferences import Chosen
from inbox.service.topics.memberships import Membership


class InboxUpdate(ChannelChoices, frozen=True, omit_defaults=True):
    """The body for the global preference: channels by name."""

    schedule: Schedule | None = None


class InboxWorkflowUpdate(ChannelChoices, frozen=True, kw_only=True, omit_defaults=True):
    """The body for one workflow. `enabled` counts for subscriptions of topics; a `condition` cannot be kept."""

    enabled: bool | UnsetType | None = UNSET
    condition: Any = None

    def is_enabled(self) -> bool | None:
        """Whether a subscription shall take the workflow: `enabled`, else what is said of in_app; None: as it was."""
        if self.condition not in (None, {}):
            raise invalid("condition", "conditions of subscriptions are not supported", self.condition)
        if isinstance(self.enabled, bool):
            return self.enabled
        return self.chosen().get("in_app")


class InboxBulkItem(InboxWorkflowUpdate, frozen=True, kw_only=True, omit_defaults=True):
    """A workflow of a bulk update: of the subscriber, or of one of its subscriptions."""

    workflow_id: str = msgspec.field(name="workflowId")
    subscription_identifier: str | None = msgspec.field(name="subscriptionIdentifier", default=None)


class InboxBulk(msgspec.Struct):
    """The body of a bulk update."""

    preferences: list[InboxBulkItem]


async def list_preferences(request: Request) -> Response:
    """GET /v1/inbox/preferences → 200 the global one, then the active workflows', oldest first."""
    chosen = await _chosen(request, await authenticate_session(request))
    tags = frozenset(tag for tag in query_list(request, "tags") if tag)
    workflows = chosen.listed(criticality(request), tags, _severities(request))
    return data([inbox_global(chosen), *(inbox_item(chosen, workflow) for workflow in workflows)])


async def get_global(request: Request) -> Response:
    """GET /v1/inbox/preferences/global → 200 the global preference."""
    return data(inbox_global(await _chosen(request, await authenticate_session(request))))


async def update_global(request: Request) -> Response:
    """PATCH /v1/inbox/preferences → 200 the global preference."""
    caller = await authenticate_session(request)
    body = await read_body(request, InboxUpdate)
    schedule = body.schedule.stored() if body.schedule else None
    preferences = services_of(request).preferences
    changed = await preferences.choose_everywhere(caller.environment, caller.subscriber, body.chosen(), schedule)
    return data(inbox_global(changed))


async def update_workflow(request: Request) -> Response:
    """PATCH /v1/inbox/preferences/:workflow → 200 its preference; 400 critical; 404 unknown."""
    caller = await authenticate_session(request)
    body = await read_body(request, InboxWorkflowUpdate)
    wanted = [(path_param(request, "workflowId"), body.chosen())]
    preferences = services_of(request).preferences
    chosen, [workflow] = await preferences.choose(caller.environment, caller.subscriber, wanted)
    return data(inbox_item(chosen, workflow))


async def update_bulk(request: Request) -> Response:
    """PATCH /v1/inbox/preferences/bulk → 200 the preferences changed: none unless every one of them can be."""
    caller = await authenticate_session(request)
    body = await read_body(request, InboxBulk)
    check_bulk(body.preferences)
    own = [item for item in body.preferences if item.subscription_identifier is None]
    apart = [item for item in body.preferences if item.subscription_identifier is not None]
    located = [await _locate(request, caller, item.subscription_identifier or "", item.workflow_id) for item in apart]
    enabled = [item.is_enabled() for item in apart]
    views: list[dict[str, Any]] = []
    if own:
        wanted = [(item.workflow_id, item.chosen()) for item in own]
        chosen, workflows = await services_of(request).preferences.choose(
            caller.environment, caller.subscriber, wanted
        )
        views = [inbox_item(chosen, workflow) for workflow in workflows]
    for (member, workflow), is_enabled in zip(located, enabled, strict=True):
        views.append(await _prefer(request, caller, member, workflow, is_enabled))
    return data(views)


async def update_subscription(request: Request) -> Response:
    """PATCH /v1/inbox/subscriptions/:subscriptionId/preferences/:workflowId → 200 its preference; 400 critical; 404."""
    caller = await authenticate_session(request)
    body = await read_body(request, InboxWorkflowUpdate)
    name = path_param(request, "subscriptionId")
    member, workflow = await _locate(request, caller, name, path_param(request, "workflowId"))
    return data(await _prefer(request, caller, member, workflow, body.is_enabled()))


async def _locate(
    request: Request, caller: SessionCaller, subscription: str, workflow: str
) -> tuple[Membership, Workflow]:
    """The page's subscription and the workflow meant. Raises NotFound; BadRequest for a critical workflow."""
    services = services_of(request)
    keys = caller.contexts.split(",") if caller.contexts else []
    member = await services.memberships.find_own(caller.environment, caller.subscriber, keys, subscription)
    named = await services.workflow_choices.find(caller.environment, workflow)
    if named.critical:
        raise BadRequest(f"Critical workflow with id {named.identifier} can not be updated")
    return member, named


async def _prefer(
    request: Request, caller: SessionCaller, member: Membership, workflow: Workflow, is_enabled: bool | None
) -> dict[str, Any]:
    subscriptions = services_of(request).subscriptions
    preference = await subscriptions.prefer(caller.environment, member, workflow, is_enabled)
    chosen = await _chosen(request, caller)
    return subscription_item(chosen, workflow, member.subscription.identifier, enabled=preference.enabled)


async def _chosen(request: Request, caller: SessionCaller) -> Chosen:
    return await services_of(request).preferences.read_for(caller.environment, caller.subscriber)


def _severities(request: Request) -> frozenset[str]:
    named = frozenset(one for one in query_list(request, "severity") if one)
    if unknown := named - frozenset(get_args(Severity)):
        raise invalid("severity", f"severity must be one of the following values: {', '.join(get_args(Severity))}",
                      sorted(unknown))
    return named
