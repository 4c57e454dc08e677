"""The previous generation's Python SDK (`novu` 1.14), unmodified, against a real service.

It has no call for a subscriber's feed; what is stored is read back through its messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
import requests
from novu.api import (
    ChangeApi,
    EnvironmentApi,
    EventApi,
    ExecutionDetailApi,
    FeedApi,
    InboundParseApi,
    IntegrationApi,
    LayoutApi,
    MessageApi,
    NotificationApi,
    NotificationGroupApi,
    NotificationTemplateApi,
    OrganizationApi,
    SubscriberApi,
    TenantApi,
    TopicApi,
)
from novu.dto.event import InputEventDto
from novu.dto.notification_template import NotificationStepDto, NotificationTemplateDto, NotificationTemplateFormDto
from novu.dto.organization import OrganizationBrandingDto
from novu.dto.subscriber import SubscriberDto
from novu.dto.topic import TriggerTopicDto
from novu.enums import Channel, MarkAsEnum, MessageActionStatus

from tests.support.server import APPLICATION_IDENTIFIER, Server

T = TypeVar("T")
Make = Callable[[type[T]], T]

BUTTONS = [{"type": "primary", "content": "Go"}]
CTA = {"type": "redirect", "data": {"url": "/o/{{order}}"}, "action": {"buttons": BUTTONS}}


@pytest.fixture
def make(server: Server) -> Make[Any]:
    """Any of the SDK's faces, pointed at the service."""
    return lambda face: face(url=server.url, api_key=server.api_key)


@pytest.fixture
def workflow(make: Make[Any]) -> NotificationTemplateDto:
    return create_workflow(make, "order-placed")


def create_workflow(make: Make[Any], name: str, **fields: Any) -> NotificationTemplateDto:
    [group, *_] = make(NotificationGroupApi).list().data
    template = {"type": "in_app", "content": "Order {{order}} of {{subscriber.firstName}}", "cta": CTA, **fields}
    form = NotificationTemplateFormDto(
        name=name,
        notification_group_id=group._id,
        tags=["orders"],
        steps=[NotificationStepDto(active=True, template=template)],
        active=True,
        draft=False,
        critical=False,
        description="an order",
    )
    created: NotificationTemplateDto = make(NotificationTemplateApi).create(form)
    return created


def contents(make: Make[Any], subscriber_id: str) -> list[str]:
    """What a subscriber got, newest first."""
    return [message.content for message in make(MessageApi).list(subscriber_id=subscriber_id).data]


def refused(status: int, call: Callable[[], object]) -> dict[str, Any]:
    with pytest.raises(requests.HTTPError) as caught:
        call()
    assert caught.value.response.status_code == status
    body: dict[str, Any] = caught.value.response.json()
    return body


async def test_subscribers(make: Make[Any]) -> None:
    api: SubscriberApi = make(SubscriberApi)
    made = api.create(SubscriberDto("ada", email="ada@example.com", first_name="Ada", data={"plan": "pro"}))
    read = api.get("ada")
    assert (read._id, read.email, read.first_name, read.data) == (made._id, "ada@example.com", "Ada", {"plan": "pro"})
    changed = api.put(SubscriberDto("ada", last_name="Lovelace"))
    assert (changed._id, changed.last_name) == (made._id, "Lovelace")
    bulk = api.bulk_create(iter([SubscriberDto(f"s{n}") for n in range(12)]))
    assert len(list(bulk.created or [])) == 12
    assert {one.subscriber_id for one in api.stream()} == {"ada", *(f"s{n}" for n in range(12))}
    assert len(list(api.list().data or [])) == 10
    assert len(list(api.list(page=1).data or [])) == 3

    api.credentials("ada", "fcm", device_tokens=["a"])
    [channel] = api.get("ada").channels or []
    assert (channel.provider_id, channel.credentials.device_tokens) == ("fcm", ["a"])
    api.delete_credentials("ada", "fcm")
    assert list(api.get("ada").channels or []) == []
    for online in (True, False):
        assert api.online_status("ada", online).is_online is online
        assert api.get("ada").is_online is online
    api.delete("ada")
    assert "ada" in refused(404, lambda: api.get("ada"))["message"]


