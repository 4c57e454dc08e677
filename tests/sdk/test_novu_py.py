"""The official Python SDK, unmodified, against a real service: what it sends is stored, and what it gets parses."""

from __future__ import annotations

from typing import Any

import pytest
from novu_py import Novu, models

from tests.support.server import Server

SUBSCRIBER = "ada"


# the SDK calls what Novu has in v1 only deprecated; it is served all the same
pytestmark = pytest.mark.filterwarnings(r"ignore:warning. \*\* DEPRECATED \*\*:DeprecationWarning")


def order_workflow(**fields: Any) -> models.CreateWorkflowDto:
    """One step with every kind of content, from payload and subscriber."""
    controls = models.InAppControlDto(
        subject="Order {{payload.order}}",
        body="Dear {{subscriber.firstName}}, {{payload.items | pluralize: 'item'}} on the way",
        avatar="https://example.com/{{payload.order}}.png",
        primary_action=models.ActionDto(
            label="Track {{payload.order}}",
            redirect=models.RedirectDto(url="/orders/{{payload.order}}", target=models.Target.BLANK),
        ),
        secondary_action=models.ActionDto(label="Dismiss"),
        redirect=models.RedirectDto(url="https://example.com/{{payload.order}}", target=models.Target.SELF),
        data={"order": "{{payload.order}}", "fixed": 1},
    )
    step = models.InAppStepUpsertDto(name="In-app", type=models.StepTypeEnum.IN_APP, control_values=controls)
    given = {"name": "Order placed", "workflow_id": "order-placed", "steps": [step], "active": True}
    return models.CreateWorkflowDto(**{**given, **fields})


async def create_ada(novu: Novu) -> models.SubscriberResponseDto:
    request = models.CreateSubscriberRequestDto(
        subscriber_id=SUBSCRIBER,
        first_name="Ada",
        last_name="Lovelace",
        email="ada@example.com",
        locale="en_GB",
        timezone="Europe/London",
        data={"plan": "pro"},
    )
    return (await novu.subscribers.create_async(create_subscriber_request_dto=request)).result


async def trigger_order(novu: Novu, order: str, **fields: Any) -> models.TriggerEventResponseDto:
    payload = {"order": order, "items": ["tea", "cake"]}
    request = models.TriggerEventRequestDto(workflow_id="order-placed", to=SUBSCRIBER, payload=payload, **fields)
    return (await novu.trigger_async(trigger_event_request_dto=request)).result


async def read_feed(novu: Novu, **query: Any) -> models.FeedResponseDto:
    request = models.SubscribersV1ControllerGetNotificationsFeedRequest(subscriber_id=SUBSCRIBER, **query)
    return (await novu.subscribers.notifications.feed_async(request=request)).result


async def count_unseen(novu: Novu) -> float:
    return (await novu.subscribers.notifications.unseen_count_async(subscriber_id=SUBSCRIBER)).result.count


async def test_the_whole_story(novu: Novu) -> None:
    """Subscriber, workflow, triggers, feed, counts, marks, the pressed button, presence, and the end of it."""
    created = await create_ada(novu)
    await novu.workflows.create_async(create_workflow_dto=order_workflow(tags=["orders"], severity="high"))
    triggered = [await trigger_order(novu, order) for order in ("A1", "A2", "A3")]
    assert {(reply.acknowledged, reply.status) for reply in triggered} == {
        (True, models.TriggerEventResponseDtoStatus.PROCESSED)
    }

    feed = await read_feed(novu)
    assert [item.transaction_id for item in feed.data] == [reply.transaction_id for reply in reversed(triggered)]
    assert (feed.total_count, feed.has_more, feed.page, feed.page_size) == (3, False, 0, 10)
    check_item(feed.data[0], created)
    assert await count_unseen(novu) == 3

    newest, middle, oldest = (str(item.id) for item in feed.data)
    mark = models.MessageMarkAsRequestDto(message_id=[newest], mark_as=models.MessageMarkAsRequestDtoMarkAs.READ)
    marked = await novu.subscribers.messages.mark_all_as_async(
        subscriber_id=SUBSCRIBER, message_mark_as_request_dto=mark
    )
    assert [(message.id, message.read, message.seen) for message in marked.result] == [(newest, True, True)]
    assert marked.result[0].last_read_date
    assert await count_unseen(novu) == 2
    assert [item.id for item in (await read_feed(novu, read=False, limit=2)).data] == [middle, oldest]

    await press_primary(novu, middle)

    everything = models.MarkAllMessageAsRequestDto(mark_as=models.MarkAs.SEEN)
    changed = await novu.subscribers.messages.mark_all_async(
        subscriber_id=SUBSCRIBER, mark_all_message_as_request_dto=everything
    )
    assert changed.result == 2
    assert await count_unseen(novu) == 0
    assert [item.read for item in (await read_feed(novu)).data] == [True, False, False]

    await set_online(novu)
    removed = await novu.subscribers.delete_async(subscriber_id=SUBSCRIBER)
    assert removed.result.acknowledged is True
    with pytest.raises(models.ErrorDto) as caught:
        await novu.subscribers.retrieve_async(subscriber_id=SUBSCRIBER)
    assert caught.value.data.status_code == 404


