"""The organization: who runs the service, as an environment's pages show it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from inbox.models.dates import iso
from inbox.models.environment import Environment

Line = Annotated[str, Meta(max_length=2_048)]


class Branding(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Looks that a page may take over."""

    logo: Line | None = None
    color: Line | None = None
    font_color: Line | None = None
    content_background: Line | None = None
    font_family: Line | None = None
    direction: Literal["ltr", "rtl"] | None = None


class OrganizationRename(msgspec.Struct):
    """The body of a rename."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]


class Organization(msgspec.Struct, frozen=True, rename="camel"):
    """What an environment shows as its organization."""

    name: str = "inbox"
    branding: Branding = Branding()


def organization_view(organization: Organization, environment: Environment) -> dict[str, Any]:
    """The Organization of the wire; all environments share its `_id`."""
    return {
        "_id": environment.organization_id,
        "name": organization.name,
        "branding": branding_view(organization.branding),
        "createdAt": iso(environment.created_ms),
        "updatedAt": iso(environment.created_ms),
    }


def branding_view(branding: Branding) -> dict[str, Any]:
    """Branding on the wire: logo and color are always there."""
    shown: dict[str, Any] = msgspec.to_builtins(branding)
    return {"logo": "", "color": "", **shown}
