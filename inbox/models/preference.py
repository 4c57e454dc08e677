"""The preferences of a subscriber, globally and per workflow.

Later levels win, channel by channel: the workflow, the subscriber's global choice, the choice for this workflow. A
critical workflow ignores choices.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import msgspec
import orjson
from msgspec import UNSET, Meta, UnsetType

from inbox.errors import invalid
from inbox.models.json_values import JsonObject
from inbox.models.workflow import CHANNELS, ChannelType, Workflow

GLOBAL = "*"
MAX_HOURS = 48

Criticality = Literal["nonCritical", "critical", "all"]

_TIME = re.compile(r"(0?[1-9]|1[0-2]):[0-5][0-9] (AM|PM)")


class ChannelChoices(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Channels switched on or off; absent ones stay unchanged.

    An unknown name is refused: it may be a misspelt channel.
    """

    email: bool | UnsetType = UNSET
    sms: bool | UnsetType = UNSET
    in_app: bool | UnsetType = UNSET
    chat: bool | UnsetType = UNSET
    push: bool | UnsetType = UNSET

    def chosen(self) -> dict[str, bool]:
        """Return channel → on, of the channels that were sent."""
        return {name: value for name in CHANNELS if (value := getattr(self, name)) is not UNSET}


class TimeRange(msgspec.Struct, frozen=True):
    """From one time of the day to another, such as `09:00 AM`."""

    start: str
    end: str


class Day(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One day of the week."""

    is_enabled: bool
    hours: Annotated[list[TimeRange], Meta(max_length=MAX_HOURS)] | UnsetType = UNSET


class Week(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The days that have a schedule."""

    monday: Day | UnsetType = UNSET
    tuesday: Day | UnsetType = UNSET
    wednesday: Day | UnsetType = UNSET
    thursday: Day | UnsetType = UNSET
    friday: Day | UnsetType = UNSET
    saturday: Day | UnsetType = UNSET
    sunday: Day | UnsetType = UNSET


class Schedule(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """When other channels may deliver. It is kept and shown; in-app messages are always delivered."""

    is_enabled: bool
    weekly_schedule: Week | UnsetType = UNSET

    def to_stored(self) -> JsonObject:
        """Return the stored form. Raise ValidationFailed for malformed times or an enabled schedule without days."""
        stored: JsonObject = msgspec.to_builtins(self)
        days = stored.get("weeklySchedule", {})
        if self.is_enabled and "weeklySchedule" in stored and not days:
            raise invalid("schedule.weeklySchedule", "weeklySchedule must hold a day when the schedule is enabled")
        for name, day in days.items():
            for hours in day.get("hours", []):
                if not all(_TIME.fullmatch(text) for text in hours.values()):
                    raise invalid(f"schedule.weeklySchedule.{name}.hours", "a time must be like 09:00 AM", hours)
        return stored


@dataclass(frozen=True, slots=True)
class Choice:
    """The choice of a subscriber on one level: channel → on, and on the global level a schedule."""

    channels: dict[str, bool] = field(default_factory=dict)
    schedule: JsonObject | None = None
    updated_ms: int | None = None

    def with_changes(self, channels: Mapping[str, bool], schedule: JsonObject | None, now_ms: int) -> Choice:
        """Return the choice with these channels changed; a schedule replaces the earlier one."""
        return Choice({**self.channels, **channels}, schedule or self.schedule, now_ms)

    def without(self, channels: Mapping[str, bool]) -> Choice:
        """Return the choice without these channels."""
        return replace(self, channels={name: on for name, on in self.channels.items() if name not in channels})


@dataclass(frozen=True, slots=True)
class Preferences:
    """All choices of a subscriber, by workflow `_id` and GLOBAL. `revision` counts the changes."""

    revision: int = 0
    choices: dict[str, Choice] = field(default_factory=dict)

    @property
    def global_choice(self) -> Choice:
        return self.choices.get(GLOBAL, Choice())

    def choice_for(self, workflow: Workflow) -> Choice:
        return self.choices.get(workflow.id, Choice())


def encode_choice(choice: Choice) -> bytes:
    """Encode a choice. Scripts read its first byte: `1`, `0` or `-` for in_app on, off or not chosen."""
    in_app = choice.channels.get("in_app")
    in_app_flag = b"-" if in_app is None else b"1" if in_app else b"0"
    stored: dict[str, Any] = {"channels": choice.channels, "updated": choice.updated_ms}
    return in_app_flag + orjson.dumps(stored | ({"schedule": choice.schedule} if choice.schedule else {}))


def decode_choice(raw: bytes) -> Choice:
    stored = orjson.loads(raw[1:])
    return Choice(stored["channels"], stored.get("schedule"), stored["updated"])


def delivers_by_default(workflow: Workflow, channel: str) -> bool:
    """Return whether a workflow delivers on a channel to a subscriber without a choice."""
    preferences = workflow.preferences
    return preferences.all.enabled and preferences.channel(channel)


def active_channels(workflows: Sequence[Workflow]) -> tuple[ChannelType, ...]:
    """Return the channels for which an active workflow has a step, in the order of CHANNELS."""
    used = {step.type for workflow in workflows if workflow.active for step in workflow.steps if step.active}
    return tuple(name for name in CHANNELS if name in used)


def global_channels(preferences: Preferences, channels: Sequence[ChannelType]) -> dict[str, bool]:
    """Return channel → whether the subscriber receives on it in general."""
    return {name: preferences.global_choice.channels.get(name, True) for name in channels}


def workflow_channels(preferences: Preferences, workflow: Workflow, channels: Sequence[ChannelType]) -> dict[str, bool]:
    """Return channel → whether this workflow delivers on it to the subscriber."""
    merged: dict[str, bool] = {name: delivers_by_default(workflow, name) for name in channels}
    if workflow.critical:
        return merged
    choices = {**preferences.global_choice.channels, **preferences.choice_for(workflow).channels}
    return {name: choices.get(name, on) for name, on in merged.items()}
