"""Sessions of pages."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from inbox.models.preference import Schedule
from inbox.models.wire.base import Absent, Count, Identified


class SeverityCounts(TypedDict):
    high: Count
    medium: Count
    low: Count
    none: Count


class UnreadCount(TypedDict):
    total: Count
    severity: SeverityCounts


class SessionReply(TypedDict):
    token: str
    totalUnreadCount: Count
    unreadCount: UnreadCount
    removeNovuBranding: bool
    isDevelopmentMode: bool
    maxSnoozeDurationHours: Count
    applicationIdentifier: str
    schedule: NotRequired[Schedule | Absent]
    contextKeys: list[str]


class WidgetProfile(Identified):
    firstName: NotRequired[str | None]
    lastName: NotRequired[str | None]
    phone: NotRequired[str | None]


class WidgetSessionReply(TypedDict):
    token: str
    profile: WidgetProfile
