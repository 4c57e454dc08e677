"""Environments, which separate development from production data, and their API keys."""

from __future__ import annotations

from typing import cast

import msgspec

from inbox.models import wire
from inbox.models.dates import iso_or_none, timestamps
from inbox.models.webhook import EVENT_TYPES, Webhook

DEVELOPMENT, PRODUCTION = 1, 2
DEFAULT_MAX_AGE_DAYS = 90


class Environment(msgspec.Struct, frozen=True, rename="camel"):
    """One environment. `number` is part of every key; `id` (24 hex) and `identifier` are what callers see.

    `generation` grows when a key is revoked, which invalidates earlier session tokens. `hash_required` and `in_app_…`
    are settings of the in-app integration; `connected` is set once a browser has opened a session. Messages older than
    `max_age_days` are deleted. Events go to the `webhook`, and with `event_stream` to the stream in Redis.
    `given_identifier`, `given_key` and `former_key` (SHA-256 in hex) record what the service was started with last.
    `replaced_keys` are given keys that have a successor, the newest last.
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
    max_age_days: int = DEFAULT_MAX_AGE_DAYS
    webhook: Webhook | None = None
    event_stream: bool = False
    given_key: str | None = None
    former_key: str | None = None
    replaced_keys: tuple[str, ...] = ()
    given_identifier: str | None = None

    @property
    def ids(self) -> wire.EnvironmentIds:
        """The ids of environment and organization, as most answers show them."""
        return {"_environmentId": self.id, "_organizationId": self.organization_id}

    @property
    def event_types(self) -> frozenset[str]:
        """The types of events that a webhook or the event stream receives."""
        if self.event_stream:
            return frozenset(EVENT_TYPES)
        return frozenset(self.webhook.events if self.webhook else ())

    @property
    def is_production(self) -> bool:
        return self.name.lower() == "production"


class ApiKey(msgspec.Struct, frozen=True, rename="camel"):
    """A stored API key of an environment; `sealed` is the encrypted key (store/secrets.py)."""

    environment: int
    sealed: bytes
    created_ms: int
    revoked_ms: int | None = None


class LiveKey(msgspec.Struct, frozen=True):
    """What callers see of an API key that opens its environment: its last four characters, if it is long enough.

    `setting` is the variable that the service has the key from, None for a stored one.
    """

    id: str
    digest: str
    last_four: str | None
    created_ms: int
    setting: wire.KeySetting | None


class EnvironmentCreate(msgspec.Struct, rename="camel"):
    """The body of a new environment. `color` and `parentId` are read for clients of the original, and not kept."""

    name: str
    color: str | None = None
    parent_id: str | None = None


def environment_view(environment: Environment, keys: list[str] | None) -> wire.EnvironmentReply:
    """Return an environment in its wire form; without keys for a caller of another one."""
    shown = {} if keys is None else {"apiKeys": [api_key_view(environment, key) for key in keys]}
    view = {
        "_id": environment.id,
        "name": environment.name,
        "_organizationId": environment.organization_id,
        "identifier": environment.identifier,
        "type": "prod" if environment.is_production else "dev",
        "slug": f"{environment.name.lower().replace(' ', '-')}_env_{environment.id}",
        **shown,
        **timestamps(environment.created_ms, environment.created_ms),
    }
    return cast("wire.EnvironmentReply", view)


def api_key_view(environment: Environment, key: str) -> wire.ApiKeyReply:
    """Return a key in its wire form. Keys belong to no person here, so `_userId` is the organization's id."""
    return {"key": key, "_userId": environment.organization_id}


def live_key_view(key: LiveKey, caller_digest: str) -> wire.LiveKeyReply:
    """Return a key as its environment lists it; `isCaller` says whether the request has it."""
    return {
        "id": key.id,
        "lastFour": key.last_four,
        "createdAt": iso_or_none(key.created_ms),
        "setting": key.setting,
        "isCaller": key.digest == caller_digest,
    }
