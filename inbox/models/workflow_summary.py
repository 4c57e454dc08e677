"""What is shown of a workflow beside its messages, preferences and subscriptions."""

from __future__ import annotations

from inbox.models import wire
from inbox.models.workflow import Workflow


def workflow_summary(workflow: Workflow) -> wire.WorkflowSummary:
    return {
        "id": workflow.id,
        "identifier": workflow.identifier,
        "name": workflow.name,
        "critical": workflow.critical,
        "tags": workflow.tags,
        "severity": workflow.severity,
    }
