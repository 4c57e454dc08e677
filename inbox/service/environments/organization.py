"""The organization as an environment shows it: name and branding. Environments share nothing, so each has its own."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from inbox.models.environment import Environment
from inbox.models.organization import Branding, Organization
from inbox.store.client import Client
from inbox.store.fields import FieldStore
from inbox.store.keys import Keys

_FIELD = "organization"
_decoder = msgspec.json.Decoder(Organization)


class OrganizationService:
    """Reads and changes what is shown."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def get(self, environment: Environment) -> Organization:
        """The organization, at its defaults until it is changed."""
        raw = await self._store(environment).get(_FIELD)
        return _decoder.decode(raw) if raw else Organization()

    async def rename(self, environment: Environment, name: str) -> Organization:
        """The organization under another name."""
        return await self._change(environment, lambda before: msgspec.structs.replace(before, name=name))

    async def brand(self, environment: Environment, branding: Branding) -> Organization:
        """The organization with these looks in place of those it had."""
        return await self._change(environment, lambda before: msgspec.structs.replace(before, branding=branding))

    async def _change(
        self, environment: Environment, change: Callable[[Organization], Organization]
    ) -> Organization:
        def write(raw: bytes | None) -> bytes:
            return msgspec.json.encode(change(_decoder.decode(raw) if raw else Organization()))

        await self._store(environment).change(_FIELD, write)
        return await self.get(environment)

    def _store(self, environment: Environment) -> FieldStore:
        return FieldStore(self._client, self._keys.organization(environment.number))
