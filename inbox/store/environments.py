"""Environments and their API keys in Redis; each change increments a version, which every process polls."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from inbox.clock import now_ms
from inbox.errors import StoreUnavailable, existing
from inbox.models.environment import ApiKey, Environment
from inbox.store.base import BaseStore
from inbox.store.client import Client, Command, pairs
from inbox.store.documents import DocumentStore
from inbox.store.keys import Keys
from inbox.store.moment import read_consistently

CACHED_DIGESTS = 256
"""Of the keys that requests have sent last; OpenSSL takes longer for one than to find the environment."""

_environment_decoder = msgspec.json.Decoder(Environment)
_key_decoder = msgspec.json.Decoder(ApiKey)
_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Registry:
    """Every environment by number, and every key (live or revoked) by its SHA-256 in hex, as of a version."""

    version: int
    environments: dict[int, Environment]
    api_keys: dict[str, ApiKey]


@lru_cache(CACHED_DIGESTS)
def digest_of(api_key: str) -> str:
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

    async def add(self, environment: Environment) -> bool:
        """Add an environment. False if its number is in use."""
        add = ("HSETNX", self._keys.environments, environment.number, _encode(environment))
        return bool((await self._changed(add))[1])

    async def change(self, number: int, change: Callable[[Environment], Environment]) -> Environment:
        """Apply `change`, store the result and return it; `change` may be called more than once.

        Raise StoreUnavailable if the store was emptied, and Contention.
        """
        return existing(await self._environments.update(number, str(number), change), StoreUnavailable())

    async def add_key(self, environment: Environment, api_key: str, sealed: bytes) -> None:
        """Add a key, unless it exists, also as a revoked one."""
        key = ApiKey(environment.number, sealed, now_ms())
        await self._changed(("HSETNX", self._keys.api_keys, digest_of(api_key), _encode(key)))

    async def replace_key(self, digest: str, key: ApiKey) -> None:
        await self._changed(("HSET", self._keys.api_keys, digest, _encode(key)))

    async def _changed(self, command: Command) -> list[object]:
        version = self._keys.environments_version
        # the first version is the time, so that versions never repeat after the store was emptied
        return await self._client.transaction([("SET", version, now_ms(), "NX"), command, ("INCR", version)])
