"""Workflows in Redis: one hash per environment, and a version that grows with every change of it."""

from __future__ import annotations

from typing import Literal

from inbox.models.workflow import Workflow, decode_workflow, encode_workflow
from inbox.store import scripts
from inbox.store.client import Argument, Client
from inbox.store.keys import Keys

MAX_WORKFLOWS = 1_000

Outcome = Literal["written", "changed", "full"]


class WorkflowStore:
    """Reads and writes workflows; every write is one script."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def version(self, environment: int) -> int:
        """How often the environment's workflows have changed."""
        return int(await self._client.execute("GET", self._keys.version(environment)) or 0)

    async def get(self, environment: int, identifier: str) -> Workflow | None:
        """The workflow with this identifier, or None."""
        stored = await self._client.execute("HGET", self._keys.workflows(environment), identifier)
        return decode_workflow(stored) if stored else None

    async def all(self, environment: int) -> list[Workflow]:
        """Every workflow of the environment, oldest first."""
        stored = await self._client.execute("HVALS", self._keys.workflows(environment))
        return sorted(map(decode_workflow, stored), key=lambda workflow: (workflow.created_ms, workflow.id))

    async def create(self, environment: int, workflow: Workflow) -> Outcome:
        """Stores a new workflow: `changed` when its identifier is taken, `full` when there are 1,000."""
        return await self._write(environment, workflow.identifier, "", encode_workflow(workflow))

    async def replace(self, environment: int, before: Workflow, after: Workflow) -> Outcome:
        """Stores the new state of a workflow: `changed` when the old one is not what is stored (any more)."""
        return await self._write(environment, before.identifier, before.revision, encode_workflow(after))

    async def delete(self, environment: int, workflow: Workflow) -> Outcome:
        """Deletes a workflow: `changed` as in `replace`."""
        return await self._write(environment, workflow.identifier, workflow.revision, b"")

    async def _write(self, environment: int, identifier: str, revision: str, content: bytes) -> Outcome:
        keys = [self._keys.workflows(environment), self._keys.version(environment)]
        args: list[Argument] = [identifier, revision, content, MAX_WORKFLOWS]
        version = await self._client.run(scripts.WORKFLOW_WRITE, keys, args)
        return "written" if version > 0 else "full" if version < 0 else "changed"
