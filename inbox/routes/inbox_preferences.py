"""`/v1/inbox/preferences`: the preferences of a page's subscriber, also for its subscriptions."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request

from inbox.errors import BadRequest, invalid
from inbox.http.auth import SessionCaller, services_of
from inbox.http.operation import operation
from inbox.http.queries import Severities, TagList
from inbox.http.requests import path_param
from inbox.http.responses import Data, data
from inbox.models import wire
from inbox.models.preference import ChannelChoices, Schedule
from inbox.models.workflow import Workflow
from inbox.routes.preferences import ByCriticality, check_bulk
from inbox.service.subscribers.preference_views import (
    inbox_global,
    inbox_item,
    inbox_preferences,
    subscription_item,
)
from inbox.service.subscribers.preferences import PreferenceState
from inbox.service.topics.memberships import Membership


class ListPreferences(ByCriticality):
    tags: TagList = []
    severity: Severities = []


class InboxUpdate(ChannelChoices, frozen=True, omit_defaults=True):
    """The body for the global preference: channels by name."""

    schedule: Schedule | None = None


class InboxWorkflowUpdate(ChannelChoices, frozen=True, kw_only=True, omit_defaults=True):
    """The body for one workflow. `enabled` counts for subscriptions of topics; a `condition` cannot be kept."""

    enabled: bool | UnsetType | None = UNSET
    condition: Any = None

    def is_enabled(self) -> bool | None:
        """Return whether a subscription receives the workflow: `enabled`, else `in_app`; None leaves it unchanged."""
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


@operation("GET /v1/inbox/preferences", "listInboxPreferences")
async def list_preferences(
    request: Request, caller: SessionCaller, query: ListPreferences
) -> Data[list[wire.InboxPreference]]:
    """List own preferences. The global one comes first, then those of the active workflows, oldest first."""
    chosen = await _chosen(request, caller)
    workflows = chosen.listed(query.criticality, frozenset(query.tags), frozenset(query.severity))
    return data(inbox_preferences(chosen, workflows))


@operation("GET /v1/inbox/preferences/global", "getInboxGlobalPreference")
async def get_global(request: Request, caller: SessionCaller) -> Data[wire.InboxPreference]:
    """Get the own global preference."""
    return data(inbox_global(await _chosen(request, caller)))


@operation("PATCH /v1/inbox/preferences", "updateInboxGlobalPreference")
async def update_global(request: Request, caller: SessionCaller, body: InboxUpdate) -> Data[wire.InboxPreference]:
    """Change the own global preference."""
    schedule = body.schedule.to_stored() if body.schedule else None
    preferences = services_of(request).preferences
    changed = await preferences.choose_everywhere(caller.environment, caller.subscriber, body.chosen(), schedule)
    return data(inbox_global(changed))


@operation("PATCH /v1/inbox/preferences/bulk", "updateInboxPreferencesInBulk", errors=[404])
async def update_bulk(request: Request, caller: SessionCaller, body: InboxBulk) -> Data[list[wire.InboxPreference]]:
    """Change own preferences of several workflows. All are changed or none."""
    check_bulk(body.preferences)
    own = [item for item in body.preferences if item.subscription_identifier is None]
    scoped = [(name, item) for item in body.preferences if (name := item.subscription_identifier) is not None]
    members = [await _locate(request, caller, name, item.workflow_id) for name, item in scoped]
    enabled = [item.is_enabled() for _, item in scoped]
    views: list[wire.InboxPreference] = []
    if own:
        choices = [(item.workflow_id, item.chosen()) for item in own]
        chosen, workflows = await services_of(request).preferences.choose(
            caller.environment, caller.subscriber, choices
        )
        views = [inbox_item(chosen, workflow) for workflow in workflows]
    for (member, workflow), is_enabled in zip(members, enabled, strict=True):
        views.append(await _prefer(request, caller, member, workflow, is_enabled))
    return data(views)


@operation("PATCH /v1/inbox/preferences/{workflowId}", "updateInboxWorkflowPreference")
async def update_workflow(
    request: Request, caller: SessionCaller, body: InboxWorkflowUpdate
) -> Data[wire.InboxPreference]:
    """Change the own preference of a workflow. A critical workflow is 400."""
    choices = [(path_param(request, "workflowId"), body.chosen())]
    preferences = services_of(request).preferences
    chosen, [workflow] = await preferences.choose(caller.environment, caller.subscriber, choices)
    return data(inbox_item(chosen, workflow))


@operation(
    "PATCH /v1/inbox/subscriptions/{subscriptionId}/preferences/{workflowId}", "updateInboxSubscriptionPreference"
)
async def update_subscription(
    request: Request, caller: SessionCaller, body: InboxWorkflowUpdate
) -> Data[wire.InboxPreference]:
    """Change the preference of a workflow within an own subscription. A critical workflow is 400."""
    name = path_param(request, "subscriptionId")
    member, workflow = await _locate(request, caller, name, path_param(request, "workflowId"))
    return data(await _prefer(request, caller, member, workflow, body.is_enabled()))


async def _locate(
    request: Request, caller: SessionCaller, subscription: str, workflow_name: str
) -> tuple[Membership, Workflow]:
    """Return the page's subscription and the workflow. Raise NotFound, or BadRequest for a critical workflow."""
    services = services_of(request)
    keys = caller.contexts.split(",") if caller.contexts else []
    member = await services.memberships.find_own(caller.environment, caller.subscriber, keys, subscription)
    workflow = await services.workflow_choices.find(caller.environment, workflow_name)
    if workflow.critical:
        raise BadRequest(f"Critical workflow with id {workflow.identifier} can not be updated")
    return member, workflow


async def _prefer(
    request: Request, caller: SessionCaller, member: Membership, workflow: Workflow, is_enabled: bool | None
) -> wire.InboxPreference:
    subscriptions = services_of(request).subscriptions
    preference = await subscriptions.prefer(caller.environment, member, workflow, is_enabled)
    chosen = await _chosen(request, caller)
    return subscription_item(chosen, workflow, member.subscription.identifier, enabled=preference.enabled)


async def _chosen(request: Request, caller: SessionCaller) -> PreferenceState:
    return await services_of(request).preferences.read_for(caller.environment, caller.subscriber)
