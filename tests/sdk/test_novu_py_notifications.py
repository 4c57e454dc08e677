"""The official Python SDK, unmodified, over a subscriber's notifications (`/v2/subscribers/{id}/notifications…`)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from novu_py import Novu, models

from .test_novu_py import SUBSCRIBER, create_ada, order_workflow, trigger_order

ORDERS = ("A0", "A1", "A2", "A3")


@pytest.fixture
async def ids(novu: Novu) -> list[str]:
    """Four notifications of Ada, the first one first."""
    await create_ada(novu)
    await novu.workflows.create_async(create_workflow_dto=order_workflow(tags=["orders"], severity="high"))
    for order in ORDERS:
        await trigger_order(novu, order)
    return [item.id for item in reversed(await read(novu))]


async def read(novu: Novu, **query: Any) -> list[models.InboxNotificationDto]:
    request = models.SubscribersControllerGetSubscriberNotificationsRequest(subscriber_id=SUBSCRIBER, **query)
    return (await novu.subscribers.notifications.list_async(request=request)).result.data


async def count(novu: Novu, *filters: dict[str, Any]) -> list[float]:
    answer = await novu.subscribers.notifications.count_async(subscriber_id=SUBSCRIBER, filters=json.dumps(filters))
    return [item.count for item in answer.result]


def named(notification_id: str) -> dict[str, Any]:
    return {"subscriber_id": SUBSCRIBER, "notification_id": notification_id}


async def test_notifications_are_listed_as_they_were_rendered(novu: Novu, ids: list[str]) -> None:
    request = models.SubscribersControllerGetSubscriberNotificationsRequest(subscriber_id=SUBSCRIBER, limit=3)
    page = (await novu.subscribers.notifications.list_async(request=request)).result
    assert ([item.id for item in page.data], page.has_more) == ([ids[3], ids[2], ids[1]], True)
    newest = page.data[0]
    assert (newest.subject, newest.body) == ("Order A3", "Dear Ada, 2 items on the way")
    assert (newest.to.subscriber_id, newest.to.first_name) == (SUBSCRIBER, "Ada")
    assert (newest.is_seen, newest.is_read, newest.is_archived, newest.is_snoozed) == (False, False, False, False)
    assert newest.data == {"order": "A3", "fixed": 1}
    assert newest.tags == ["orders"]
    assert newest.severity is models.SeverityLevelEnum.HIGH
    assert newest.workflow
    assert (newest.workflow.identifier, newest.workflow.critical) == ("order-placed", False)
    assert newest.primary_action
    assert (newest.primary_action.label, newest.primary_action.is_completed) == ("Track A3", False)
    assert newest.delivered_at == [newest.created_at]
    assert [item.id for item in await read(novu, limit=3, after=page.data[-1].id)] == [ids[0]]


async def test_filters(novu: Novu, ids: list[str]) -> None:
    assert [item.id for item in await read(novu, data='{"order":"A2"}')] == [ids[2]]
    assert await read(novu, severity=[models.QueryParamSeverity.LOW, models.QueryParamSeverity.NONE]) == []
    assert len(await read(novu, severity=[models.QueryParamSeverity.HIGH], read=False, seen=False)) == 4
    created = [datetime.fromisoformat(item.created_at).timestamp() * 1000 for item in await read(novu)]
    assert len(await read(novu, created_gte=round(created[1]), created_lte=round(created[0]))) == sum(
        created[1] <= at <= created[0] for at in created
    )
    assert await read(novu, archived=True) == []
    assert await read(novu, snoozed=True) == []
    assert len(await read(novu, offset=3)) == 1
    assert await count(novu, {}, {"data": {"order": "A1"}}, {"tags": ["orders"]}, {"read": True}) == [4, 1, 4, 0]


async def test_each_change_of_one(novu: Novu, ids: list[str]) -> None:
    notifications = novu.subscribers.notifications
    one = named(ids[0])
    assert (await notifications.mark_as_read_async(**one)).result.is_read is True
    assert (await notifications.mark_as_unread_async(**one)).result.is_read is False
    archived = (await notifications.archive_async(**one)).result
    assert (archived.is_archived, archived.is_read, bool(archived.archived_at)) == (True, True, True)
    assert (await notifications.unarchive_async(**one)).result.is_archived is False
    until = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    dto = models.SnoozeSubscriberNotificationDto(snooze_until=until)
    request = models.SubscribersControllerSnoozeNotificationRequest(**one, snooze_subscriber_notification_dto=dto)
    snoozed = (await notifications.snooze_async(request=request)).result
    assert snoozed.is_snoozed is True
    assert datetime.fromisoformat(str(snoozed.snoozed_until)) == until
    assert (await notifications.unsnooze_async(**one)).result.is_snoozed is False
    pressed = models.SubscribersControllerCompleteNotificationActionRequest(**one, action_type="primary")
    done = (await notifications.complete_action_async(request=pressed)).result
    assert done.primary_action
    assert done.primary_action.is_completed is True
    released = models.SubscribersControllerRevertNotificationActionRequest(**one, action_type="primary")
    reverted = (await notifications.revert_action_async(request=released)).result
    assert reverted.primary_action
    assert reverted.primary_action.is_completed is False
    assert (await read(novu))[-1] == reverted
    await notifications.delete_async(**one)
    assert [item.id for item in await read(novu)] == ids[:0:-1]
    with pytest.raises(models.ErrorDto) as caught:
        await notifications.archive_async(**one)
    assert caught.value.data.status_code == 404


async def test_bulk_changes(novu: Novu, ids: list[str]) -> None:
    notifications = novu.subscribers.notifications
    seen = models.MarkSubscriberNotificationsAsSeenDto(notification_ids=[ids[0]])
    await notifications.mark_as_seen_async(subscriber_id=SUBSCRIBER, mark_subscriber_notifications_as_seen_dto=seen)
    assert await count(novu, {"seen": True}) == [1]

    def filtered(order: str) -> dict[str, Any]:
        dto = models.UpdateAllSubscriberNotificationsDto(data=json.dumps({"order": order}))
        return {"subscriber_id": SUBSCRIBER, "update_all_subscriber_notifications_dto": dto}

    await notifications.mark_all_as_read_async(**filtered("A1"))
    assert [item.id for item in await read(novu, read=True)] == [ids[1]]
    await notifications.archive_all_read_async(
        subscriber_id=SUBSCRIBER, update_all_subscriber_notifications_dto=models.UpdateAllSubscriberNotificationsDto()
    )
    await notifications.archive_all_async(**filtered("A2"))
    assert [item.id for item in await read(novu, archived=True)] == [ids[2], ids[1]]
    await notifications.delete_all_async(**filtered("A3"))
    assert [item.id for item in await read(novu)] == [ids[2], ids[1], ids[0]]


async def test_errors_parse(novu: Novu, ids: list[str]) -> None:
    nobody = models.SubscribersControllerGetSubscriberNotificationsRequest(subscriber_id="nobody")
    with pytest.raises(models.ErrorDto) as unknown:
        await novu.subscribers.notifications.list_async(request=nobody)
    assert unknown.value.data.status_code == 404
    with pytest.raises(models.ValidationErrorDto) as malformed:
        await novu.subscribers.notifications.mark_as_read_async(**named("nonsense"))
    assert "notificationId" in malformed.value.data.errors
    with pytest.raises(models.ErrorDto) as contradiction:
        await read(novu, read=False, archived=True)
    assert contradiction.value.data.status_code == 400
