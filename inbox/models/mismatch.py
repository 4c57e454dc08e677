"""The mismatches between a value and a type, with hints at what was probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

SYNONYMS = {
    "name": ("workflowId", "workflow", "workflowIdentifier", "template", "templateId", "event", "identifier"),
    "to": ("subscriberId", "subscriber", "subscribers", "recipient", "recipients"),
    "workflowId": ("identifier", "workflowIdentifier", "triggerIdentifier", "key"),
    "controlValues": ("controls", "content", "values"),
}
"""Required field → names that callers use instead and that do not resemble it."""

_AT = re.compile(r" - at `\$(?P<path>.*)`\Z", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$\.?(.*)`)?", re.DOTALL)
_STEP_TYPE = re.compile(r"(?:.*\.)?steps\.\d+\.type")


class Mismatch(NamedTuple):
    """One mismatch: the dotted path of the field (empty for the whole value), the mistake, and a hint or ""."""

    field: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


def find_mismatches(value: Any, kind: Any, path: str = "") -> Iterator[Mismatch]:
    """Yield everything in a value that `msgspec.convert(value, kind)` refuses. `path` is that of the value itself."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        inner = list(_within(value, kind, path))
        yield from inner or [_parse_error(str(error), path, kind)]


def explain_mismatch(error: msgspec.ValidationError, value: Any, kind: Any) -> str:
    """Return the text of a msgspec error, with a hint if there is one."""
    text = str(error)
    hint = next((mismatch.hint for mismatch in find_mismatches(value, kind) if mismatch.message in text), "")
    return f"{text}: {hint}" if hint else text


def mismatch_field(error: msgspec.ValidationError) -> str:
    """Return the path of an unknown field, e.g. `steps.0.controlValues.url`; `general` for any other mismatch."""
    if not (unknown := _UNKNOWN_FIELD.fullmatch(str(error))):
        return "general"
    return _join(re.sub(r"\[(\d+)\]", r".\1", unknown[2] or ""), unknown[1])


def suggest(name: str, candidates: Iterable[str]) -> str:
    """Return `did you mean …?` if a candidate resembles the name, else ""."""
    folded = {_fold(candidate): candidate for candidate in candidates}
    close = difflib.get_close_matches(_fold(name), folded, n=1, cutoff=0.75)
    return f"did you mean `{folded[close[0]]}`?" if close else ""


def _within(value: Any, kind: Any, path: str) -> Iterator[Mismatch]:
    """Yield the mismatches of a value's parts, none if the value itself has the wrong type."""
    kind = _member(value, _bare(kind))
    if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from _of_fields(value, kind, path)
    elif isinstance(value, list) and get_origin(kind) is list:
        for index, item in enumerate(value):
            yield from find_mismatches(item, get_args(kind)[0], _join(path, index))
    elif isinstance(value, dict) and get_origin(kind) is dict:
        for name, item in value.items():
            yield from find_mismatches(item, get_args(kind)[1], _join(path, name))


def _of_fields(value: dict[str, Any], kind: type[msgspec.Struct], path: str) -> Iterator[Mismatch]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    config = kind.__struct_config__
    unknown = [name for name in value if name not in fields and name != config.tag_field]
    for name, field in fields.items():
        if name in value:
            yield from find_mismatches(value[name], field.type, _join(path, name))
        elif field.required:
            yield Mismatch(_join(path, name), f"missing required field `{name}`", _similar_name_hint(name, unknown))
    if config.forbid_unknown_fields:
        for name in unknown:
            hint = suggest(name, fields.keys() - value.keys())
            yield Mismatch(_join(path, name), f"unknown field `{name}`", hint)


def _similar_name_hint(missing: str, unknown: Iterable[str]) -> str:
    """Return a hint if one of the unknown names was probably meant to be this required field, else ""."""
    for name in unknown:
        if name in SYNONYMS.get(missing, ()) or suggest(name, [missing]):
            return f"`{name}` is not a field here, did you mean `{missing}`?"
    return ""


def _bare(kind: Any) -> Any:
    return _bare(get_args(kind)[0]) if get_origin(kind) is Annotated else kind


def _member(value: Any, kind: Any) -> Any:
    """Return the member of a union that the tag or the JSON type of the value selects; any other type as it is."""
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


def _parse_error(text: str, path: str, kind: Any) -> Mismatch:
    """Return a mismatch from the text of a msgspec error, whose path (`$.steps[0].type`) becomes part of the field."""
    location = _AT.search(text)
    inner = re.sub(r"\[(\d+|\.\.\.)\]", r".\1", location["path"]).strip(".") if location else ""
    field = _join(path, inner) if inner else path
    message = text[: location.start()] if location else text
    if _STEP_TYPE.fullmatch(field) and get_origin(_bare(kind)) in (Union, UnionType):
        return Mismatch(field, message, _step_types(kind))
    words = _words(kind) if message.startswith("Invalid enum value") else []
    return Mismatch(field, message, f"it must be one of {', '.join(words)}" if words else "")


def _words(kind: Any) -> list[str]:
    """Return the strings that a type allows, none if it allows other values too."""
    kind = _bare(kind)
    if get_origin(kind) in (Union, UnionType):
        return [word for member in get_args(kind) for word in _words(member)]
    return [word for word in get_args(kind) if isinstance(word, str)] if get_origin(kind) is Literal else []


def _step_types(steps: Any) -> str:
    *others, last = (member.__struct_config__.tag for member in get_args(_bare(steps)))
    return (
        f"a step is of type {', '.join(others)} or {last}; other channels are not served here, dropUnsupportedSteps "
        "leaves their steps out"
    )


def _join(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)


def _fold(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
