"""The organization of an environment: name and branding; environments share nothing, so each has its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from inbox.models.environment import Environment
from inbox.models.organization import Branding, Organization
from inbox.store.documents import DocumentStore

_NAME = "organization"


@dataclass(eq=False)
class OrganizationService:
    """Reads and changes the organization of an environment."""

    _store: DocumentStore[Organization]

    async def get(self, environment: Environment) -> Organization:
        """Return the organization, with defaults until it is changed."""
        return await self._store.get(environment.number, _NAME) or Organization()

    async def rename(self, environment: Environment, name: str) -> Organization:
        """Change the name; return the organization."""
        return await self._change(environment, name=name)

    async def brand(self, environment: Environment, branding: Branding) -> Organization:
        """Replace the whole branding; return the organization."""
        return await self._change(environment, branding=branding)

    async def _change(self, environment: Environment, **fields: Any) -> Organization:
        def change(stored: Organization | None) -> Organization:
            return msgspec.structs.replace(stored or Organization(), **fields)

        return await self._store.change(environment.number, _NAME, change) or Organization()
