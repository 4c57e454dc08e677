"""Previews of workflows as a newer version may have stored them."""

from __future__ import annotations

import pytest

from inbox.errors import ValidationFailed
from inbox.models.workflow import Step, Workflow
from inbox.service.trigger.previews import preview_step
from inbox.service.workflows.bodies import PreviewRequest

NEWER = Step(id="0" * 24, step_id="newer", name="Newer", type="newer", controls={"body": "x"})
MESSAGE = Step(id="1" * 24, step_id="message", name="Message", controls={"body": "{{steps.newer.x}}!", "newer": 1})
WORKFLOW = Workflow(id="2" * 24, identifier="w", name="W", created_ms=0, updated_ms=0, steps=[NEWER, MESSAGE])


@pytest.mark.parametrize("controls", [None, {"body": "y"}])
def test_a_step_of_a_type_of_a_newer_version(controls: dict[str, str] | None) -> None:
    with pytest.raises(ValidationFailed) as caught:
        preview_step(WORKFLOW, 0, PreviewRequest(control_values=controls))
    assert list(caught.value.fields) == ["type"]


def test_a_step_beside_it_and_with_a_control_of_a_newer_version() -> None:
    assert preview_step(WORKFLOW, 1, PreviewRequest())["result"]["preview"] == {"body": "!"}
