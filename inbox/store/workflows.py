"""Workflows in Redis: one hash per environment, and a version that grows with every change of it."""

from __future__ import annotations

from inbox.models.workflow import Workflow, decode_workflow, encode_workflow
from inbox.store.client import Client
from inbox.store.documents import DocumentStore
from inbox.store.keys import Keys

MAX_WORKFLOWS = 1_000


class WorkflowStore(DocumentStore[Workflow]):
    """Workflows by identifier."""

    def __init__(self, client: Client, keys: Keys) -> None:
        super().__init__(client, Workflow, keys.workflows, MAX_WORKFLOWS, "workflows", keys.version)
        self._version_key = keys.version

    async def version(self, environment: int) -> int:
        """Return how often the environment's workflows have changed."""
        return int(await self._client.execute("GET", self._version_key(environment)) or 0)

    async def all(self, environment: int) -> list[Workflow]:
        """Return every workflow of the environment, oldest first."""
        return sorted(await super().all(environment), key=lambda workflow: (workflow.created_ms, workflow.id))

    def decode(self, raw: bytes) -> Workflow:
        return decode_workflow(raw)

    def encode(self, document: Workflow) -> bytes:
        return encode_workflow(document)
