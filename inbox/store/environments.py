"""Environments and their API keys in Redis; each change increments a version, which every process polls."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from inbox.clock import now_ms
from inbox.errors import StoreUnavailable, existing
from inbox.models.environment import ApiKey, Environment
from inbox.store.base import BaseStore
from inbox.store.client import Argument, Client, pairs
from inbox.store.documents import DocumentStore
from inbox.store.keys import Keys
from inbox.store.moment import read_consistently
from inbox.store.scripts import load

CACHED_DIGESTS = 256
"""Of the keys that requests have sent last; OpenSSL takes longer for one than to find the environment."""

_environment_decoder = msgspec.json.Decoder(Environment)
_key_decoder = msgspec.json.Decoder(ApiKey)
_encode = msgspec.json.encode
_WRITE = load("registry_write", bool)


@dataclass(frozen=True, slots=True)
class Registry:
    """Every environment by number, and every key (live or revoked) by its SHA-256 in hex, as of a version."""

    version: int
    environments: dict[int, Environment]
    api_keys: dict[str, ApiKey]


@dataclass(frozen=True, slots=True)
class RegistryChange:
    """Environments and keys (by digest) to add or replace."""

    environments: Sequence[Environment] = ()
    api_keys: Mapping[str, ApiKey] = field(default_factory=dict)


@lru_cache(CACHED_DIGESTS)
def key_digest(api_key: str) -> str:
    """Return the SHA-256 of an API key in hex, by which it is stored."""
    return hashlib.sha256(api_key.encode()).hexdigest()


def key_id_of(digest: str) -> str:
    """Return the id by which callers name a key: it tells nothing of the key."""
    return digest[:24]


class EnvironmentStore(BaseStore):
    """Reads and writes the registry."""

    def __init__(self, client: Client, keys: Keys) -> None:
        super().__init__(client, keys)
        self._environments = DocumentStore(
            client, Environment, lambda _: keys.environments, version=lambda _: keys.environments_version
        )

    async def version(self) -> int:
        """Return a number that grows with every change."""
        return int(await self._client.execute("GET", self._keys.environments_version) or 0)

    async def read(self) -> Registry:
        """Return everything, as of one moment."""
        keys = self._keys
        version, (environments, api_keys) = await read_consistently(
            self._client,
            ("GET", keys.environments_version),
            [("HVALS", keys.environments), ("HGETALL", keys.api_keys)],
        )
        decoded = [_environment_decoder.decode(raw) for raw in environments]
        return Registry(
            version=int(version or 0),
            environments={environment.number: environment for environment in decoded},
            api_keys={digest.decode(): _key_decoder.decode(raw) for digest, raw in pairs(api_keys).items()},
        )

    async def write(self, version: int, change: RegistryChange) -> bool:
        """Write a change of the registry as it was read; False if its version is another one by now."""
        fields: list[Argument] = []
        for environment in change.environments:
            fields += environment.number, _encode(environment)
        for digest, key in change.api_keys.items():
            fields += digest, _encode(key)
        keys = [self._keys.environments_version, self._keys.environments, self._keys.api_keys]
        # the first version is the time, so that versions never repeat after the store was emptied
        return await self._client.run(_WRITE, keys, [version, now_ms(), len(change.environments), *fields])

    async def change(self, number: int, change: Callable[[Environment], Environment]) -> Environment:
        """Apply `change`, store the result and return it; `change` may be called more than once.

        Raise StoreUnavailable if the store was emptied, and Contention.
        """
        return existing(await self._environments.update(number, str(number), change), StoreUnavailable())