async def test_triggers(make: Make[Any], workflow: NotificationTemplateDto) -> None:
    events: EventApi = make(EventApi)
    people: SubscriberApi = make(SubscriberApi)
    for name in ("ada", "bob", "eve"):
        people.create(SubscriberDto(name, first_name=name.title()))
    reply = events.trigger("order-placed", ["ada", "bob"], {"order": 1}, transaction_id="t-1")
    assert (reply.acknowledged, reply.status, reply.transaction_id) == (True, "processed", "t-1")
    assert (contents(make, "ada"), contents(make, "bob")) == (["Order 1 of Ada"], ["Order 1 of Bob"])
    events.trigger("order-placed", ["ada", "bob"], {"order": 1}, transaction_id="t-1")
    assert len(contents(make, "ada")) == 1

    bulk = events.trigger_bulk([InputEventDto("order-placed", "ada", {"order": order}) for order in (2, 3)])
    assert [one.status for one in bulk] == ["processed", "processed"]
    assert contents(make, "ada")[:2] == ["Order 3 of Ada", "Order 2 of Ada"]

    topics: TopicApi = make(TopicApi)
    topics.create("team", "Team")
    topics.subscribe("team", ["bob", "eve"])
    events.trigger_topic("order-placed", TriggerTopicDto("team", "Topic"), {"order": 4}, actor="eve")
    assert (contents(make, "bob")[0], contents(make, "eve")) == ("Order 4 of Bob", [])
    sent = events.broadcast("order-placed", {"order": 5})
    for name in ("ada", "bob", "eve"):
        assert contents(make, name)[0] == f"Order 5 of {name.title()}"
    events.delete(sent.transaction_id)
    assert len(contents(make, "eve")) == 1
    refused(422, lambda: events.trigger("no-such-workflow", "ada", {}))


async def test_marks_and_buttons(make: Make[Any], workflow: NotificationTemplateDto) -> None:
    people: SubscriberApi = make(SubscriberApi)
    people.create(SubscriberDto("ada"))
    for order in range(3):
        make(EventApi).trigger("order-placed", "ada", {"order": order})
    newest, middle, oldest = make(MessageApi).list(channel=Channel.IN_APP, subscriber_id="ada").data
    assert people.unseen_notifications("ada") == 3
    read = people.mark_as("ada", newest._id, seen=True, read=True)
    assert (read._id, read.seen, read.read) == (newest._id, True, True)
    assert people.unseen_notifications("ada") == 2
    pressed = people.mark_message_action("ada", middle._id, "primary", MessageActionStatus.DONE, {"via": "sdk"})
    assert (pressed.cta or {})["action"] | {"buttons": 0} == {
        "status": "done",
        "buttons": 0,
        "result": {"type": "primary", "payload": {"via": "sdk"}},
    }
    assert people.mark_all_as("ada", MarkAsEnum.READ) == 2
    assert people.unseen_notifications("ada") == 0
    shown = {message._id: message for message in make(MessageApi).stream(subscriber_id="ada")}
    assert {message.read for message in shown.values()} == {True}
    assert shown[middle._id].cta["action"]["status"] == "done"
    assert make(MessageApi).delete(oldest._id) is True
    assert len(contents(make, "ada")) == 2


async def test_preferences(make: Make[Any], workflow: NotificationTemplateDto) -> None:
    people: SubscriberApi = make(SubscriberApi)
    people.create(SubscriberDto("ada"))
    [listed] = people.preferences("ada")
    assert (listed.template._id, listed.preference.enabled, listed.preference.channels.in_app) == (
        workflow._id,
        True,
        True,
    )
    muted = people.change_channel_preference("ada", str(workflow._id), Channel.IN_APP, False)
    assert muted.preference.channels.in_app is False
    make(EventApi).trigger("order-placed", "ada", {"order": 1})
    assert contents(make, "ada") == []
    people.change_channel_preference("ada", str(workflow._id), Channel.IN_APP, True)
    unchanged = people.change_preference_state("ada", str(workflow._id), False)  # accepted and ignored
    assert (unchanged.preference.enabled, unchanged.preference.channels.in_app) == (True, True)
    make(EventApi).trigger("order-placed", "ada", {"order": 2})
    assert contents(make, "ada") == ["Order 2 of "]


async def test_topics(make: Make[Any]) -> None:
    topics: TopicApi = make(TopicApi)
    people: SubscriberApi = make(SubscriberApi)
    people.bulk_create(iter([SubscriberDto("ada"), SubscriberDto("bob")]))
    topics.create("team", "Team")
    assert topics.subscribe("team", ["ada", "bob", "missing"]) == (["ada", "bob"], {"notFound": ["missing"]})
    assert sorted(topics.get("team").subscribers or []) == ["ada", "bob"]
    assert topics.subscribed("team", "ada") is True
    topics.unsubscribe("team", ["ada", "bob"])
    assert topics.subscribed("team", "ada") is False
    assert topics.rename("team", "New").name == "New"
    listed = topics.list(page=0, limit=10, key="team")
    assert [(one.key, one.name) for one in listed.data or []] == [("team", "New")]
    topics.delete("team")
    refused(404, lambda: topics.get("team"))


