"""The preferences of a `Target`: `/v1` and `/v2/subscribers/{subscriberId}/preferences`, `/v1/widgets/preferences`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request

from inbox.errors import BadRequest, invalid
from inbox.http.auth import services_of
from inbox.http.operation import operation
from inbox.http.queries import ContextKeys, Flag
from inbox.http.requests import path_param
from inbox.http.responses import Data, data
from inbox.http.target import Target
from inbox.models import wire
from inbox.models.preference import ChannelChoices, Criticality, Schedule
from inbox.models.workflow import ChannelType
from inbox.service.subscribers.preference_views import (
    both_levels_view,
    global_view,
    inbox_item,
    v1_changed,
    v1_global,
    v1_item,
)
from inbox.service.subscribers.preferences import PreferenceState

MAX_BULK = 100

Contexts = Annotated[dict[str, Any], Meta(max_length=5)]


class InactiveChannels(msgspec.Struct, rename="camel"):
    include_inactive_channels: Annotated[
        Flag, Meta(description="Whether channels that no workflow uses are listed")
    ] = None


class ByCriticality(msgspec.Struct, rename="camel"):
    criticality: Annotated[
        Criticality, Meta(description="Which workflows: those that a person can switch off, the others, or all")
    ] = "nonCritical"


class GetPreferences(ByCriticality):
    """Which preferences v2 shows. They are the same in every context."""

    context_keys: ContextKeys = None


class OneChannel(msgspec.Struct):
    """One channel switched on or off."""

    type: ChannelType
    enabled: bool


class V1WorkflowUpdate(msgspec.Struct):
    """The v1 body for a workflow. `enabled` is accepted and has no effect, as older clients send it."""

    channel: OneChannel | None = None
    enabled: bool | None = None


class V1GlobalUpdate(msgspec.Struct):
    """The v1 body for the global level; `enabled` likewise."""

    preferences: list[OneChannel] | None = None
    enabled: bool | None = None


class V2Update(msgspec.Struct, rename="camel"):
    """The v2 body: without `workflowId` for the global level. Preferences hold for every context of a subscriber."""

    channels: ChannelChoices | None = None
    workflow_id: str | None = None
    schedule: Schedule | None = None
    context: Contexts | UnsetType = UNSET


class BulkItem(msgspec.Struct, rename="camel"):
    """A workflow of a v2 bulk update."""

    workflow_id: str
    channels: ChannelChoices


class V2Bulk(msgspec.Struct):
    """The v2 body of a bulk update."""

    preferences: list[BulkItem]
    context: Contexts | UnsetType = UNSET


@operation(
    ["GET /v1/subscribers/{subscriberId}/preferences", "GET /v1/widgets/preferences"], "list{}WorkflowPreferences"
)
async def list_v1(request: Request, target: Target, query: InactiveChannels) -> Data[list[wire.PreferenceRow]]:
    """List the preferences of every workflow. Critical workflows are left out."""
    return data(_v1_list(await _chosen(request, target), inactive=bool(query.include_inactive_channels)))


@operation(
    ["GET /v1/subscribers/{subscriberId}/preferences/{parameter}", "GET /v1/widgets/preferences/{parameter}"],
    "list{}PreferencesByLevel",
)
async def list_level(request: Request, target: Target, query: InactiveChannels) -> Data[list[wire.PreferenceRow]]:
    """List the preferences of a level.

    Another level is 422. Inactive channels are included for backends unless they say otherwise, for pages only if they
    ask for them.
    """
    chosen, level = await _chosen(request, target), path_param(request, "parameter")
    inactive = target.is_backend if query.include_inactive_channels is None else query.include_inactive_channels
    if level == "global":
        return data([v1_global(chosen, inactive=inactive)])
    if level != "template":
        raise invalid("preferenceLevel", "preferenceLevel must be one of the following values: global, template", level)
    return data(_v1_list(chosen, inactive=inactive))


@operation(
    ["PATCH /v1/subscribers/{subscriberId}/preferences/{parameter}", "PATCH /v1/widgets/preferences/{parameter}"],
    "update{}WorkflowPreference",
)
async def update_v1_workflow(request: Request, target: Target, body: V1WorkflowUpdate) -> Data[wire.PreferenceRow]:
    """Change the preference of a workflow. A critical workflow is 400."""
    environment, subscriber = target.environment, await target.subscriber()
    channels = {body.channel.type: body.channel.enabled} if body.channel else {}
    choices = [(path_param(request, "parameter"), cast(dict[str, bool], channels))]
    chosen, [workflow] = await services_of(request).preferences.choose(environment, subscriber, choices)
    return data(v1_changed(chosen, workflow))


@operation(
    ["PATCH /v1/subscribers/{subscriberId}/preferences", "PATCH /v1/widgets/preferences"], "update{}GlobalPreferences"
)
async def update_v1_global(request: Request, target: Target, body: V1GlobalUpdate) -> Data[wire.PreferenceRow]:
    """Change the global preferences."""
    environment, subscriber = target.environment, await target.subscriber()
    channels: dict[str, bool] = {item.type: item.enabled for item in body.preferences or []}
    chosen = await services_of(request).preferences.choose_everywhere(environment, subscriber, channels)
    return data(v1_global(chosen))


@operation("GET /v2/subscribers/{subscriberId}/preferences", "getSubscriberPreferences")
async def get_v2(request: Request, target: Target, query: GetPreferences) -> Data[wire.PreferencesReply]:
    """Get the preferences of a subscriber. Critical workflows are left out by default."""
    chosen = await _chosen(request, target)
    return data(both_levels_view(chosen, chosen.listed(query.criticality)))


@operation("GET /v2/subscribers/{subscriberId}/preferences/global", "getSubscriberGlobalPreference")
async def get_v2_global(request: Request, target: Target) -> Data[wire.GlobalPreferenceReply]:
    """Get the global preference of a subscriber."""
    return data(global_view(await _chosen(request, target)))


@operation("PATCH /v2/subscribers/{subscriberId}/preferences", "updateSubscriberPreferences")
async def update_v2(request: Request, target: Target, body: V2Update) -> Data[wire.PreferencesReply]:
    """Change preferences, global or of a workflow. A critical workflow is 400."""
    environment, subscriber = target.environment, await target.subscriber()
    channels = body.channels.chosen() if body.channels else {}
    preferences = services_of(request).preferences
    if body.workflow_id is not None:
        chosen, _ = await preferences.choose(environment, subscriber, [(body.workflow_id, channels)])
    else:
        schedule = body.schedule.to_stored() if body.schedule else None
        chosen = await preferences.choose_everywhere(environment, subscriber, channels, schedule)
    return data(both_levels_view(chosen, chosen.listed()))


@operation("PATCH /v2/subscribers/{subscriberId}/preferences/bulk", "updateSubscriberPreferencesInBulk")
async def update_v2_bulk(request: Request, target: Target, body: V2Bulk) -> Data[list[wire.InboxPreference]]:
    """Change the preferences of several workflows. All are changed or none."""
    environment, subscriber = target.environment, await target.subscriber()
    check_bulk(body.preferences)
    choices = [(item.workflow_id, item.channels.chosen()) for item in body.preferences]
    chosen, workflows = await services_of(request).preferences.choose(environment, subscriber, choices)
    return data([inbox_item(chosen, workflow) for workflow in workflows])


async def _chosen(request: Request, target: Target) -> PreferenceState:
    return await services_of(request).preferences.read_for(target.environment, await target.subscriber())


def check_bulk(items: Sequence[object]) -> None:
    """Raise BadRequest for an empty bulk update, ValidationFailed for one of more than 100."""
    if not items:
        raise BadRequest("preferences must hold at least one workflow")
    if len(items) > MAX_BULK:
        raise invalid("preferences", f"preferences must contain no more than {MAX_BULK} elements")


def _v1_list(chosen: PreferenceState, *, inactive: bool) -> list[wire.PreferenceRow]:
    return [v1_item(chosen, workflow, inactive=inactive) for workflow in chosen.listed()]
