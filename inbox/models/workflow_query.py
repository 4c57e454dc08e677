"""The query of a list of workflows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from inbox.models.workflow import Workflow

SortField = Literal["createdAt", "updatedAt", "name", "lastTriggeredAt"]


@dataclass(frozen=True, slots=True)
class WorkflowQuery:
    """A page of workflows and its order. `text` is searched in names and identifiers. A workflow matches with any of
    the tags and any of the statuses (`ACTIVE`, `INACTIVE`, `ERROR`); an empty set matches all."""

    limit: int = 10
    offset: int = 0
    order_by: SortField = "createdAt"
    descending: bool = True
    text: str = ""
    tags: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()

    def takes(self, workflow: Workflow) -> bool:
        text = self.text.casefold()
        status = "ACTIVE" if workflow.active else "INACTIVE"
        return (
            (text in workflow.name.casefold() or text in workflow.identifier.casefold())
            and (not self.tags or not self.tags.isdisjoint(workflow.tags))
            and (not self.statuses or status in self.statuses)
        )

    def key(self, workflow: Workflow) -> tuple[Any, ...]:
        """Return the sort key of a workflow. The last trigger is not recorded: its order is that of creation."""
        if self.order_by == "name":
            return workflow.name.casefold(), workflow.id
        return workflow.updated_ms if self.order_by == "updatedAt" else workflow.created_ms, workflow.id
