"""Workflows as triggers find them: kept in the process, at most a second behind.

A cache knows which version of its environment it holds; the version is read again at most once a second. Absence is
never cached: a workflow can be triggered as soon as it is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from inbox.models.workflow import Workflow
from inbox.store.workflows import WorkflowStore

VERSION_CHECK_SECONDS = 1.0


@dataclass(slots=True)
class _Held:
    """The workflows of one environment that were asked for, as of `version`."""

    version: int
    checked_at: float
    workflows: dict[str, Workflow] = field(default_factory=dict)


class WorkflowCache:
    """A cache in front of the store; `clock` gives seconds and decides when the version is read again."""

    def __init__(self, store: WorkflowStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._held: dict[int, _Held] = {}

    async def find(self, environment: int, identifier: str) -> Workflow | None:
        """The workflow, or None. Safe to cancel."""
        held = await self._fresh(environment)
        known = held.workflows.get(identifier)
        if known is not None:
            return known
        workflow = await self._store.get(environment, identifier)
        if workflow is not None:
            # read before a change of this process, it goes into what that change dropped: nobody will see it
            held.workflows[identifier] = workflow
        return workflow

    def cached(self, environment: int, identifier: str) -> Workflow | None:
        """Return the workflow if it was read, and its environment's version within the last second; else None."""
        held = self._held.get(environment)
        if held is None or self._clock() - held.checked_at >= VERSION_CHECK_SECONDS:
            return None
        return held.workflows.get(identifier)

    def drop(self, environment: int) -> None:
        """Forgets an environment that this process has changed."""
        self._held.pop(environment, None)

    def clear(self) -> None:
        """Forgets everything: after a break in which changes may have been missed."""
        self._held.clear()

    async def _fresh(self, environment: int) -> _Held:
        held, now = self._held.get(environment), self._clock()
        if held is not None:
            if now - held.checked_at < VERSION_CHECK_SECONDS:
                return held
            held.checked_at = now  # before the answer: one request asks, the others go on with what is known
        version = await self._store.version(environment)
        if held is None or held.version != version or self._held.get(environment) is not held:
            held = self._held[environment] = _Held(version, now)
        return held
