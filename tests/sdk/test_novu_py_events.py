"""Triggers, topics and subscriptions through the official Python SDK, unmodified."""

from __future__ import annotations

from typing import Any

import pytest
from novu_py import Novu, models

from .test_novu_py import order_workflow

# the SDK calls what Novu has in v1 only deprecated; it is served all the same
pytestmark = pytest.mark.filterwarnings(r"ignore:warning. \*\* DEPRECATED \*\*:DeprecationWarning")

PROCESSED = models.TriggerEventResponseDtoStatus.PROCESSED


@pytest.fixture
async def workflow(novu: Novu) -> str:
    schema = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}
    await novu.workflows.create_async(create_workflow_dto=order_workflow(validate_payload=True, payload_schema=schema))
    for subscriber in ("ada", "bob", "cy"):
        request = models.CreateSubscriberRequestDto(subscriber_id=subscriber, first_name=subscriber.title())
        await novu.subscribers.create_async(create_subscriber_request_dto=request)
    return "order-placed"


def event(workflow: str, to: Any, order: str, **fields: Any) -> models.TriggerEventRequestDto:
    payload = {"order": order, "items": ["tea"]}
    return models.TriggerEventRequestDto(workflow_id=workflow, to=to, payload=payload, **fields)


async def trigger(novu: Novu, *given: Any, **fields: Any) -> models.TriggerEventResponseDto:
    return (await novu.trigger_async(trigger_event_request_dto=event(*given, **fields))).result


async def orders(novu: Novu, subscriber: str) -> list[Any]:
    """The orders that a subscriber was told of, oldest first."""
    request = models.SubscribersV1ControllerGetNotificationsFeedRequest(subscriber_id=subscriber)
    feed = (await novu.subscribers.notifications.feed_async(request=request)).result
    return [item.payload["order"] for item in reversed(feed.data) if item.payload]


async def subscribe(novu: Novu, topic: str, *subscribers: str) -> models.CreateSubscriptionsResponseDto:
    request = models.CreateTopicSubscriptionsRequestDto(subscriptions=[*subscribers])
    created = await novu.topics.subscriptions.create_async(
        topic_key=topic, create_topic_subscriptions_request_dto=request
    )
    return created.result


async def test_recipients_in_every_form(novu: Novu, workflow: str) -> None:
    await subscribe(novu, "news", "ada", "bob", "cy")
    topic = models.TopicPayloadDto(topic_key="news", type=models.TriggerRecipientsTypeEnum.TOPIC, exclude=["cy"])
    person = models.SubscriberPayloadDto(subscriber_id="dan", first_name="Dan", email=None)
    reply = await trigger(novu, workflow, [topic, person, "eve"], "A1", actor="bob", transaction_id="mine")
    assert (reply.acknowledged, reply.status, reply.transaction_id) == (True, PROCESSED, "mine")
    got = {one: await orders(novu, one) for one in ("ada", "bob", "cy", "dan", "eve")}
    assert got == {"ada": ["A1"], "bob": [], "cy": [], "dan": ["A1"], "eve": ["A1"]}
    dan = (await novu.subscribers.retrieve_async(subscriber_id="dan")).result
    assert dan.first_name == "Dan"
    await trigger(novu, workflow, topic, "A2")
    assert (await orders(novu, "bob"), await orders(novu, "cy")) == (["A2"], [])


async def test_overrides_tenant_and_context(novu: Novu, workflow: str) -> None:
    reply = await trigger(novu, workflow, "ada", "A1", tenant="nobody")
    assert reply.status == models.TriggerEventResponseDtoStatus.NO_TENANT_FOUND
    assert await orders(novu, "ada") == []
    overrides = models.Overrides(severity=models.SeverityLevelEnum.HIGH)
    await trigger(novu, workflow, "ada", "A2", overrides=overrides)
    context = {"app": {"id": "web", "data": {"plan": "pro"}}, "tenant": "acme"}
    await trigger(novu, workflow, "bob", "A3", context=context)
    assert await orders(novu, "ada") == ["A2"]


async def test_a_payload_that_does_not_fit(novu: Novu, workflow: str) -> None:
    request = models.TriggerEventRequestDto(workflow_id=workflow, to="ada", payload={"order": 7})
    with pytest.raises(models.PayloadValidationExceptionDto) as caught:
        await novu.trigger_async(trigger_event_request_dto=request)
    data = caught.value.data
    assert (data.status_code, data.type) == (400, "PAYLOAD_VALIDATION_ERROR")
    assert [(error.field, error.value) for error in data.errors] == [("order", 7)]
    with pytest.raises(models.ValidationErrorDto) as unknown:
        await trigger(novu, "unknown", "ada", "A1")
    assert unknown.value.data.status_code == 422
    assert await orders(novu, "ada") == []


async def test_bulk_broadcast_and_cancel(novu: Novu, workflow: str) -> None:
    events = [event(workflow, "ada", "A1"), event("unknown", "ada", "A2"), event(workflow, "ada", "A3")]
    bulk = models.BulkTriggerEventDto(events=events)
    replies = (await novu.trigger_bulk_async(bulk_trigger_event_dto=bulk)).result
    assert [reply.status.value for reply in replies] == ["processed", "error", "processed"]
    assert replies[1].error == ["workflow_not_found: unknown"]
    assert await orders(novu, "ada") == ["A1", "A3"]
    everybody = models.TriggerEventToAllRequestDto(name=workflow, payload={"order": "A4", "items": []})
    reply = (await novu.trigger_broadcast_async(trigger_event_to_all_request_dto=everybody)).result
    assert reply.status == PROCESSED
    assert [await orders(novu, one) for one in ("ada", "bob", "cy")] == [["A1", "A3", "A4"], ["A4"], ["A4"]]
    assert reply.transaction_id
    assert (await novu.cancel_async(transaction_id=reply.transaction_id)).result is False


