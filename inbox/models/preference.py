"""What a subscriber chose to receive: globally and per workflow (rest-server.md §3-4, semantics.md §7).

Later levels win, channel by channel: the workflow, the subscriber's global choice, the subscriber's choice for this
workflow. A critical workflow knows no choice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import msgspec
import orjson
from msgspec import UNSET, Meta, UnsetType

from inbox.errors import invalid
from inbox.models.workflow import CHANNELS, Workflow

GLOBAL = "*"
MAX_HOURS = 48

Channel = Literal["email", "sms", "in_app", "chat", "push"]
Criticality = Literal["nonCritical", "critical", "all"]

_TIME = re.compile(r"(0?[1-9]|1[0-2]):[0-5][0-9] (AM|PM)")


class ChannelChoices(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Channels switched on or off; those absent keep what they had. Another name is refused: it may mean a channel."""

    email: bool | UnsetType = UNSET
    sms: bool | UnsetType = UNSET
    in_app: bool | UnsetType = UNSET
    chat: bool | UnsetType = UNSET
    push: bool | UnsetType = UNSET

    def chosen(self) -> dict[str, bool]:
        """Channel → on, only of those that were sent."""
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

    def stored(self) -> dict[str, Any]:
        """What is kept. Raises ValidationFailed for times that are none, and an enabled schedule without a day."""
        kept: dict[str, Any] = msgspec.to_builtins(self)
        days = kept.get("weeklySchedule", {})
        if self.is_enabled and "weeklySchedule" in kept and not days:
            raise invalid("schedule.weeklySchedule", "weeklySchedule must hold a day when the schedule is enabled")
        for name, day in days.items():
            for hours in day.get("hours", []):
                if not all(_TIME.fullmatch(text) for text in hours.values()):
                    raise invalid(f"schedule.weeklySchedule.{name}.hours", "a time must be like 09:00 AM", hours)
        return kept


@dataclass(frozen=True, slots=True)
class Choice:
    """What a subscriber chose on one level: channel → on, the schedule (global level), when it was last changed."""

    channels: dict[str, bool] = field(default_factory=dict)
    schedule: dict[str, Any] | None = None
    updated_ms: int | None = None

    def merged(self, channels: dict[str, bool], schedule: dict[str, Any] | None, now_ms: int) -> Choice:
        """With these channels over its own; a schedule replaces the one there was."""
        return Choice({**self.channels, **channels}, schedule or self.schedule, now_ms)

    def without(self, channels: dict[str, bool]) -> Choice:
        """Without a choice for these channels."""
        return replace(self, channels={name: on for name, on in self.channels.items() if name not in channels})


@dataclass(frozen=True, slots=True)
class Preferences:
    """All choices of a subscriber: by workflow `_id`, and the global one. `revision` counts the changes."""

    revision: int = 0
    choices: dict[str, Choice] = field(default_factory=dict)

    @property
    def everywhere(self) -> Choice:
        """The global choice."""
        return self.choices.get(GLOBAL, Choice())

    def of(self, workflow: Workflow) -> Choice:
        """The choice for one workflow."""
        return self.choices.get(workflow.id, Choice())


def encode_choice(choice: Choice) -> bytes:
    """What the store keeps: first what the feeds need to know (`1`, `0` or `-`: in_app on, off, not chosen)."""
    in_app = choice.channels.get("in_app")
    mark = b"-" if in_app is None else b"1" if in_app else b"0"
    kept: dict[str, Any] = {"channels": choice.channels, "updated": choice.updated_ms}
    return mark + orjson.dumps(kept | ({"schedule": choice.schedule} if choice.schedule else {}))


def decode_choice(raw: bytes) -> Choice:
    """A choice from what the store keeps."""
    kept = orjson.loads(raw[1:])
    return Choice(kept["channels"], kept.get("schedule"), kept["updated"])


def delivers_by_default(workflow: Workflow, channel: str) -> bool:
    """Whether a workflow delivers on a channel to whoever has chosen nothing."""
    return workflow.preferences.all.enabled and workflow.preferences.channel(channel)


def active_channels(workflows: list[Workflow]) -> tuple[str, ...]:
    """The channels that an active workflow has a step for, in the usual order."""
    used = {step.type for workflow in workflows if workflow.active for step in workflow.steps if step.active}
    return tuple(name for name in CHANNELS if name in used)


def global_channels(preferences: Preferences, channels: tuple[str, ...]) -> dict[str, bool]:
    """Channel → whether the subscriber receives there in general."""
    return {name: preferences.everywhere.channels.get(name, True) for name in channels}


def workflow_channels(preferences: Preferences, workflow: Workflow, channels: tuple[str, ...]) -> dict[str, bool]:
    """Channel → whether this workflow delivers there to the subscriber."""
    merged = {name: delivers_by_default(workflow, name) for name in channels}
    if workflow.critical:
        return merged
    chosen = {**preferences.everywhere.channels, **preferences.of(workflow).channels}
    return {name: chosen.get(name, on) for name, on in merged.items()}


def override_list(preferences: Preferences, workflow: Workflow, channels: tuple[str, ...]) -> list[dict[str, str]]:
    """Who decided each channel: the subscriber, or the workflow (`template`)."""
    chosen = {} if workflow.critical else {**preferences.everywhere.channels, **preferences.of(workflow).channels}
    return [{"channel": name, "source": "subscriber" if name in chosen else "template"} for name in channels]
