"""Tenants: what a trigger may name, and what templates see of it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from inbox.errors import BadRequest, invalid
from inbox.models.dates import iso
from inbox.models.environment import Environment

MAX_IDENTIFIER_LENGTH = 255

Name = Annotated[str, Meta(max_length=255)]
Text = Annotated[str, Meta(min_length=1)]


class Tenant(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A stored tenant; times are ms since 1970."""

    id: str = field(name="_id")
    identifier: str
    created_ms: int
    updated_ms: int
    name: str | None = None
    data: dict[str, Any] = {}

    def variables(self) -> dict[str, Any]:
        """What templates see as `tenant`."""
        return {"identifier": self.identifier, "name": self.name, "data": self.data}


class TenantChange(msgspec.Struct):
    """The fields of a tenant that a caller may set: absent leaves a field, null clears it."""

    name: Name | UnsetType | None = UNSET
    data: dict[str, Any] | UnsetType | None = UNSET


class TenantCreate(TenantChange, kw_only=True):
    """The body that creates a tenant."""

    identifier: Any


class TenantUpdate(TenantChange, kw_only=True):
    """The body that changes a tenant; a new identifier renames it."""

    identifier: Any = None


class TenantReference(TenantChange, kw_only=True):
    """The tenant of a trigger."""

    identifier: Any


def parse_tenant(value: Any) -> tuple[str, TenantChange]:
    """The tenant a trigger names, an identifier or an object with one, and what it sets of it.

    Raises BadRequest or ValidationFailed.
    """
    if isinstance(value, str):
        return parse_tenant_identifier(value, "tenant"), TenantChange()
    try:
        reference = msgspec.convert(value, TenantReference)
    except msgspec.ValidationError as error:
        raise invalid("tenant", str(error), value) from None
    return parse_tenant_identifier(reference.identifier, "tenant.identifier"), reference


def parse_tenant_identifier(value: Any, name: str = "identifier") -> str:
    """A tenant's identifier: 1 to 255 characters. Raises BadRequest for NUL, ValidationFailed for the rest."""
    if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_IDENTIFIER_LENGTH:
        raise invalid(name, f"{name} must be a string of 1 to {MAX_IDENTIFIER_LENGTH} characters", value)
    if "\0" in value:
        raise BadRequest(f"{name} must not contain NUL")
    return value.strip()


def tenant_view(tenant: Tenant, environment: Environment) -> dict[str, Any]:
    """The tenant on the wire."""
    named = {"name": tenant.name} if tenant.name is not None else {}
    return {
        "_id": tenant.id,
        "identifier": tenant.identifier,
        **named,
        "data": tenant.data,
        "_environmentId": environment.id,
        "_organizationId": environment.organization_id,
        "createdAt": iso(tenant.created_ms),
        "updatedAt": iso(tenant.updated_ms),
    }


_decoder = msgspec.json.Decoder(Tenant)
_encoder = msgspec.json.Encoder()


def encode_tenant(tenant: Tenant) -> bytes:
    """The bytes the store keeps."""
    return _encoder.encode(tenant)


def decode_tenant(content: bytes) -> Tenant:
    """A stored tenant from its bytes."""
    return _decoder.decode(content)
