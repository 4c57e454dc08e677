"""The registry of environments as this process knows it.

A process checks the version of the registry at most once a second, so a revoked key is invalid everywhere after that.
While the store is away, a process serves from what it has read last, for as long as that lasts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from inbox.errors import Contention, StoreUnavailable
from inbox.models.environment import Environment
from inbox.store.environments import EnvironmentStore, Registry, RegistryChange
from inbox.store.retry import Attempts
from inbox.tasks import SharedTurn

log = logging.getLogger(__name__)

VERSION_CHECK_SECONDS = 1.0
LOST = (
    "the store has lost its environments: was it flushed, restarted without persistence, or replaced by another one? "
    "The service ends; started again, it begins with what is there"
)


class CachedRegistry:
    """Reads the registry, and keeps it as `current`."""

    def __init__(
        self,
        store: EnvironmentStore,
        clock: Callable[[], float],
        on_read: Callable[[Iterable[Environment]], None] | None,
    ) -> None:
        """Call `on_read` with the environments after each read, and `on_lost`, once set, if the store has lost them."""
        self.current = Registry(0, {}, {})
        self.on_lost: Callable[[], None] | None = None
        self._store = store
        self._clock = clock
        self._on_read = on_read
        self._is_lost = False
        self._checked_at = 0.0
        self._loading = SharedTurn()
        self._is_store_away = False

    async def refresh(self, *, at_once: bool = False) -> None:
        """Read the registry if it is older than a second, or older than this call with `at_once`.

        Whoever waits for an attempt that fails fails with it. From then on callers are served from what is known while
        one of them at a time tries again, except those who need it `at_once`.
        """
        start = self._clock()

        def is_new_enough() -> bool:
            return self._checked_at > start or (not at_once and self.is_recent())

        if is_new_enough() or (not at_once and self._is_trying_again):
            return
        was_away = self._is_store_away
        try:
            async with self._loading.take():
                if not is_new_enough():
                    await self._check()
        except StoreUnavailable:
            if at_once or not was_away or self._is_lost:
                raise

    async def change(self, decide: Callable[[Registry], RegistryChange | None]) -> None:
        """Write what `decide` makes of the newest registry, and read it; None changes nothing.

        Nobody else changes the registry between the two. `decide` may be called more than once; what it raises is
        raised. Raise as `read`, and Contention.
        """
        async for _ in Attempts():
            registry = await self.read()
            change = decide(registry)
            if change is None:
                return
            if await self._store.write(registry.version, change):
                await self.read()
                return
        raise Contention

    async def read(self) -> Registry:
        """Read the registry now. Raise StoreUnavailable, also if the store has lost an environment."""
        now = self._clock()
        registry = await self._store.read()
        if _is_lost(self.current, registry):
            self._lose()
            raise StoreUnavailable(LOST)
        self.current = registry
        self._checked_at = now
        if self._on_read:
            self._on_read(self.current.environments.values())
        return registry

    def is_recent(self) -> bool:
        """Return whether the registry was compared with the store's within the last second."""
        return self._clock() - self._checked_at < VERSION_CHECK_SECONDS

    @property
    def _is_trying_again(self) -> bool:
        return self._is_store_away and self._loading.is_taken and not self._is_lost

    async def _check(self) -> None:
        now = self._clock()
        try:
            if await self._store.version() != self.current.version:
                await self.read()
        except StoreUnavailable:
            self._is_store_away = True
            raise
        self._is_store_away = False
        self._checked_at = now

    def _lose(self) -> None:
        """Report that this process has data of another store in memory: it must stop serving (docs/decisions.md)."""
        if not self._is_lost:
            self._is_lost = True
            log.error(LOST, extra={"action": "store_lost"})
        if self.on_lost:
            self.on_lost()


def _is_lost(before: Registry, after: Registry) -> bool:
    """Return whether an environment is missing, or another one has its number: they are never deleted."""
    ids = {number: environment.id for number, environment in after.environments.items()}
    return any(ids.get(number) != environment.id for number, environment in before.environments.items())
