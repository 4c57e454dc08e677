"""Filters of notifications: whether one matches, and how a filter is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from inbox.client.types import Notification, NotificationFields

FLAGS = {"read": "isRead", "seen": "isSeen", "archived": "isArchived", "snoozed": "isSnoozed"}
"""Each part of a filter that is a flag → the field of a notification."""


def matches(filter: NotificationFields, notification: Notification) -> bool:
    """Return whether all parts of the filter match."""
    given: Mapping[str, Any] = filter
    shown: Mapping[str, Any] = notification
    return (
        all(given.get(name) in (None, shown[flag]) for name, flag in FLAGS.items())
        and shown.get("severity", "none") in (_severities(filter) or [shown.get("severity", "none")])
        and all(not group or not set(group).isdisjoint(shown.get("tags", ())) for group in _groups(given.get("tags")))
        and _holds(shown.get("data"), given.get("data") or {})
        and _is_in_time(filter, notification)
    )


def query_of(filter: Mapping[str, Any]) -> dict[str, Any]:
    """Write a filter as the query of a list."""
    query: dict[str, Any] = {}
    for name, value in filter.items():
        if value is None:
            continue
        if name == "tags":
            groups = _groups(value)
            for number, group in enumerate(groups):
                query[f"tags[{number}][]" if len(groups) > 1 else "tags[]"] = group
        elif name == "severity":
            query["severity[]"] = _severities({"severity": value})
        elif name == "data":
            query[name] = json.dumps(value)
        else:
            query[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return query


def _severities(filter: NotificationFields) -> list[str]:
    severity = filter.get("severity") or ()
    return [severity] if isinstance(severity, str) else [*severity]


def _groups(tags: Any) -> list[list[str]]:
    """Return groups of tags; a notification must have one tag of each."""
    if not tags:
        return []
    if isinstance(tags, Mapping):
        return [group for part in tags["and"] for group in _groups(part)] if "and" in tags else [[*tags["or"]]]
    if any(not isinstance(tag, str) for tag in tags):
        return [group for part in tags for group in _groups(part)]
    return [[*tags]]


def _holds(value: Any, expected: Any) -> bool:
    """Return whether a notification's data holds what is expected. As in JSON true is not 1; None is also nothing."""
    if isinstance(expected, Mapping):
        return all(_holds(_at(value, path), part) for path, part in expected.items())
    return isinstance(value, bool) == isinstance(expected, bool) and bool(value == expected)


def _at(value: Any, path: str) -> Any:
    """Return what stands at a dotted path, None where there is nothing."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _is_in_time(filter: NotificationFields, notification: Notification) -> bool:
    if "createdGte" not in filter and "createdLte" not in filter:
        return True
    created = round(datetime.fromisoformat(notification["createdAt"]).timestamp() * 1_000)
    return filter.get("createdGte", created) <= created <= filter.get("createdLte", created)
