"""The organization that runs the service, and its branding."""

from __future__ import annotations

from typing import Annotated, Literal, cast

import msgspec
from msgspec import Meta

from inbox.models import wire
from inbox.models.dates import timestamps
from inbox.models.environment import Environment
from inbox.models.workflow import DisplayName

BrandingText = Annotated[str, Meta(max_length=2_048)]


class Branding(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Looks that a page may take over."""

    logo: BrandingText | None = None
    color: BrandingText | None = None
    font_color: BrandingText | None = None
    content_background: BrandingText | None = None
    font_family: BrandingText | None = None
    direction: Literal["ltr", "rtl"] | None = None


class OrganizationRename(msgspec.Struct):
    """The body of a rename."""

    name: DisplayName


class Organization(msgspec.Struct, frozen=True, rename="camel"):
    """The stored organization."""

    name: str = "inbox"
    branding: Branding = Branding()


def organization_view(organization: Organization, environment: Environment) -> wire.OrganizationReply:
    """Return the organization in its wire form; all environments share its `_id`."""
    return {
        "_id": environment.organization_id,
        "name": organization.name,
        "branding": branding_view(organization.branding),
        **timestamps(environment.created_ms, environment.created_ms),
    }


def branding_view(branding: Branding) -> wire.BrandingReply:
    return cast("wire.BrandingReply", {"logo": "", "color": "", **msgspec.to_builtins(branding)})
