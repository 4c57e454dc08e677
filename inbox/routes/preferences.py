"""Preferences: `/v1` and `/v2/subscribers/:subscriberId/preferences`, and the older pages' `/v1/widgets/preferences`.

The pages' handlers are those of v1: `who_of` tells whose preferences they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, invalid
from inbox.models.environment import Environment
from inbox.models.preference import Channel, ChannelChoices, Criticality, Schedule
from inbox.models.subscriber import Subscriber
from inbox.models.workflow import Workflow
from inbox.routes.access import services_of
from inbox.routes.reading import path_param, query_bool, query_one_of, read_body
from inbox.routes.replies import data
from inbox.routes.who import who_of
from inbox.service.subscribers.preference_views import (
    both_levels_view,
    global_view,
    inbox_item,
    v1_changed,
    v1_item,
)
from inbox.service.subscribers.preferences import Chosen

MAX_BULK = 100
CRITICALITIES = ("nonCritical", "critical", "all")

Contexts = Annotated[dict[str, Any], Meta(max_length=5)]


class OneChannel(msgspec.Struct):
    """One channel switched on or off."""

    type: Channel
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


async def list_v1(request: Request) -> Response:
    """GET …/preferences → 200 `[{template, preference, type}]`, of the workflows that are not critical."""
    chosen = await _chosen(request, *await _whose(request))
    return data(_v1_list(chosen, inactive=bool(query_bool(request, "includeInactiveChannels"))))


async def list_level(request: Request) -> Response:
    """GET …/preferences/{global|template} → 200 a list; 422 another level.

    Inactive channels are included for backends unless they say otherwise, for pages only if they ask for them.
    """
    who = await who_of(request)
    chosen = await _chosen(request, who.environment, who.subscriber)
    level = path_param(request, "parameter")
    asked = query_bool(request, "includeInactiveChannels")
    inactive = who.is_backend if asked is None else asked
    if level == "global":
        return data([{"preference": global_view(chosen, inactive=inactive)}])
    if level != "template":
        raise invalid("preferenceLevel", "preferenceLevel must be one of the following values: global, template", level)
    return data(_v1_list(chosen, inactive=inactive))


async def update_v1_workflow(request: Request) -> Response:
    """PATCH …/preferences/:workflow → 200 `{preference, template}`; 400 critical; 404."""
    environment, subscriber = await _whose(request)
    body = await read_body(request, V1WorkflowUpdate)
    channels = {body.channel.type: body.channel.enabled} if body.channel else {}
    wanted = [(path_param(request, "parameter"), cast(dict[str, bool], channels))]
    chosen, [workflow] = await services_of(request).preferences.choose(environment, subscriber, wanted)
    return data(v1_changed(chosen, workflow))


async def update_v1_global(request: Request) -> Response:
    """PATCH …/preferences → 200 `{preference}`."""
    environment, subscriber = await _whose(request)
    body = await read_body(request, V1GlobalUpdate)
    channels: dict[str, bool] = {one.type: one.enabled for one in body.preferences or []}
    chosen = await services_of(request).preferences.choose_everywhere(environment, subscriber, channels)
    return data({"preference": global_view(chosen)})


async def get_v2(request: Request) -> Response:
    """GET /v2/subscribers/:subscriberId/preferences → 200 `{global, workflows}`, by default not the critical ones."""
    chosen = await _chosen(request, *await _whose(request))
    return data(both_levels_view(chosen, chosen.listed(criticality(request))))


async def get_v2_global(request: Request) -> Response:
    """GET /v2/subscribers/:subscriberId/preferences/global → 200 `{enabled, channels, schedule?}`."""
    chosen = await _chosen(request, *await _whose(request))
    return data(global_view(chosen))


async def update_v2(request: Request) -> Response:
    """PATCH /v2/subscribers/:subscriberId/preferences → 200 `{global, workflows}`; 400 critical; 404 unknown."""
    environment, subscriber = await _whose(request)
    body = await read_body(request, V2Update)
    channels = body.channels.chosen() if body.channels else {}
    preferences = services_of(request).preferences
    if body.workflow_id is not None:
        chosen, _ = await preferences.choose(environment, subscriber, [(body.workflow_id, channels)])
    else:
        schedule = body.schedule.stored() if body.schedule else None
        chosen = await preferences.choose_everywhere(environment, subscriber, channels, schedule)
    return data(both_levels_view(chosen, chosen.listed()))


async def update_v2_bulk(request: Request) -> Response:
    """PATCH /v2/subscribers/:subscriberId/preferences/bulk → 200 the preferences changed, all or none."""
    environment, subscriber = await _whose(request)
    body = await read_body(request, V2Bulk)
    check_bulk(body.preferences)
    wanted = [(item.workflow_id, item.channels.chosen()) for item in body.preferences]
    chosen, workflows = await services_of(request).preferences.choose(environment, subscriber, wanted)
    return data([inbox_item(chosen, workflow) for workflow in workflows])


async def _whose(request: Request) -> tuple[Environment, Subscriber]:
    who = await who_of(request)
    return who.environment, who.subscriber


async def _chosen(request: Request, environment: Environment, subscriber: Subscriber) -> Chosen:
    return await services_of(request).preferences.read_for(environment, subscriber)


def check_bulk(items: Sequence[object]) -> None:
    """Raises BadRequest for an empty bulk update, ValidationFailed for one of more than 100."""
    if not items:
        raise BadRequest("preferences must hold at least one workflow")
    if len(items) > MAX_BULK:
        raise invalid("preferences", f"preferences must contain no more than {MAX_BULK} elements")


def criticality(request: Request) -> Criticality:
    """Which workflows a list of preferences shows; by default those that are not critical."""
    return cast(Criticality, query_one_of(request, "criticality", CRITICALITIES, "nonCritical"))


def _v1_list(chosen: Chosen, *, inactive: bool) -> list[dict[str, Any]]:
    listed: list[Workflow] = chosen.listed()
    return [v1_item(chosen, workflow, inactive=inactive) for workflow in listed]
