"""Tenants, which a trigger may name and templates may use."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from inbox.errors import BadRequest, invalid
from inbox.models import wire
from inbox.models.dates import timestamps
from inbox.models.documented import STRING, OneOf
from inbox.models.environment import Environment
from inbox.models.json_values import JsonObject

MAX_TENANTS = 100_000
MAX_IDENTIFIER_LENGTH = 255


class Tenant(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A stored tenant; times are ms since 1970."""

    id: str = field(name="_id")
    identifier: str
    created_ms: int
    updated_ms: int
    name: str | None = None
    data: dict[str, Any] = {}

    def variables(self) -> JsonObject:
        """Return `tenant` as templates use it."""
        return {"identifier": self.identifier, "name": self.name, "data": self.data}


class TenantChange(msgspec.Struct):
    """The fields of a tenant that a caller may set: absent leaves a field, null clears it."""

    name: Annotated[str, Meta(max_length=255)] | UnsetType | None = UNSET
    data: dict[str, Any] | UnsetType | None = UNSET


class TenantCreate(TenantChange, kw_only=True):
    """The body that creates a tenant."""

    identifier: Annotated[Any, STRING]


class TenantUpdate(TenantChange, kw_only=True):
    """The body that changes a tenant; a new identifier renames it."""

    identifier: Annotated[Any, STRING] | None = None


class TenantReference(TenantChange, kw_only=True):
    """A tenant with the fields to set."""

    identifier: Annotated[Any, STRING]


TENANT = OneOf("Tenant", "The tenant: its identifier, or a tenant with the fields to set.", (str, TenantReference))


def parse_tenant(value: Any) -> tuple[str, TenantChange]:
    """Return the identifier of the tenant of a trigger, and the changes to it. Raise BadRequest or ValidationFailed."""
    if isinstance(value, str):
        return parse_tenant_identifier(value, "tenant"), TenantChange()
    try:
        reference = msgspec.convert(value, TenantReference)
    except msgspec.ValidationError as error:
        raise invalid("tenant", str(error), value) from None
    return parse_tenant_identifier(reference.identifier, "tenant.identifier"), reference


def parse_tenant_identifier(value: Any, name: str = "identifier") -> str:
    """Return the identifier, stripped. Raise BadRequest for NUL, ValidationFailed for any other mistake."""
    if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_IDENTIFIER_LENGTH:
        raise invalid(name, f"{name} must be a string of 1 to {MAX_IDENTIFIER_LENGTH} characters", value)
    if "\0" in value:
        raise BadRequest(f"{name} must not contain NUL")
    return value.strip()


@wire.without_nulls
def tenant_view(tenant: Tenant, environment: Environment) -> wire.TenantReply:
    return {
        "_id": tenant.id,
        "identifier": tenant.identifier,
        "name": tenant.name,
        "data": tenant.data,
        **environment.ids,
        **timestamps(tenant.created_ms, tenant.updated_ms),
    }