async def test_topics(novu: Novu) -> None:
    made = [
        (
            await novu.topics.create_async(
                create_update_topic_request_dto=models.CreateUpdateTopicRequestDto(key=key, name=f"The {key}")
            )
        ).result
        for key in ("news", "alerts", "sport")
    ]
    assert [(topic.key, topic.name) for topic in made] == [(key, f"The {key}") for key in ("news", "alerts", "sport")]
    assert made[0].created_at == made[0].updated_at
    page = (await novu.topics.list_async(request=models.TopicsControllerListTopicsRequest(limit=2))).result
    assert ([topic.key for topic in page.data], page.next, page.previous) == (["sport", "alerts"], made[1].id, None)
    assert (page.total_count, page.total_count_capped) == (3, False)
    request = models.TopicsControllerListTopicsRequest(limit=2, after=page.next)
    rest = (await novu.topics.list_async(request=request)).result
    assert ([topic.id for topic in rest.data], rest.next, rest.previous) == ([made[0].id], None, made[0].id)
    named = models.TopicsControllerListTopicsRequest(name="ALERT")
    assert [topic.key for topic in (await novu.topics.list_async(request=named)).result.data] == ["alerts"]
    assert (await novu.topics.get_async(topic_key="news")).result == made[0]
    renamed = await novu.topics.update_async(
        topic_key="news", update_topic_request_dto=models.UpdateTopicRequestDto(name="Renamed")
    )
    assert (renamed.result.id, renamed.result.name) == (made[0].id, "Renamed")
    assert (await novu.topics.delete_async(topic_key="news")).result.acknowledged is True
    with pytest.raises(models.ErrorDto) as caught:
        await novu.topics.get_async(topic_key="news")
    assert caught.value.data.status_code == 404


async def test_subscriptions(novu: Novu, workflow: str) -> None:
    preference = models.WorkflowPreferenceRequestDto(workflow_id=workflow, enabled=False)
    request = models.CreateTopicSubscriptionsRequestDto(
        subscriptions=["ada", models.TopicSubscriberIdentifierDto(identifier="bobs", subscriber_id="bob"), "nobody"],
        name="Readers",
        preferences=[preference],
    )
    created = (
        await novu.topics.subscriptions.create_async(topic_key="news", create_topic_subscriptions_request_dto=request)
    ).result
    assert [one.identifier for one in created.data] == ["tk_news:si_ada", "bobs"]
    assert (created.meta.total_count, created.meta.successful, created.meta.failed) == (3, 2, 1)
    assert created.errors
    assert (created.errors[0].subscriber_id, created.errors[0].code) == ("nobody", "SUBSCRIBER_NOT_FOUND")
    [shown] = created.data[0].preferences or []
    assert (shown.subscription_id, shown.enabled) == (created.data[0].id, False)
    assert shown.workflow
    assert shown.workflow.identifier == workflow

    listing = models.TopicsControllerListTopicSubscriptionsRequest(topic_key="news", limit=1)
    page = (await novu.topics.subscriptions.list_async(request=listing)).result
    assert [one.identifier for one in page.data] == ["bobs"]
    assert (page.data[0].subscriber.subscriber_id, page.data[0].topic.key) == ("bob", "news")
    assert (page.total_count, page.next) == (2, page.data[0].id)
    of_ada = models.SubscribersControllerListSubscriberTopicsRequest(subscriber_id="ada")
    assert [one.topic.key for one in (await novu.subscribers.topics.list_async(request=of_ada)).result.data] == ["news"]

    details = await novu.topics.subscriptions.get_subscription_async(topic_key="news", identifier="bobs")
    assert details.result
    assert (details.result.id, details.result.name) == (created.data[1].id, "Readers")
    update = models.UpdateTopicSubscriptionRequestDto(name="B", preferences=[workflow])
    changed = await novu.topics.subscriptions.update_async(
        topic_key="news", identifier="bobs", update_topic_subscription_request_dto=update
    )
    assert changed.result.name == "B"
    await trigger(novu, workflow, {"type": "Topic", "topicKey": "news"}, "A1")
    assert (await orders(novu, "ada"), await orders(novu, "bob")) == ([], ["A1"])

    member = await novu.topics.subscribers.retrieve_async(topic_key="news", external_subscriber_id="ada")
    assert (member.result.topic_key, member.result.external_subscriber_id) == ("news", "ada")
    gone = models.DeleteTopicSubscriptionsRequestDto(
        subscriptions=["ada", models.DeleteTopicSubscriberIdentifierDto(identifier="none")]
    )
    deleted = (
        await novu.topics.subscriptions.delete_async(topic_key="news", delete_topic_subscriptions_request_dto=gone)
    ).result
    assert ([one.identifier for one in deleted.data], deleted.meta.failed) == (["tk_news:si_ada"], 1)
    assert deleted.errors
    assert deleted.errors[0].code == "SUBSCRIPTION_NOT_FOUND"
    with pytest.raises(models.ErrorDto) as caught:
        await novu.topics.subscribers.retrieve_async(topic_key="news", external_subscriber_id="ada")
    assert caught.value.data.status_code == 404
