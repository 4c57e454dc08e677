"""An environment: the wall between development and production data."""

from __future__ import annotations

from typing import Any

import msgspec

from inbox.models.dates import iso
from inbox.models.webhook import EVENT_TYPES, Webhook

DEVELOPMENT, PRODUCTION = 1, 2
MAX_AGE_DAYS = 90


class Environment(msgspec.Struct, frozen=True, rename="camel"):
    """One environment. `number` is part of every key; `id` (24 hex) and `identifier` are what callers see.

    `generation` grows when a key is revoked: session tokens of an earlier one are no longer valid. `hash_required`,
    `in_app_…` are the in-app integration's settings; `connected` is set once a browser has opened a session. Messages
    older than `max_age_days` go. Events go to the `webhook`, and to the stream in Redis with `event_stream`. What the
    service was started with is noted for commands: the identifier in `given_identifier`, and of the key, which is not
    kept, its SHA-256 in hex in `given_key`.
    """

    number: int
    id: str
    organization_id: str
    name: str
    identifier: str
    created_ms: int = 0
    generation: int = 0
    hash_required: bool | None = None
    in_app_active: bool = True
    in_app_name: str = "In-app inbox"
    in_app_identifier: str = "in-app"
    connected: bool = False
    max_age_days: int = MAX_AGE_DAYS
    webhook: Webhook | None = None
    event_stream: bool = False
    given_key: str | None = None
    given_identifier: str | None = None

    @property
    def wanted_events(self) -> frozenset[str]:
        """The types of events that somebody is told of."""
        if self.event_stream:
            return frozenset(EVENT_TYPES)
        return frozenset(self.webhook.events if self.webhook else ())

    @property
    def is_production(self) -> bool:
        return self.name.lower() == "production"


class ApiKey(msgspec.Struct, frozen=True, rename="camel"):
    """A key of an environment as the store keeps it; `sealed` is the key itself (store/secrets.py)."""

    environment: int
    sealed: bytes
    created_ms: int
    revoked_ms: int | None = None


def environment_view(environment: Environment, keys: list[str]) -> dict[str, Any]:
    """The Environment of the wire (rest-server.md §12), with its live keys as given."""
    return {
        "_id": environment.id,
        "name": environment.name,
        "_organizationId": environment.organization_id,
        "identifier": environment.identifier,
        "type": "prod" if environment.is_production else "dev",
        "slug": f"{environment.name.lower().replace(' ', '-')}_env_{environment.id}",
        "apiKeys": [api_key_view(environment, key) for key in keys],
        "createdAt": iso(environment.created_ms),
        "updatedAt": iso(environment.created_ms),
    }


def api_key_view(environment: Environment, key: str) -> dict[str, Any]:
    """A key of the wire. Keys belong to no person here: `_userId` is the organization's."""
    return {"key": key, "_userId": environment.organization_id}
