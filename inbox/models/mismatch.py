"""What does not fit a type, in words: every place of a value, and what was probably meant there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

from inbox.models.workflow import StepType

SYNONYMS = {
    "name": ("workflowId", "workflow", "workflowIdentifier", "template", "templateId", "event", "identifier"),
    "to": ("subscriberId", "subscriber", "subscribers", "recipient", "recipients"),
    "workflowId": ("identifier", "workflowIdentifier", "triggerIdentifier", "key"),
    "controlValues": ("controls", "content", "values"),
}
"""Required field → what callers call it instead, where the words themselves do not resemble each other."""

_AT = re.compile(r" - at `\$(?P<path>.*)`\Z", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$\.?(.*)`)?", re.DOTALL)
_STEP_TYPE = re.compile(r"(?:.*\.)?steps\.\d+\.type")


class Mismatch(NamedTuple):
    """One thing that does not fit: the dotted path of its field (empty: the value itself), what is wrong, and a hint
    (or an empty text) at what would be right.
    """

    field: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


def find_mismatches(value: Any, kind: Any, place: str = "") -> Iterator[Mismatch]:
    """Yield everything in a value that `msgspec.convert(value, kind)` would refuse; nothing if it fits.

    `place` is the path of the value, put before those of its fields.
    """
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        inner = list(_within(value, kind, place))
        yield from inner or [_at(str(error), place, kind)]


def explain_mismatch(error: msgspec.ValidationError, value: Any, kind: Any) -> str:
    """Return the library's text about one thing that does not fit, with a hint at what would be right."""
    text = str(error)
    meant = next((one for one in find_mismatches(value, kind) if one.message in text), None)
    return f"{text}: {meant.hint}" if meant and meant.hint else text


def mismatch_field(error: msgspec.ValidationError) -> str:
    """Return the path of an unknown field, e.g. `steps.0.controlValues.url`; `general` for any other mismatch."""
    if not (found := _UNKNOWN_FIELD.fullmatch(str(error))):
        return "general"
    return _join(re.sub(r"\[(\d+)\]", r".\1", found[2] or ""), found[1])


def suggest(name: str, known: Iterable[str]) -> str:
    """Return `did you mean …?` if one of the known names resembles this one, else an empty text."""
    folded = {_fold(one): one for one in known}
    close = difflib.get_close_matches(_fold(name), folded, n=1, cutoff=0.75)
    return f"did you mean `{folded[close[0]]}`?" if close else ""


def _within(value: Any, kind: Any, place: str) -> Iterator[Mismatch]:
    """Yield the mismatches of a value's parts; nothing when the value as a whole is of the wrong kind."""
    kind = _member(value, _bare(kind))
    if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from _of_fields(value, kind, place)
    elif isinstance(value, list) and get_origin(kind) is list:
        for index, item in enumerate(value):
            yield from find_mismatches(item, get_args(kind)[0], _join(place, index))
    elif isinstance(value, dict) and get_origin(kind) is dict:
        for name, item in value.items():
            yield from find_mismatches(item, get_args(kind)[1], _join(place, name))


def _of_fields(value: dict[str, Any], kind: type[msgspec.Struct], place: str) -> Iterator[Mismatch]:
    fields = {one.encode_name: one for one in msgspec.structs.fields(kind)}
    config = kind.__struct_config__
    unknown = [name for name in value if name not in fields and name != config.tag_field]
    for name, field in fields.items():
        if name in value:
            yield from find_mismatches(value[name], field.type, _join(place, name))
        elif field.required:
            yield Mismatch(_join(place, name), f"missing required field `{name}`", _meant(name, unknown))
    if config.forbid_unknown_fields:
        for name in unknown:
            hint = suggest(name, fields.keys() - value.keys())
            yield Mismatch(_join(place, name), f"unknown field `{name}`", hint)


def _meant(missing: str, unknown: Iterable[str]) -> str:
    """Which unknown name of the value was probably meant to be this required field."""
    for name in unknown:
        if name in SYNONYMS.get(missing, ()) or suggest(name, [missing]):
            return f"`{name}` is not a field here, did you mean `{missing}`?"
    return ""


def _bare(kind: Any) -> Any:
    return _bare(get_args(kind)[0]) if get_origin(kind) is Annotated else kind


def _member(value: Any, kind: Any) -> Any:
    """The member of a union that the value was meant for, as its tag or its JSON type tells; others as they are."""
    if get_origin(kind) not in (Union, UnionType):
        return kind
    for member in map(_bare, get_args(kind)):
        if isinstance(value, list) and get_origin(member) is list:
            return member
        if isinstance(value, dict) and isinstance(member, type) and issubclass(member, msgspec.Struct):
            config = member.__struct_config__
            if config.tag_field is None or value.get(config.tag_field) == config.tag:
                return member
    return kind


def _at(text: str, place: str, kind: Any) -> Mismatch:
    """A mismatch from the library's text, whose path (`$.steps[0].type`) goes to the field."""
    found = _AT.search(text)
    inner = re.sub(r"\[(\d+|\.\.\.)\]", r".\1", found["path"]).strip(".") if found else ""
    field = _join(place, inner) if inner else place
    message = text[: found.start()] if found else text
    if _STEP_TYPE.fullmatch(field):
        return Mismatch(field, message, _step_types())
    words = _words(kind) if message.startswith("Invalid enum value") else []
    return Mismatch(field, message, f"it must be one of {', '.join(words)}" if words else "")


def _words(kind: Any) -> list[str]:
    """Return the words that a type allows; nothing if it allows other values too."""
    kind = _bare(kind)
    if get_origin(kind) in (Union, UnionType):
        return [word for member in get_args(kind) for word in _words(member)]
    return [one for one in get_args(kind) if isinstance(one, str)] if get_origin(kind) is Literal else []


def _step_types() -> str:
    *most, last = get_args(StepType)
    return (
        f"a step is of type {', '.join(most)} or {last}; other channels are not served here, dropUnsupportedSteps "
        "leaves their steps out"
    )


def _join(place: str, name: object) -> str:
    return f"{place}.{name}" if place else str(name)


def _fold(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
