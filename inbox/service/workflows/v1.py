"""v1 workflows: from v1 request bodies to stored workflows, and back to v1 responses."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from inbox.errors import invalid
from inbox.ids import new_object_id
from inbox.models import wire
from inbox.models.environment import Environment
from inbox.models.message import ButtonType
from inbox.models.workflow import (
    CHANNELS,
    ChannelPreference,
    PreferenceSet,
    Step,
    Workflow,
    WorkflowPreference,
)
from inbox.models.workflow_v1 import CtaButton, PreferenceSettings, StepV1, WorkflowV1
from inbox.service.workflows.views import workflow_template
from inbox.steps.base import read_controls
from inbox.steps.in_app_controls import ActionUpsert, InAppControlsUpsert, RedirectUpsert, check_stored_link


@dataclass(frozen=True, slots=True)
class ReferableIds:
    """The ids of notification groups and named feeds that a v1 workflow may refer to."""

    groups: Collection[str]
    feeds: Collection[str]


def changed_by(before: Workflow, body: WorkflowV1, ids: ReferableIds) -> Workflow:
    """Return the workflow changed by the fields that were sent. Raise ValidationFailed naming the wrong one."""
    fields: dict[str, Any] = {"is_v1": True}
    if body.notification_group_id is not None:
        if body.notification_group_id not in ids.groups:
            raise invalid("notificationGroupId", "notificationGroupId is not known", body.notification_group_id)
        fields["notification_group_id"] = body.notification_group_id
    for name in ("name", "description", "active", "data"):
        if (value := getattr(body, name)) is not None:
            fields[name] = value
    if body.tags is not None:
        fields["tags"] = list(dict.fromkeys(body.tags))
    if body.steps is not None:
        fields["steps"] = _build_steps(body.steps, before.steps, ids.feeds)
    if body.critical is not None or body.preference_settings is not None:
        fields |= {"default_preferences": _preferences(before, body), "user_preferences": None}
    return msgspec.structs.replace(before, **fields)


def workflow_v1_view(workflow: Workflow, environment: Environment, group_name: str) -> wire.WorkflowV1Reply:
    view = workflow_template(workflow, environment)
    group_id = workflow.notification_group_id or view["_notificationGroupId"]
    trigger = view["triggers"][0]
    variables = [msgspec.to_builtins(one) for step in workflow.steps for one in step.variables]
    return {
        **view,
        "id": workflow.id,
        "_notificationGroupId": group_id,
        "notificationGroup": {**view["notificationGroup"], "_id": group_id, "name": group_name},
        "steps": [_step_view(shown, step) for shown, step in zip(view["steps"], workflow.steps, strict=True)],
        "triggers": [{**trigger, "variables": variables}],
        "data": workflow.data or {},
    }


def _build_steps(bodies: Sequence[StepV1], existing: Sequence[Step], feeds: Collection[str]) -> list[Step]:
    steps: list[Step] = []
    for index, step in enumerate(bodies):
        field = f"steps.{index}.template"
        _check(step, field, feeds)
        ids = {step.id, step.template_id, step.step_id, step.uuid} - {None}
        old = next((one for one in existing if {one.id, one.step_id} & ids), None)
        if old and any(one.id == old.id for one in steps):
            old = None
        step_id = old.step_id if old else step.step_id or step.uuid or f"step-{index + 1}"
        if any(one.step_id == step_id for one in steps):
            raise invalid(f"steps.{index}.stepId", f"stepId {step_id} is used twice", step_id)
        steps.append(
            Step(
                id=old.id if old else new_object_id(),
                step_id=step_id,
                name=step.name or "In-App",
                controls=msgspec.to_builtins(_controls(step)),
                actor=step.template.actor,
                language="handlebars",
                active=step.active is not False,
                feed_id=step.template.feed_id or None,
                variables=step.template.variables or [],
            )
        )
    return steps


def _check(step: StepV1, field: str, feeds: Collection[str]) -> None:
    template = step.template
    if template.type != "in_app":
        raise invalid(f"{field}.type", "only in_app steps are offered", template.type)
    if step.filters:
        raise invalid(field.replace(".template", ".filters"), "conditions of a step are not offered", step.filters)
    if not template.content.strip():
        raise invalid(f"{field}.content", "content should not be empty", template.content)
    if template.feed_id and template.feed_id not in feeds:
        raise invalid(f"{field}.feedId", "feedId is not known", template.feed_id)
    urls = [template.cta.data.url] if template.cta and template.cta.data else []
    for url in [*urls, *(button.url for button in _buttons(step))]:
        if url:
            check_stored_link(url, f"{field}.cta")


def _buttons(step: StepV1) -> Sequence[CtaButton]:
    cta = step.template.cta
    return cta.action.buttons or [] if cta and cta.action else []


def _controls(step: StepV1) -> InAppControlsUpsert:
    cta = step.template.cta
    link = cta.data if cta else None
    buttons = {button.type: button for button in _buttons(step)}
    return InAppControlsUpsert(
        body=step.template.content,
        redirect=RedirectUpsert(link.url, link.target) if link and link.url else None,
        primary_action=_action(buttons.get("primary")),
        secondary_action=_action(buttons.get("secondary")),
    )


def _action(button: CtaButton | None) -> ActionUpsert | None:
    if button is None:
        return None
    return ActionUpsert(button.content, RedirectUpsert(button.url, button.target) if button.url else None)


def _preferences(before: Workflow, body: WorkflowV1) -> PreferenceSet:
    critical = before.critical if body.critical is None else body.critical
    sent = body.preference_settings or PreferenceSettings()
    channels = {name: before.preferences.channel(name) for name in CHANNELS}
    channels |= {name: value for name in CHANNELS if (value := getattr(sent, name)) is not None}
    return PreferenceSet(
        WorkflowPreference(enabled=True, read_only=critical),
        {name: ChannelPreference(enabled) for name, enabled in channels.items()},
    )


def _step_view(shown: wire.TemplateStep, step: Step) -> wire.TemplateStep:
    controls = read_controls(step.controls, InAppControlsUpsert)
    buttons = [*_button("primary", controls.primary_action), *_button("secondary", controls.secondary_action)]
    template: wire.StepTemplateReply = {
        **shown["template"],
        "active": step.active,
        "cta": {"type": "redirect", "data": _link(controls.redirect), "action": {"buttons": buttons}},
        "variables": [msgspec.to_builtins(one) for one in step.variables],
    }
    if step.feed_id:
        template["feedId"] = template["_feedId"] = step.feed_id
    if step.actor:
        template["actor"] = msgspec.to_builtins(step.actor)
    return {**shown, "active": step.active, "template": template}


def _button(kind: ButtonType, action: ActionUpsert | None) -> list[wire.ButtonReply]:
    return [{"type": kind, "content": action.label or "", **_link(action.redirect)}] if action else []


def _link(redirect: RedirectUpsert | None) -> wire.LinkReply:
    return msgspec.to_builtins(redirect) if redirect else {}
