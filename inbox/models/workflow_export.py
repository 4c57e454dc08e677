"""A workflow as the original shows or exports it, made into what `POST /v2/workflows` takes.

Its answers carry what only the original needs (slugs, dates, origins, schemas of its editor), preferences under another
name, and steps of channels that are not served here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from inbox.models.workflow import WorkflowCreate, field_names, step_controls

OTHER_STEPS = ("email", "sms", "push", "chat", "tool", "throttle", "custom", "http_request", "trigger")
"""The types of the original's steps that are not served here."""
_STEP = re.compile(r"\b(steps[.\[])([0-9]+)")
_STEP_FIELDS = ("stepId", "name", "type", "controlValues")


class DroppedStep(NamedTuple):
    """A step that was left out: where it stood, and what it was."""

    place: int
    name: str
    type: str

    def view(self) -> dict[str, Any]:
        """As an answer names it."""
        return {"index": self.place, "name": self.name, "type": self.type}

    def __str__(self) -> str:
        return f"steps.{self.place} ({self.type}, {self.name})"


class Adopted(NamedTuple):
    """What `adopt` made of an export. `ignored` are the paths of the fields that were left out."""

    content: Any
    dropped: Sequence[DroppedStep] = ()
    ignored: Sequence[str] = ()

    def renumber(self, text: str) -> str:
        """Return a path of a field of `content`, or a message with such paths, with the step numbers of the export."""
        return _STEP.sub(lambda found: found[1] + str(self._exported_index(int(found[2]))), text)

    def _exported_index(self, index: int) -> int:
        for step in self.dropped:  # in their order
            index += step.place <= index
        return index


def is_export(item: Any) -> bool:
    """Whether a value looks like a workflow as the original answers it: in `data`, or with fields that it alone has."""
    return isinstance(item, dict) and (_is_answer(item) or {"slug", "origin"} <= item.keys())


def unwrap(item: Any) -> list[Any]:
    """Return the workflows of an answer of the original: of one, of a list of them, or the item itself."""
    inner = item["data"] if _is_answer(item) else item
    if isinstance(inner, dict) and isinstance(inner.get("workflows"), list):
        inner = inner["workflows"]
    return inner if isinstance(inner, list) else [inner]


def adopt(item: Any) -> Adopted:
    """Make an export into the body of a create: without the steps of other channels and unknown fields.

    What is no export is left as it is in all that this service knows; what is wrong with the rest is for the caller to
    find.
    """
    if not isinstance(item, dict):
        return Adopted(item)
    known = field_names(WorkflowCreate)
    content = {name: value for name, value in item.items() if name in known}
    ignored = [name for name in item if name not in known]
    if isinstance(content.get("preferences"), dict):
        content["preferences"] = _preferences(content["preferences"])
    if not isinstance(content.get("steps"), list):
        return Adopted(content, ignored=ignored)
    steps: list[Any] = []
    dropped: list[DroppedStep] = []
    for index, step in enumerate(content["steps"]):
        if isinstance(step, dict) and step.get("type") in OTHER_STEPS:
            dropped.append(DroppedStep(index, str(step.get("name", "")), step["type"]))
            continue
        adopted, unknown = _step(step)
        steps.append(adopted)
        ignored += [f"steps.{index}.{name}" for name in unknown]
    return Adopted(content | {"steps": steps}, dropped, ignored)


def _is_answer(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("data"), dict | list) and "steps" not in item


def _preferences(given: dict[str, Any]) -> dict[str, Any]:
    """The original answers `default` and is sent `workflow`."""
    renamed = {"workflow" if name == "default" else name: value for name, value in given.items()}
    return {name: value for name, value in renamed.items() if name in ("user", "workflow")}


def _step(step: Any) -> tuple[Any, list[str]]:
    """A step with the fields that are known here, and the names of the others; empty values count as absent."""
    if not isinstance(step, dict):
        return step, []
    controls = step.get("controls")
    values = step.get("controlValues") or (controls.get("values") if isinstance(controls, dict) else None)
    kept = {name: step[name] for name in _STEP_FIELDS if name in step}
    ignored = [name for name in step if name not in (*_STEP_FIELDS, "controls")]
    kind = step_controls(step.get("type"))
    if isinstance(values, dict) and kind is not None:
        known = field_names(kind)
        ignored += [f"controlValues.{name}" for name in values if name not in known]
        values = {name: value for name, value in values.items() if name in known and value not in (None, "", {})}
    return (kept | {"controlValues": values} if values is not None else kept), ignored