def check_item(item: models.NotificationFeedItemDto, subscriber: models.SubscriberResponseDto) -> None:
    """The newest message holds what the templates make of order A3."""
    assert (item.subject, item.content) == ("Order A3", "Dear Ada, 2 items on the way")
    assert (item.read, item.seen, item.archived) == (False, False, False)
    assert item.template_identifier == "order-placed"
    assert item.data == {"order": "A3", "fixed": 1}
    assert item.tags == ["orders"]
    assert item.payload == {"order": "A3", "items": ["tea", "cake"]}
    assert item.subscriber_id == subscriber.id
    assert item.environment_id == subscriber.environment_id
    assert item.subscriber
    assert (item.subscriber.subscriber_id, item.subscriber.first_name) == (SUBSCRIBER, "Ada")
    assert item.cta.data
    assert item.cta.data.url == "https://example.com/A3"
    assert item.cta.action
    assert [(button.type.value, button.content) for button in item.cta.action.buttons or []] == [
        ("primary", "Track A3"),
        ("secondary", "Dismiss"),
    ]


async def press_primary(novu: Novu, message_id: str) -> None:
    """Presses the primary action: the answer is the whole message, subscriber and template embedded."""
    request = models.SubscribersV1ControllerMarkActionAsSeenRequest(
        subscriber_id=SUBSCRIBER,
        message_id=message_id,
        type="primary",
        mark_message_action_as_seen_dto=models.MarkMessageActionAsSeenDto(
            status=models.MarkMessageActionAsSeenDtoStatus.DONE
        ),
    )
    message = (await novu.subscribers.messages.update_as_seen_async(request=request)).result
    assert message.id == message_id
    assert message.cta.action
    assert message.cta.action.status is models.MessageActionStatusEnum.DONE
    assert message.cta.action.result
    assert message.cta.action.result.type is models.ButtonTypeEnum.PRIMARY
    assert (message.read, message.seen) == (False, False)
    assert message.subscriber
    assert (message.subscriber.subscriber_id, message.subscriber.deleted) == (SUBSCRIBER, False)
    assert message.subscriber.data == {"plan": "pro"}
    assert message.template
    assert (message.template.id, message.template.name) == (message.template_id, "Order placed")
    assert [trigger.identifier for trigger in message.template.triggers] == ["order-placed"]
    assert message.template.steps[0].id == message.message_template_id
    again = next(item for item in (await read_feed(novu)).data if item.id == message_id)
    assert again.cta.action
    assert again.cta.action.status is models.MessageActionStatusEnum.DONE


async def set_online(novu: Novu) -> None:
    """Online, then offline: only going offline leaves a time."""
    flags = []
    for is_online in (True, False):
        answer = await novu.subscribers.properties.update_online_flag_async(
            subscriber_id=SUBSCRIBER,
            update_subscriber_online_flag_request_dto=models.UpdateSubscriberOnlineFlagRequestDto(is_online=is_online),
        )
        flags.append((answer.result.is_online, bool(answer.result.last_online_at)))
    assert flags == [(True, False), (False, True)]
    assert (await novu.subscribers.retrieve_async(subscriber_id=SUBSCRIBER)).result.is_online is False


async def test_a_subscriber_is_created_changed_and_read_back(novu: Novu) -> None:
    created = await create_ada(novu)
    assert (created.first_name, created.email, created.data) == ("Ada", "ada@example.com", {"plan": "pro"})
    change = models.PatchSubscriberRequestDto(first_name="Augusta", phone="+44 1")
    patched = await novu.subscribers.patch_async(subscriber_id=SUBSCRIBER, patch_subscriber_request_dto=change)
    assert (patched.result.id, patched.result.first_name, patched.result.last_name) == (
        created.id,
        "Augusta",
        "Lovelace",
    )
    read = (await novu.subscribers.retrieve_async(subscriber_id=SUBSCRIBER)).result
    assert (read.first_name, read.phone, read.locale, read.timezone) == ("Augusta", "+44 1", "en_GB", "Europe/London")


