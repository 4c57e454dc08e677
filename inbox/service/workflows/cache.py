"""The process's cache of workflows for triggers, at most a second behind.

It compares the version of an environment with the store's once a second. Absence is never cached: a workflow can be
triggered as soon as it is created. While the store is away, what is known is served for as long as that lasts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from inbox.errors import StoreUnavailable
from inbox.models.workflow import Workflow
from inbox.store.workflows import WorkflowStore

VERSION_CHECK_SECONDS = 1.0


@dataclass(slots=True)
class _Snapshot:
    """The workflows of one environment that were read, as of `version`."""

    version: int
    checked_at: float
    workflows: dict[str, Workflow] = field(default_factory=dict)
    is_store_away: bool = False


@dataclass(eq=False)
class WorkflowCache:
    """A cache in front of the store; `clock` returns seconds and decides when the version is read again."""

    _store: WorkflowStore
    _clock: Callable[[], float]
    _snapshots: dict[int, _Snapshot] = field(init=False, default_factory=dict)

    async def find(self, environment: int, identifier: str) -> Workflow | None:
        """Return the workflow, or None. Raise StoreUnavailable. Safe to cancel."""
        snapshot = await self._fresh(environment)
        workflow = snapshot.workflows.get(identifier) or await self._store.get(environment, identifier)
        if workflow is not None:
            # if this process changed it after the read, the snapshot was dropped: nobody will see the old one
            snapshot.workflows[identifier] = workflow
        return workflow

    async def version(self, environment: int) -> int:
        """Return the version of the environment's workflows; those that are found afterwards are not older."""
        return (await self._fresh(environment)).version

    def cached(self, environment: int, identifier: str) -> Workflow | None:
        """Return the workflow if it is cached and its environment's version was read within the last second."""
        snapshot = self._recent(environment)
        return snapshot.workflows.get(identifier) if snapshot else None

    def cached_version(self, environment: int) -> int | None:
        """Return the version of the environment's workflows if it was read within the last second."""
        snapshot = self._recent(environment)
        return snapshot.version if snapshot else None

    def drop(self, environment: int) -> None:
        self._snapshots.pop(environment, None)

    def _recent(self, environment: int) -> _Snapshot | None:
        snapshot = self._snapshots.get(environment)
        return snapshot if snapshot and self._clock() - snapshot.checked_at < VERSION_CHECK_SECONDS else None

    async def _fresh(self, environment: int) -> _Snapshot:
        snapshot, now = self._snapshots.get(environment), self._clock()
        if snapshot is not None:
            if now - snapshot.checked_at < VERSION_CHECK_SECONDS:
                return snapshot
            snapshot.checked_at = now  # before the reply: one request asks the store, the others use the snapshot
        try:
            version = await self._store.version(environment)
        except StoreUnavailable:
            if snapshot is None or not snapshot.is_store_away:  # who has waited for it does not go on to wait again
                if snapshot is not None:
                    snapshot.is_store_away = True
                raise
            return snapshot
        if snapshot is None or snapshot.version != version or self._snapshots.get(environment) is not snapshot:
            snapshot = self._snapshots[environment] = _Snapshot(version, now)
        snapshot.is_store_away = False
        return snapshot