async def test_workflows(make: Make[Any], workflow: NotificationTemplateDto) -> None:
    api: NotificationTemplateApi = make(NotificationTemplateApi)
    read = api.get(str(workflow._id))
    assert (read.name, read.tags, read.active) == ("order-placed", ["orders"], True)
    [step] = read.steps or []
    assert step.template["content"] == "Order {{order}} of {{subscriber.firstName}}"
    [trigger] = read.triggers or []
    assert trigger.identifier == "order-placed"
    form = NotificationTemplateFormDto(
        name="renamed", notification_group_id=str(read._notification_group_id), steps=[step], active=True, draft=False
    )
    assert api.update(str(workflow._id), form).name == "renamed"
    assert api.update_status(str(workflow._id), False).active is False
    assert make(EventApi).trigger("order-placed", "ada", {}).status == "trigger_not_active"
    create_workflow(make, "second")
    assert {one.name for one in api.stream()} == {"renamed", "second"}
    api.delete(str(workflow._id))
    refused(404, lambda: api.get(str(workflow._id)))


async def test_tenants_and_feeds(make: Make[Any]) -> None:
    tenants: TenantApi = make(TenantApi)
    tenants.create("acme", "Acme", {"plan": "pro"})
    assert (tenants.get("acme").name, tenants.get("acme").data) == ("Acme", {"plan": "pro"})
    assert tenants.patch("acme", name="Acme Ltd").name == "Acme Ltd"
    assert [one.identifier for one in tenants.stream()] == ["acme"]
    feeds: FeedApi = make(FeedApi)
    alerts = feeds.create("alerts")
    assert [one.name for one in feeds.list()] == ["alerts"]
    create_workflow(make, "alert", feedId=alerts._id)
    make(SubscriberApi).create(SubscriberDto("ada"))
    make(EventApi).trigger("alert", "ada", {"order": 1}, tenant="acme")
    assert contents(make, "ada") == ["Order 1 of "]
    assert make(SubscriberApi).mark_all_as("ada", MarkAsEnum.SEEN, ["alerts"]) == 1
    feeds.delete(str(alerts._id))
    assert list(feeds.list()) == []
    tenants.delete("acme")
    refused(404, lambda: tenants.get("acme"))


async def test_the_activity(make: Make[Any], workflow: NotificationTemplateDto) -> None:
    make(SubscriberApi).create(SubscriberDto("ada"))
    make(EventApi).trigger("order-placed", "ada", {"order": 1}, transaction_id="t-1")
    api: NotificationApi = make(NotificationApi)
    [activity] = api.list(subscriber_ids=["ada"]).data or []
    assert activity.transaction_id == "t-1"
    assert activity.template.name == "order-placed"
    assert api.get(str(activity._id)).transaction_id == "t-1"
    details = list(make(ExecutionDetailApi).list(str(activity._id), "ada"))
    assert details
    assert {(one.status, one.is_test, one.is_retry) for one in details} == {("Success", False, False)}


async def test_environments_integrations_and_the_organization(make: Make[Any], server: Server) -> None:
    environments: EnvironmentApi = make(EnvironmentApi)
    mine = environments.current()
    assert mine.identifier == APPLICATION_IDENTIFIER
    assert mine._id in [one._id for one in environments.list()]
    assert server.api_key in [key.key for key in environments.api_keys()]
    integrations: IntegrationApi = make(IntegrationApi)
    [integration] = integrations.list()
    assert (integration.provider_id, integration.channel, integration.active) == ("novu", "in_app", True)
    assert [one._id for one in integrations.list(only_active=True)] == [integration._id]
    integration.credentials = {"hmac": False}
    assert integrations.update(integration, check=False).credentials["hmac"] is False
    organization: OrganizationApi = make(OrganizationApi)
    organization.rename("Acme Inc")
    assert organization.current().name == "Acme Inc"
    assert [one.name for one in organization.list()] == ["Acme Inc"]
    assert organization.update_branding(OrganizationBrandingDto(color="#ff0000")).color == "#ff0000"
    assert organization.current().branding.color == "#ff0000"
    assert list(organization.list_members()) == []
    groups: NotificationGroupApi = make(NotificationGroupApi)
    group = groups.create("More")
    assert groups.get(group._id).name == "More"
    assert groups.patch(group._id, "Most").name == "Most"
    groups.delete(group._id)
    assert group._id not in [one._id for one in groups.list().data]


async def test_what_is_empty_and_what_is_not_offered(make: Make[Any]) -> None:
    assert list(make(ChangeApi).list().data or []) == []
    assert make(ChangeApi).count() == 0
    assert list(make(LayoutApi).list().data or []) == []
    assert refused(404, make(InboundParseApi).validate_mx_record_setup)["message"].startswith("Cannot GET")
