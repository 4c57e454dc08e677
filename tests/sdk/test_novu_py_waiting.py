"""Delay and digest steps through the official Python SDK, unmodified."""

from __future__ import annotations

import pytest
from novu_py import Novu, models

pytestmark = pytest.mark.filterwarnings(r"ignore:warning. \*\* DEPRECATED \*\*:DeprecationWarning")


def waiting_workflow() -> models.CreateWorkflowDto:
    """Comments of a post, at most one message in five minutes, not before nine in the morning."""
    digest = models.DigestStepUpsertDto(
        name="Collect",
        step_id="collect",
        type=models.StepTypeEnum.DIGEST,
        control_values=models.DigestControlDto(
            type=models.DigestControlDtoType.REGULAR,
            amount=5,
            unit=models.DigestControlDtoUnit.MINUTES,
            digest_key="{{payload.post}}",
            look_back_window=models.LookBackWindowDto(amount=1, unit=models.LookBackWindowDtoUnit.HOURS),
        ),
    )
    delay = models.DelayStepUpsertDto(
        name="Wait",
        step_id="wait",
        type=models.StepTypeEnum.DELAY,
        control_values=models.DelayControlDto(
            type=models.Type.TIMED, cron="0 9 * * *", skip={"!=": [{"var": "payload.urgent"}, True]}
        ),
    )
    message = models.InAppStepUpsertDto(
        name="In-app",
        step_id="in-app",
        type=models.StepTypeEnum.IN_APP,
        control_values=models.InAppControlDto(body="{{steps.collect.eventCount}} comments"),
    )
    steps = [digest, delay, message]
    return models.CreateWorkflowDto(name="Comments", workflow_id="comments", steps=steps, active=True)


async def test_a_workflow_that_waits_is_created_and_read_back(novu: Novu) -> None:
    await novu.workflows.create_async(create_workflow_dto=waiting_workflow())
    read = (await novu.workflows.get_async(workflow_id="comments")).result
    collect, wait, message = read.steps
    assert isinstance(collect, models.DigestStepResponseDto)
    assert isinstance(wait, models.DelayStepResponseDto)
    assert isinstance(message, models.InAppStepResponseDto)
    values = collect.controls.values
    assert (values.amount, values.unit, values.digest_key) == (
        5,
        models.DigestControlDtoUnit.MINUTES,
        "{{payload.post}}",
    )
    assert values.look_back_window is not None
    assert (values.look_back_window.amount, values.look_back_window.unit) == (1, models.LookBackWindowDtoUnit.HOURS)
    assert (wait.controls.values.type, wait.controls.values.cron) == (models.Type.TIMED, "0 9 * * *")
    assert [step.step_id for step in read.steps] == ["collect", "wait", "in-app"]


async def test_the_issues_of_a_step_are_read(novu: Novu) -> None:
    rule = {"!": {"var": "steps.nope.read"}}
    message = models.InAppStepUpsertDto(
        name="In-app",
        step_id="in-app",
        type=models.StepTypeEnum.IN_APP,
        control_values=models.InAppControlDto(body="x", skip=rule),
    )
    body = models.CreateWorkflowDto(name="Issues", workflow_id="issues", steps=[message], active=True)
    await novu.workflows.create_async(create_workflow_dto=body)
    [step] = (await novu.workflows.get_async(workflow_id="issues")).result.steps
    assert isinstance(step, models.InAppStepResponseDto)
    assert step.issues is not None
    assert step.issues.controls is not None
    [issue] = step.issues.controls["skip"]
    assert issue.issue_type == models.ContentIssueEnum.ILLEGAL_VARIABLE_IN_CONTROL_VALUE
    assert issue.variable_name == "steps.nope.read"


async def test_what_waits_is_told_and_cancelled(novu: Novu) -> None:
    await novu.workflows.create_async(create_workflow_dto=waiting_workflow())
    for number in range(3):
        event = models.TriggerEventRequestDto(
            workflow_id="comments", to="ada", payload={"post": 1, "urgent": True}, transaction_id=f"t-{number}"
        )
        await novu.trigger_async(trigger_event_request_dto=event)
    messages = models.MessagesControllerGetMessagesRequest(subscriber_id="ada")
    [message] = (await novu.messages.retrieve_async(request=messages)).result.data
    assert (message.content, message.transaction_id) == ("1 comments", "t-0")
    statuses = []
    for number in range(3):
        request = models.NotificationsControllerListNotificationsRequest(transaction_id=f"t-{number}")
        [activity] = (await novu.notifications.list_async(request=request)).result.data
        statuses.append([(job.type.value, job.status) for job in activity.jobs or []])
    assert statuses == [
        [("digest", "completed"), ("delay", "skipped"), ("in_app", "completed")],
        [("digest", "delayed")],
        [("digest", "merged")],
    ]
    assert (await novu.cancel_async(transaction_id="t-0")).result is False
    assert (await novu.cancel_async(transaction_id="t-1")).result is True
    assert (await novu.cancel_async(transaction_id="t-1")).result is False