async def test_a_workflow_is_created_listed_changed_and_deleted(novu: Novu) -> None:
    created = (await novu.workflows.create_async(create_workflow_dto=order_workflow(tags=["orders"]))).result
    assert (created.workflow_id, created.status) == ("order-placed", models.WorkflowStatusEnum.ACTIVE)
    for name in ("order-placed", created.id, created.slug):
        assert (await novu.workflows.get_async(workflow_id=name)).result.id == created.id
    query = models.WorkflowControllerSearchWorkflowsRequest(
        limit=5,
        offset=0,
        query="ORDER",
        tags=["orders", "other"],
        status=[models.WorkflowStatusEnum.ACTIVE],
        order_by=models.WorkflowResponseDtoSortField.NAME,
        order_direction=models.DirectionEnum.ASC,
    )
    listed = (await novu.workflows.list_async(request=query)).result
    assert ([item.id for item in listed.workflows], listed.total_count) == ([created.id], 1)

    step = models.InAppStepUpsertDto(
        name="In-app",
        type=models.StepTypeEnum.IN_APP,
        id=created.steps[0].id,
        control_values=models.InAppControlDto(body="Changed"),
    )
    change = models.UpdateWorkflowDto(
        name="Renamed", steps=[step], preferences=models.PreferencesRequestDto(), active=False
    )
    updated = (await novu.workflows.update_async(workflow_id="order-placed", update_workflow_dto=change)).result
    assert (updated.id, updated.name, updated.status) == (created.id, "Renamed", models.WorkflowStatusEnum.INACTIVE)
    assert (updated.steps[0].id, updated.steps[0].step_id) == (created.steps[0].id, created.steps[0].step_id)
    await create_ada(novu)
    assert (await trigger_order(novu, "A1")).status is models.TriggerEventResponseDtoStatus.TRIGGER_NOT_ACTIVE
    patch = models.PatchWorkflowDto(active=True, tags=["x"])
    await novu.workflows.patch_async(workflow_id="order-placed", patch_workflow_dto=patch)
    patched = (await novu.workflows.get_async(workflow_id="order-placed")).result
    assert (patched.name, patched.active, patched.tags) == ("Renamed", True, ["x"])

    await novu.workflows.delete_async(workflow_id="order-placed")
    with pytest.raises(models.ErrorDto) as caught:
        await novu.workflows.get_async(workflow_id="order-placed")
    assert caught.value.data.status_code == 404


async def test_a_step_is_read_and_previewed(novu: Novu) -> None:
    created = (await novu.workflows.create_async(create_workflow_dto=order_workflow())).result
    [step] = created.steps
    read = (await novu.workflows.steps.retrieve_async(workflow_id="order-placed", step_id=step.step_id)).result
    assert (read.id, read.step_id, read.name) == (step.id, step.step_id, step.name)

    async def ask(**fields: Any) -> models.GeneratePreviewResponseDto:
        request = models.GeneratePreviewRequestDto(**fields)
        answer = await novu.workflows.steps.generate_preview_async(
            workflow_id="order-placed", step_id=step.step_id, generate_preview_request_dto=request
        )
        return answer.result

    values = {"payload": {"who": "me"}, "subscriber": {"first_name": "Ada"}, "context": {"app": "web"}}
    body = {"body": "{{payload.who}} {{subscriber.firstName}} {{context.app.id}} {{payload.other}}"}
    shown = await ask(control_values=body, preview_payload=values)
    assert shown.result == {"type": "in_app", "preview": {"body": "me Ada web other"}}
    assert shown.preview_payload_example.payload == {"who": "me", "other": "other"}
    assert shown.schema_ is None
    with pytest.raises(models.ValidationErrorDto) as invalid:
        await ask(control_values={"body": "{{ payload.x"})
    assert list(invalid.value.data.errors) == ["controlValues.body"]


async def test_refusals_arrive_as_the_errors_of_the_sdk(novu: Novu, server: Server) -> None:
    await novu.workflows.create_async(create_workflow_dto=order_workflow())
    with pytest.raises(models.ErrorDto) as taken:
        await novu.workflows.create_async(create_workflow_dto=order_workflow())
    assert taken.value.data.status_code == 400
    broken = models.InAppStepUpsertDto(
        name="In-app", type=models.StepTypeEnum.IN_APP, control_values=models.InAppControlDto(body="{{ payload.x")
    )
    with pytest.raises(models.ValidationErrorDto) as invalid:
        await novu.workflows.create_async(create_workflow_dto=order_workflow(workflow_id="other", steps=[broken]))
    assert list(invalid.value.data.errors) == ["steps.0.controlValues.body"]
    request = models.TriggerEventRequestDto(workflow_id="unknown", to=SUBSCRIBER, payload={})
    with pytest.raises((models.ValidationErrorDto, models.ErrorDto)) as unknown:
        await novu.trigger_async(trigger_event_request_dto=request)
    assert unknown.value.status_code == 422
    async with Novu(secret_key="wrong", server_url=server.url) as stranger:
        with pytest.raises(models.ErrorDto) as denied:
            await stranger.workflows.get_async(workflow_id="order-placed")
    assert denied.value.data.status_code == 401


async def test_a_repeated_transaction_is_one_message(novu: Novu) -> None:
    await create_ada(novu)
    await novu.workflows.create_async(create_workflow_dto=order_workflow())
    replies = [await trigger_order(novu, "A1", transaction_id="t-1") for _ in range(2)]
    assert [reply.transaction_id for reply in replies] == ["t-1", "t-1"]
    assert len((await read_feed(novu)).data) == 1
