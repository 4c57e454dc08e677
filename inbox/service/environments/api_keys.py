"""The API keys of environments: list, make and revoke them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from inbox.clock import now_ms
from inbox.errors import BadRequest, NotFound, existing
from inbox.models import wire
from inbox.models.environment import ApiKey, Environment, LiveKey
from inbox.service.environments.registry import CachedRegistry
from inbox.store.environments import EnvironmentStore, digest_of, key_id_of
from inbox.store.secrets import SecretStore

MAX_LIVE_KEYS = 2
MIN_HINTED_LENGTH = 16
"""Of a key whose last four characters are shown."""


@dataclass(eq=False)
class ApiKeys:
    """Lists and changes the keys of environments. `_live_keys` returns their texts, as far as this process has them."""

    _registry: CachedRegistry
    _store: EnvironmentStore
    _secrets: SecretStore
    _live_keys: Callable[[Environment], list[str]]

    async def create(self, environment: Environment) -> str:
        """Create and return another key; two may be live at once. Raise BadRequest if there are two already."""
        await self._registry.read()
        if len(self.stored_by_age(environment)) >= MAX_LIVE_KEYS:
            raise BadRequest(f"{environment.name} has {MAX_LIVE_KEYS} keys already: revoke one first")
        api_key = secrets.token_hex(16)
        await self._store.add_key(environment, api_key, self._secrets.seal(api_key))
        await self._registry.read()
        return api_key

    async def list_live(self, environment: Environment) -> list[LiveKey]:
        """Return the keys that open an environment, without the keys: those of the settings first, then the oldest."""
        await self._registry.refresh(at_once=True)
        known = {digest_of(key): key for key in self._live_keys(environment)}
        given = self._given_digests(environment)
        stored = {digest: key for digest, key in self.stored_by_age(environment) if digest not in given}
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
        await self._registry.read()
        await self._revoke(environment, digest_of(api_key))

    async def revoke_with_id(self, environment: Environment, key_id: str) -> None:
        """Revoke as `revoke` does the key that has this id in `list_live`."""
        await self._registry.read()
        digests = [*self._given_digests(environment), *(digest for digest, _ in self.stored_by_age(environment))]
        found = next((digest for digest in digests if key_id_of(digest) == key_id), None)
        await self._revoke(environment, existing(found, NotFound(f"{environment.name} has no such key")))

    async def regenerate(self, environment: Environment) -> str:
        """Revoke every key and return the only one that is left, a new one. Raise BadRequest as `revoke` does."""
        await self._registry.read()
        if setting := next(iter(self._given_digests(environment).values()), None):
            raise BadRequest(f"The key of {environment.name} is the {setting} of its service: give it another there")
        former = [digest for digest, _ in self.stored_by_age(environment)]
        for digest in former[: len(former) - MAX_LIVE_KEYS + 1]:  # there must be a place for the new one
            await self._revoke(environment, digest)
        api_key = await self.create(environment)
        for digest in former[max(0, len(former) - MAX_LIVE_KEYS + 1) :]:
            await self._revoke(environment, digest)
        return api_key

    async def _revoke(self, environment: Environment, digest: str) -> None:
        if setting := self._given_digests(environment).get(digest):
            remedy = "give it another" if setting == "INBOX_API_KEY" else "remove it"
            raise BadRequest(f"This is the {setting} of the service of {environment.name}: {remedy} there")
        key = self._registry.current.api_keys.get(digest)
        if key is None or key.revoked_ms is not None or key.environment != environment.number:
            raise NotFound(f"{environment.name} has no such key")
        if not self._given_digests(environment) and len(self.stored_by_age(environment)) == 1:
            raise BadRequest(f"This is the last key of {environment.name}: make another first")
        await self._end_sessions(environment)
        await self._store.replace_key(digest, msgspec.structs.replace(key, revoked_ms=now_ms()))
        await self._end_sessions(environment)  # sessions opened meanwhile by other processes, with a hash of this key
        await self._registry.read()

    def _given_digests(self, environment: Environment) -> dict[str, wire.KeySetting]:
        """Return the digests of the keys of the service's settings, with the name of the setting."""
        stored = self._registry.current.environments[environment.number]
        given: dict[str, wire.KeySetting] = {}
        if stored.given_key:
            given[stored.given_key] = "INBOX_API_KEY"
        if stored.former_key:
            given.setdefault(stored.former_key, "INBOX_FORMER_API_KEY")
        return given

    async def _end_sessions(self, environment: Environment) -> None:
        await self._store.change(
            environment.number, lambda stored: msgspec.structs.replace(stored, generation=stored.generation + 1)
        )

    def stored_by_age(self, environment: Environment) -> list[tuple[str, ApiKey]]:
        """Return the stored live keys of an environment with their digests, the oldest first."""
        keys = self._registry.current.api_keys.items()
        live = [item for item in keys if item[1].environment == environment.number and item[1].revoked_ms is None]
        return sorted(live, key=lambda item: item[1].created_ms)
