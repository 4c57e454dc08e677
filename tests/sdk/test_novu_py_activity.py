"""Activity and messages through the official Python SDK, unmodified."""

from __future__ import annotations

import pytest
from novu_py import Novu, models

from .test_novu_py import order_workflow

pytestmark = pytest.mark.filterwarnings(r"ignore:warning. \*\* DEPRECATED \*\*:DeprecationWarning")


@pytest.fixture
async def transaction(novu: Novu) -> str:
    """One order for two people, of whom one is muted."""
    await novu.workflows.create_async(create_workflow_dto=order_workflow())
    for person in ("ada", "bob"):
        request = models.CreateSubscriberRequestDto(subscriber_id=person, first_name=person.title())
        await novu.subscribers.create_async(create_subscriber_request_dto=request)
    channels = models.PatchPreferenceChannelsDto(in_app=False)
    await novu.subscribers.preferences.update_async(
        subscriber_id="bob", patch_subscriber_preferences_dto=models.PatchSubscriberPreferencesDto(channels=channels)
    )
    event = models.TriggerEventRequestDto(
        workflow_id="order-placed", to=["ada", "bob"], payload={"order": "A1", "items": []}, transaction_id="t-1"
    )
    await novu.trigger_async(trigger_event_request_dto=event)
    return "t-1"


async def test_the_activity_tells_why(novu: Novu, transaction: str) -> None:
    request = models.NotificationsControllerListNotificationsRequest(transaction_id=transaction, limit=50)
    page = (await novu.notifications.list_async(request=request)).result
    assert (page.page, page.has_more, page.page_size) == (0, False, 50)
    found = {one.subscriber.subscriber_id: one for one in page.data if one.subscriber}
    assert {name: [job.status for job in one.jobs or []] for name, one in found.items()} == {
        "ada": ["completed"],
        "bob": ["canceled"],
    }
    assert found["ada"].payload == {"order": "A1", "items": []}
    assert found["ada"].template is not None
    assert found["ada"].template.triggers[0].identifier == "order-placed"
    activity_id = found["bob"].id
    assert activity_id is not None
    one = (await novu.notifications.retrieve_async(notification_id=activity_id)).result
    assert one.transaction_id == transaction
    assert one.jobs is not None
    assert one.jobs[0].execution_details[0].status == models.ExecutionDetailsStatusEnum.WARNING


async def test_messages_are_listed_and_deleted(novu: Novu, transaction: str) -> None:
    request = models.MessagesControllerGetMessagesRequest(subscriber_id="ada")
    page = (await novu.messages.retrieve_async(request=request)).result
    [message] = page.data
    assert (message.transaction_id, message.payload) == (transaction, {"order": "A1", "items": []})
    assert message.id is not None
    reply = (await novu.messages.delete_async(message_id=message.id)).result
    assert (reply.acknowledged, reply.status) == (True, models.DeleteMessageResponseDtoStatus.DELETED)
    assert (await novu.messages.retrieve_async(request=request)).result.data == []
    again = models.TriggerEventRequestDto(
        workflow_id="order-placed", to="ada", payload={"order": "A2", "items": []}, transaction_id="t-2"
    )
    await novu.trigger_async(trigger_event_request_dto=again)
    await novu.messages.delete_by_transaction_id_async(transaction_id="t-2")
    assert (await novu.messages.retrieve_async(request=request)).result.data == []
    with pytest.raises(models.ErrorDto) as refused:
        await novu.messages.delete_by_transaction_id_async(transaction_id="t-2")
    assert refused.value.status_code == 404
