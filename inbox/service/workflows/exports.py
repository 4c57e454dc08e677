"""Convert a workflow as the original shows or exports it to the body of `POST /v2/workflows`.

An export has fields that only the original needs (slugs, dates, origins, schemas of its editor), preferences under
another name, and steps of channels that are not served here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from inbox.models.json_values import JsonObject
from inbox.service.workflows.bodies import WorkflowCreate
from inbox.steps import STEP_TYPES

OTHER_STEPS = ("email", "sms", "push", "chat", "tool", "custom", "http_request", "trigger")
"""The types of the original's steps that are not served here."""
_STEP = re.compile(r"\b(steps[.\[])([0-9]+)")
_STEP_FIELDS = ("stepId", "name", "type", "controlValues")


class DroppedStep(NamedTuple):
    """A step that was left out; `step_index` is its index in the export."""

    step_index: int
    name: str
    type: str

    def view(self) -> JsonObject:
        return {"index": self.step_index, "name": self.name, "type": self.type}

    def __str__(self) -> str:
        return f"steps.{self.step_index} ({self.type}, {self.name})"


class Adopted(NamedTuple):
    """A converted export. `ignored` are the paths of the fields that were left out."""

    content: Any
    dropped: Sequence[DroppedStep] = ()
    ignored: Sequence[str] = ()

    def renumber(self, text: str) -> str:
        """Replace the step indexes in a path of a field of `content`, or in a message, by those of the export."""

        def exported(match: re.Match[str]) -> str:
            index = int(match[2])
            for step in self.dropped:  # in their order
                index += step.step_index <= index
            return f"{match[1]}{index}"

        return _STEP.sub(exported, text)


def is_export(item: Any) -> bool:
    """Return whether a value looks like a response of the original: within `data`, or with fields that it alone has."""
    return isinstance(item, dict) and (_is_answer(item) or {"slug", "origin"} <= item.keys())


def unwrap(item: Any) -> list[Any]:
    inner = item["data"] if _is_answer(item) else item
    if isinstance(inner, dict) and isinstance(inner.get("workflows"), list):
        inner = inner["workflows"]
    return inner if isinstance(inner, list) else [inner]


def adopt(item: Any) -> Adopted:
    """Convert an export to the body of a create, which is not validated yet: drop other steps and unknown fields."""
    if not isinstance(item, dict):
        return Adopted(item)
    names = WorkflowCreate.__struct_encode_fields__
    content = {name: value for name, value in item.items() if name in names}
    ignored = [name for name in item if name not in names]
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


def _preferences(exported: JsonObject) -> JsonObject:
    """Return preferences as a request has them: the original's responses call `workflow` `default`."""
    renamed = {"workflow" if name == "default" else name: value for name, value in exported.items()}
    return {name: value for name, value in renamed.items() if name in ("user", "workflow")}


def _step(step: Any) -> tuple[Any, list[str]]:
    """Return a step without unknown fields and empty values, and the names of the unknown fields."""
    if not isinstance(step, dict):
        return step, []
    controls = step.get("controls")
    values = step.get("controlValues") or (controls.get("values") if isinstance(controls, dict) else None)
    kept = {name: step[name] for name in _STEP_FIELDS if name in step}
    ignored = [name for name in step if name not in (*_STEP_FIELDS, "controls")]
    if isinstance(values, dict) and step.get("type") in STEP_TYPES:
        names = STEP_TYPES[step["type"]].control_names
        ignored += [f"controlValues.{name}" for name in values if name not in names]
        values = {name: value for name, value in values.items() if name in names and value not in (None, "", {})}
    return (kept | {"controlValues": values} if values is not None else kept), ignored
