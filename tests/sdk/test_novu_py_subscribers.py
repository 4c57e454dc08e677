"""The official Python SDK, unmodified: subscribers, preferences, environments, integrations and contexts."""

from __future__ import annotations

import pytest
from novu_py import Novu, models

from tests.support.server import APPLICATION_IDENTIFIER, Server

from .test_novu_py import SUBSCRIBER, create_ada, order_workflow, read_feed, trigger_order

pytestmark = pytest.mark.filterwarnings(r"ignore:warning. \*\* DEPRECATED \*\*:DeprecationWarning")


async def search(novu: Novu, **query: object) -> models.ListSubscribersResponseDto:
    request = models.SubscribersControllerSearchSubscribersRequest(**query)  # type: ignore[arg-type]
    return (await novu.subscribers.search_async(request=request)).result


async def test_a_bulk_is_made_listed_and_searched(novu: Novu) -> None:
    people = [models.CreateSubscriberRequestDto(subscriber_id=f"s{one}", first_name=f"N{one}") for one in "0123"]
    made = await novu.subscribers.create_bulk_async(
        bulk_subscriber_create_dto=models.BulkSubscriberCreateDto(subscribers=[*people, people[0]])
    )
    assert {one.subscriber_id for one in made.result.created} == {"s0", "s1", "s2", "s3"}
    assert ([one.subscriber_id for one in made.result.updated], made.result.failed) == (["s0"], [])

    everyone = await search(novu, order_direction=models.QueryParamOrderDirection.ASC, limit=100)
    assert {one.subscriber_id for one in everyone.data} == {"s0", "s1", "s2", "s3"}
    assert (everyone.total_count, everyone.total_count_capped) == (4, False)
    assert (everyone.next, everyone.previous) == (None, None)
    first = await search(novu, limit=3)
    assert isinstance(first.next, str)
    rest = await search(novu, limit=3, after=first.next)
    assert {one.subscriber_id for one in [*first.data, *rest.data]} == {"s0", "s1", "s2", "s3"}
    assert rest.next is None
    assert [one.first_name for one in (await search(novu, name="n2")).data] == ["N2"]
    assert [one.subscriber_id for one in (await search(novu, subscriber_id="s3")).data] == ["s3"]


async def test_credentials(novu: Novu) -> None:
    await create_ada(novu)
    request = models.UpdateSubscriberChannelRequestDto(
        provider_id=models.ChatOrPushProviderEnum.FCM,
        credentials=models.ChannelCredentials(device_tokens=["a"]),
        integration_identifier="fcm-one",
    )
    given = {"subscriber_id": SUBSCRIBER, "update_subscriber_channel_request_dto": request}
    await novu.subscribers.credentials.update_async(**given)
    request.credentials.device_tokens = ["b"]
    appended = (await novu.subscribers.credentials.append_async(**given)).result
    [channel] = appended.channels or []
    assert (channel.provider_id, channel.integration_identifier) == (models.ChatOrPushProviderEnum.FCM, "fcm-one")
    assert channel.credentials.device_tokens == ["a", "b"]
    await novu.subscribers.credentials.delete_async(subscriber_id=SUBSCRIBER, provider_id="fcm")
    assert (await novu.subscribers.retrieve_async(subscriber_id=SUBSCRIBER)).result.channels == []


async def test_preferences_are_chosen_shown_and_obeyed(novu: Novu) -> None:
    await create_ada(novu)
    created = (await novu.workflows.create_async(create_workflow_dto=order_workflow())).result
    hours = [models.TimeRangeDto(start="09:00 AM", end="05:00 PM")]
    week = models.WeeklySchedule(monday=models.Monday(is_enabled=True, hours=hours))
    change = models.PatchSubscriberPreferencesDto(
        channels=models.PatchPreferenceChannelsDto(in_app=False),
        schedule=models.ScheduleDto(is_enabled=True, weekly_schedule=week),
    )
    changed = await novu.subscribers.preferences.update_async(
        subscriber_id=SUBSCRIBER, patch_subscriber_preferences_dto=change
    )
    assert changed.result.global_.channels.in_app is False
    assert changed.result.global_.schedule
    assert changed.result.global_.schedule.weekly_schedule == week
    await trigger_order(novu, "A1")
    assert (await read_feed(novu)).data == []

    item = models.BulkUpdateSubscriberPreferenceItemDto(
        workflow_id=created.slug, channels=models.PatchPreferenceChannelsDto(in_app=True)
    )
    bulk = await novu.subscribers.preferences.bulk_update_async(
        subscriber_id=SUBSCRIBER,
        bulk_update_subscriber_preferences_dto=models.BulkUpdateSubscriberPreferencesDto(preferences=[item]),
    )
    [preference] = bulk.result
    assert (preference.level, preference.channels.in_app) == (models.PreferenceLevelEnum.TEMPLATE, True)
    assert preference.workflow
    assert preference.workflow.identifier == "order-placed"
    await trigger_order(novu, "A2")
    assert [one.payload for one in (await read_feed(novu)).data] == [{"order": "A2", "items": ["tea", "cake"]}]

    shown = (await novu.subscribers.preferences.list_async(subscriber_id=SUBSCRIBER)).result
    assert [(one.workflow.slug, one.channels.in_app) for one in shown.workflows] == [(created.slug, True)]
    assert shown.workflows[0].overrides[0].source is models.PreferenceOverrideSourceEnum.SUBSCRIBER
    with pytest.raises(models.ErrorDto) as caught:
        await novu.subscribers.preferences.update_async(
            subscriber_id="nobody", patch_subscriber_preferences_dto=models.PatchSubscriberPreferencesDto()
        )
    assert caught.value.data.status_code == 404


