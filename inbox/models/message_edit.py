"""The body of an edit of a message, and what an edit of several messages answers."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from inbox.models.workflow import CustomData, Link, LinkTarget, Severity, Tags

Label = Annotated[str, Meta(min_length=1, max_length=1_024)]


class EditedRedirect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The target of a click."""

    url: Link
    target: LinkTarget | None = None


class EditedAction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A button."""

    label: Label
    redirect: EditedRedirect | None = None


class MessageEdit(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What an edit changes: an absent field stays, null removes one. Texts are no templates."""

    subject: str | UnsetType | None = UNSET
    body: str | UnsetType = UNSET
    avatar: Link | UnsetType | None = UNSET
    primary_action: EditedAction | UnsetType | None = UNSET
    secondary_action: EditedAction | UnsetType | None = UNSET
    redirect: EditedRedirect | UnsetType | None = UNSET
    data: CustomData | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    severity: Severity | UnsetType = UNSET
    expires_at: str | UnsetType | None = UNSET

    @property
    def fields(self) -> list[str]:
        """The names of the fields that it changes, as the API spells them."""
        return [info.encode_name for info in msgspec.structs.fields(self) if getattr(self, info.name) is not UNSET]
