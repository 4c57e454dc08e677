"""Environments and their API keys in Redis; each change grows a version, which every process re-reads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from inbox.clock import now_ms
from inbox.errors import StoreUnavailable
from inbox.models.environment import ApiKey, Environment
from inbox.store import scripts
from inbox.store.client import Client, Command
from inbox.store.keys import Keys

_environment_decoder = msgspec.json.Decoder(Environment)
_key_decoder = msgspec.json.Decoder(ApiKey)
_encode = msgspec.json.encode

NO_LIMIT = 1_000_000
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Registry:
    """Every environment by number, and every key (live or revoked) by its SHA-256 in hex, as of a version."""

    version: int
    environments: dict[int, Environment]
    api_keys: dict[str, ApiKey]


def digest_of(api_key: str) -> str:
    """The SHA-256 of a key in hex: what it is looked up by."""
    return hashlib.sha256(api_key.encode()).hexdigest()


class EnvironmentStore:
    """Reads and writes the registry."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def version(self) -> int:
        """A number that grows with every change."""
        return int(await self._client.execute("GET", self._keys.environments_version) or 0)

    async def read(self) -> Registry:
        """Everything, as of one moment."""
        version, environments, keys = await self._client.transaction(
            [
                ("GET", self._keys.environments_version),
                ("HVALS", self._keys.environments),
                ("HGETALL", self._keys.api_keys),
            ]
        )
        decoded = [_environment_decoder.decode(raw) for raw in environments]
        by_digest = zip(keys[::2], keys[1::2], strict=True)
        return Registry(
            version=int(version or 0),
            environments={environment.number: environment for environment in decoded},
            api_keys={digest.decode(): _key_decoder.decode(raw) for digest, raw in by_digest},
        )

    async def add(self, environment: Environment) -> bool:
        """Adds an environment; False when its number is taken."""
        added = await self._changed(self._adding(environment))
        return bool(added[1])

    async def change(self, number: int, change: Callable[[Environment], Environment]) -> Environment:
        """Writes what `change` makes of an environment; it may be called more than once. Raises StoreUnavailable."""
        keys = [self._keys.environments, self._keys.environments_version]
        for _ in range(_ATTEMPTS):
            raw = await self._client.execute("HGET", self._keys.environments, number)
            if raw is None:
                break  # the store was emptied
            after = change(_environment_decoder.decode(raw))
            written = await self._client.run(scripts.FIELD_WRITE, keys, [number, raw, _encode(after), NO_LIMIT])
            if written == 1:
                return after
        raise StoreUnavailable

    async def add_key(self, environment: Environment, api_key: str, sealed: bytes) -> None:
        """Adds a key; one that is known already, revoked ones too, stays as it is."""
        key = ApiKey(environment.number, sealed, now_ms())
        await self._changed(self._adding_key(digest_of(api_key), key))

    async def replace_key(self, digest: str, key: ApiKey) -> None:
        """Writes a key anew."""
        await self._changed(("HSET", self._keys.api_keys, digest, _encode(key)))

    def _adding(self, environment: Environment) -> Command:
        return ("HSETNX", self._keys.environments, environment.number, _encode(environment))

    def _adding_key(self, digest: str, key: ApiKey) -> Command:
        return ("HSETNX", self._keys.api_keys, digest, _encode(key))

    async def _changed(self, *commands: Command) -> list[object]:
        """The first version is the time: one of a store that was emptied cannot pass for one of its former life."""
        version = self._keys.environments_version
        return await self._client.transaction([("SET", version, now_ms(), "NX"), *commands, ("INCR", version)])