async def test_environments_and_integrations(novu: Novu, server: Server) -> None:
    [environment, other] = (await novu.environments.list_async()).result
    assert (other.name, other.api_keys) == ("Development", None)
    assert (environment.name, environment.identifier) == ("Production", APPLICATION_IDENTIFIER)
    assert server.api_key in [key.key for key in environment.api_keys or []]
    await novu.workflows.create_async(create_workflow_dto=order_workflow(tags=["orders"]))
    tags = (await novu.environments.get_tags_async(environment_id=environment.id)).result
    assert [tag.name for tag in tags] == ["orders"]
    staging = models.CreateEnvironmentRequestDto(name="Staging", color="#0070f3")
    created = (await novu.environments.create_async(create_environment_request_dto=staging)).result
    [key] = created.api_keys or []
    async with Novu(secret_key=key.key, server_url=server.url) as of_staging:
        [own, *_] = (await of_staging.environments.list_async()).result
        assert (own.id, own.name, own.identifier) == (created.id, "Staging", created.identifier)

    [integration] = (await novu.integrations.list_async()).result
    assert (integration.provider_id, integration.active, integration.environment_id) == ("novu", True, environment.id)
    change = models.UpdateIntegrationRequestDto(credentials=models.CredentialsDto(hmac=False), active=False)
    changed = await novu.integrations.update_async(
        integration_id=str(integration.id), update_integration_request_dto=change
    )
    assert changed.result.credentials
    assert (changed.result.credentials.hmac, changed.result.active) == (False, False)
    assert (await novu.integrations.list_active_async()).result == []
    again = models.CreateIntegrationRequestDto(
        provider_id="novu", channel=models.CreateIntegrationRequestDtoChannel.IN_APP, active=True
    )
    made = (await novu.integrations.create_async(create_integration_request_dto=again)).result
    assert (made.id, made.active) == (integration.id, True)
    primary = (await novu.integrations.set_as_primary_async(integration_id=str(integration.id))).result
    assert (primary.id, primary.primary) == (integration.id, True)
    assert [one.id for one in (await novu.integrations.list_active_async()).result] == [integration.id]


async def test_contexts(novu: Novu) -> None:
    body = models.CreateContextRequestDto(type="tenant", id="acme", data={"plan": "pro"})
    created = (await novu.contexts.create_async(create_context_request_dto=body)).result
    assert (created.type, created.id, created.data) == ("tenant", "acme", {"plan": "pro"})
    change = models.UpdateContextRequestDto(data={"plan": "free"})
    await novu.contexts.update_async(id="acme", type_="tenant", update_context_request_dto=change)
    read = (await novu.contexts.retrieve_async(id="acme", type_="tenant")).result
    assert read.data == {"plan": "free"}
    request = models.ContextsControllerListContextsRequest(limit=5)
    listed = (await novu.contexts.list_async(request=request)).result
    assert ([one.id for one in listed.data], listed.total_count) == (["acme"], 1)
    await novu.contexts.delete_async(id="acme", type_="tenant")
    with pytest.raises(models.ErrorDto) as caught:
        await novu.contexts.retrieve_async(id="acme", type_="tenant")
    assert caught.value.data.status_code == 404


async def test_layouts_are_empty(novu: Novu) -> None:
    listed = (await novu.layouts.list_async(request=models.LayoutsControllerListRequest())).result
    assert (listed.layouts, listed.total_count) == ([], 0)
