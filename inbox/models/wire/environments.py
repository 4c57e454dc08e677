"""Environments, and what belongs to one: keys, tenants, contexts, integrations, the organization, named feeds."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from inbox.models.json_values import JsonObject
from inbox.models.wire.base import Absent, Count, Date, HexId, Identified, Owned, Timestamps


class TenantReply(Owned, Timestamps):
    identifier: str
    name: NotRequired[str | Absent]
    data: JsonObject


class ContextReply(Timestamps):
    type: str
    id: str
    data: JsonObject


KeySetting = Literal["INBOX_API_KEY", "INBOX_FORMER_API_KEY"]


class EnvironmentReply(Identified, Timestamps):
    _organizationId: HexId
    name: str
    identifier: str
    type: Literal["dev", "prod"]
    slug: str
    apiKeys: NotRequired[list[ApiKeyReply]]


class ApiKeyReply(TypedDict):
    key: str
    _userId: HexId


class LiveKeyReply(TypedDict):
    """An API key without the key. `setting` is the variable that the service has it from, null for a stored one."""

    id: HexId
    lastFour: str | None
    createdAt: Date | None
    setting: KeySetting | None
    isCaller: bool


class NewKeyReply(TypedDict):
    id: HexId
    key: str


class TagReply(TypedDict):
    name: str


class IntegrationCredentialsReply(TypedDict):
    hmac: bool


class IntegrationReply(Owned):
    name: str
    identifier: str
    providerId: str
    channel: str
    credentials: IntegrationCredentialsReply
    configurations: JsonObject
    conditions: list[JsonObject]
    active: bool
    deleted: bool
    primary: bool


class ActiveReply(TypedDict):
    active: bool


class OrganizationReply(Identified, Timestamps):
    name: str
    branding: BrandingReply


class BrandingReply(TypedDict):
    logo: str
    color: str
    fontColor: NotRequired[str]
    contentBackground: NotRequired[str]
    fontFamily: NotRequired[str]
    direction: NotRequired[Literal["ltr", "rtl"]]


class NamedFeedReply(Owned, Timestamps):
    id: HexId
    deleted: bool
    name: str
    identifier: str


class LayoutsReply(TypedDict):
    layouts: list[JsonObject]
    totalCount: Count
