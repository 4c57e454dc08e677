"""The in-app integration: the one channel of this service, as the dashboard's API shows it (rest-server.md §12)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from inbox.ids import derived_object_id
from inbox.models.environment import Environment

PROVIDER = "novu"

Label = Annotated[str, Meta(min_length=1, max_length=128)]


class IntegrationCredentials(msgspec.Struct):
    """The only credential an in-app integration has: whether sessions need a subscriber hash."""

    hmac: bool | None = None


class IntegrationUpdate(msgspec.Struct, rename="camel"):
    """The body of an update; what is absent stays."""

    credentials: IntegrationCredentials | None = None
    active: bool | None = None
    name: Label | None = None
    identifier: Label | None = None

    def fields(self) -> dict[str, Any]:
        """The environment's fields that it changes."""
        sent = {
            "hash_required": self.credentials.hmac if self.credentials else None,
            "in_app_active": self.active,
            "in_app_name": self.name,
            "in_app_identifier": self.identifier,
        }
        return {name: value for name, value in sent.items() if value is not None}


class IntegrationCreate(IntegrationUpdate, kw_only=True, rename="camel"):
    """The body of a creation: the in-app integration exists from the start, so it is changed."""

    provider_id: str
    channel: Literal["in_app", "email", "sms", "chat", "push", "tool"]


def integration_id(environment: Environment) -> str:
    """The `_id` of an environment's in-app integration."""
    return derived_object_id("integration", environment.id, PROVIDER)


def integration_view(environment: Environment, *, hash_required: bool) -> dict[str, Any]:
    """The Integration of the wire."""
    return {
        "_id": integration_id(environment),
        "_environmentId": environment.id,
        "_organizationId": environment.organization_id,
        "name": environment.in_app_name,
        "identifier": environment.in_app_identifier,
        "providerId": PROVIDER,
        "channel": "in_app",
        "credentials": {"hmac": hash_required},
        "configurations": {},
        "active": environment.in_app_active,
        "deleted": False,
        "primary": True,
        "conditions": [],
    }
