"""The in-app integration, the only channel of this service."""

from __future__ import annotations

from typing import Literal

import msgspec

from inbox.ids import derived_object_id
from inbox.models import wire
from inbox.models.environment import Environment
from inbox.models.json_values import JsonObject
from inbox.models.workflow import DisplayName

PROVIDER = "novu"


class IntegrationCredentials(msgspec.Struct):
    """The only credential an in-app integration has: whether sessions need a subscriber hash."""

    hmac: bool | None = None


class IntegrationUpdate(msgspec.Struct, rename="camel"):
    """The body of an update; what is absent stays."""

    credentials: IntegrationCredentials | None = None
    active: bool | None = None
    name: DisplayName | None = None
    identifier: DisplayName | None = None

    def fields(self) -> JsonObject:
        """Return the fields of the environment that the update changes."""
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
    return derived_object_id("integration", environment.id, PROVIDER)


def integration_view(environment: Environment, *, hash_required: bool) -> wire.IntegrationReply:
    return {
        "_id": integration_id(environment),
        **environment.ids,
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
