"""The API keys of environments: list, make and revoke them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from inbox.clock import now_ms
from inbox.errors import BadRequest, NotFound, existing
from inbox.models import wire
from inbox.models.environment import ApiKey, Environment, LiveKey
from inbox.service.environments.registry import CachedRegistry
from inbox.store.environments import Registry, RegistryChange, key_digest, key_id_of
from inbox.store.secrets import SecretStore

MAX_LIVE_KEYS = 2
MIN_HINTED_LENGTH = 16
"""Of a key whose last four characters are shown."""


@dataclass(eq=False)
class ApiKeys:
    """Lists and changes the keys of environments. `_live_keys` returns their texts, as far as this process has them."""

    _registry: CachedRegistry
    _secrets: SecretStore
    _live_keys: Callable[[Environment], list[str]]

    async def create(self, environment: Environment) -> str:
        """Create and return another key; two may be live at once. Raise BadRequest if there are two already."""
        api_key = secrets.token_hex(16)
        new = self.new(environment, api_key)

        def add(registry: Registry) -> RegistryChange:
            if len(stored_by_age(registry, environment)) >= MAX_LIVE_KEYS:
                raise BadRequest(f"{environment.name} has {MAX_LIVE_KEYS} keys already: revoke one first")
            return RegistryChange(api_keys=new)

        await self._registry.change(add)
        return api_key

    def new(self, environment: Environment, api_key: str) -> dict[str, ApiKey]:
        """Return a key of an environment as it is stored."""
        return {key_digest(api_key): ApiKey(environment.number, self._secrets.seal(api_key), now_ms())}

    async def list_live(self, environment: Environment) -> list[LiveKey]:
        """Return the keys that open an environment, without the keys: those of the settings first, then the oldest."""
        await self._registry.refresh(at_once=True)
        known = {key_digest(key): key for key in self._live_keys(environment)}
        given = _given(self._registry.current, environment)
        by_age = stored_by_age(self._registry.current, environment)
        stored = {digest: key for digest, key in by_age if digest not in given}
        return [
            LiveKey(
                id=key_id_of(digest),
                digest=digest,
                last_four=known[digest][-4:] if len(known.get(digest, "")) >= MIN_HINTED_LENGTH else None,
                created_ms=stored[digest].created_ms if digest in stored else 0,
                setting=given.get(digest),
            )
            for digest in (*given, *stored)
        ]

    async def revoke(self, environment: Environment, api_key: str) -> None:
        """Revoke a stored key, and end every session of the environment.

        Raise NotFound, and BadRequest for the last key and for the INBOX_API_KEY of the service.
        """
        digest = key_digest(api_key)
        await self._registry.change(lambda registry: _revoked(registry, environment, digest))

    async def revoke_with_id(self, environment: Environment, key_id: str) -> None:
        """Revoke as `revoke` does the key that has this id in `list_live`."""

        def revoke(registry: Registry) -> RegistryChange:
            live = (*_given(registry, environment), *(digest for digest, _ in stored_by_age(registry, environment)))
            found = next((digest for digest in live if key_id_of(digest) == key_id), None)
            return _revoked(registry, environment, existing(found, _no_such_key(environment)))

        await self._registry.change(revoke)

    async def regenerate(self, environment: Environment) -> str:
        """Revoke every key and return the only one that is left, a new one. Raise BadRequest as `revoke` does."""
        api_key = secrets.token_hex(16)
        new = self.new(environment, api_key)

        def replace_all(registry: Registry) -> RegistryChange:
            if setting := next(iter(_given(registry, environment).values()), None):
                raise BadRequest(
                    f"The key of {environment.name} is the {setting} of its service: give it another there"
                )
            change = _without(registry, environment, stored_by_age(registry, environment))
            return RegistryChange(change.environments, {**change.api_keys, **new})

        await self._registry.change(replace_all)
        return api_key


def stored_by_age(registry: Registry, environment: Environment) -> list[tuple[str, ApiKey]]:
    """Return the stored live keys of an environment with their digests, the oldest first."""
    keys = registry.api_keys.items()
    live = [item for item in keys if item[1].environment == environment.number and item[1].revoked_ms is None]
    return sorted(live, key=lambda item: item[1].created_ms)


def _given(registry: Registry, environment: Environment) -> dict[str, wire.KeySetting]:
    """Return the digests of the keys of the service's settings, with the name of the setting."""
    stored = registry.environments[environment.number]
    given: dict[str, wire.KeySetting] = {}
    if stored.given_key:
        given[stored.given_key] = "INBOX_API_KEY"
    if stored.former_key:
        given.setdefault(stored.former_key, "INBOX_FORMER_API_KEY")
    return given


def _revoked(registry: Registry, environment: Environment, digest: str) -> RegistryChange:
    given, stored = _given(registry, environment), stored_by_age(registry, environment)
    if setting := given.get(digest):
        remedy = "give it another" if setting == "INBOX_API_KEY" else "remove it"
        raise BadRequest(f"This is the {setting} of the service of {environment.name}: {remedy} there")
    revoked = [item for item in stored if item[0] == digest]
    if not revoked:
        raise _no_such_key(environment)
    if not given and len(stored) == 1:
        raise BadRequest(f"This is the last key of {environment.name}: make another first")
    return _without(registry, environment, revoked)


def _without(registry: Registry, environment: Environment, keys: Sequence[tuple[str, ApiKey]]) -> RegistryChange:
    """Return the change that revokes keys and ends the sessions of their environment.

    It is one step, so no process opens a session of the next generation with a hash of a revoked key.
    """
    stored, at_ms = registry.environments[environment.number], now_ms()
    return RegistryChange(
        [msgspec.structs.replace(stored, generation=stored.generation + 1)],
        {digest: msgspec.structs.replace(key, revoked_ms=at_ms) for digest, key in keys},
    )


def _no_such_key(environment: Environment) -> NotFound:
    return NotFound(f"{environment.name} has no such key")
