"""Issues of a workflow: found once per revision."""

from __future__ import annotations

import pytest

from inbox.ids import new_object_id
from inbox.models.workflow import Step, Workflow
from inbox.service.workflows import references
from inbox.service.workflows.references import find_issues
from inbox.steps import compile_step


def test_a_revision_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    def compile_noted(workflow: Workflow, step: Step, prefix: str) -> object:
        compiled.append(step.controls["body"])
        return compile_step(workflow, step, prefix)

    monkeypatch.setattr(references, "compile_step", compile_noted)
    workflow_id = new_object_id()

    def read(updated_ms: int, body: str) -> list[str]:
        """The variables with an issue, of a workflow as it is decoded anew for each request."""
        steps = [Step(id=new_object_id(), step_id="s", name="s", controls={"body": body}, type="in_app")]
        workflow = Workflow(
            id=workflow_id, identifier="w", name="w", created_ms=1, updated_ms=updated_ms, conditions="run", steps=steps
        )
        [issues] = find_issues(workflow)
        return [issue.variable for issue in issues]

    first, second = "{{steps.a.read}}", "{{steps.b.read}}"
    assert [read(1, first), read(1, first), read(2, second)] == [["steps.a.read"], ["steps.a.read"], ["steps.b.read"]]
    assert compiled == [first, second]
