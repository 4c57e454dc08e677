"""Answers as JSON: fields that are left out, and values that are encoded once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NotRequired, ParamSpec, TypeVar, cast, get_origin, get_type_hints

import orjson

P = ParamSpec("P")
ValueT = TypeVar("ValueT")
AnswerT = TypeVar("AnswerT", bound=Mapping[str, object])


def without_nulls(view: Callable[P, AnswerT]) -> Callable[P, AnswerT]:
    """Make a view leave out optional fields that are None: SDKs expect them to be absent and refuse null."""

    optional: list[str] = []
    is_known = False

    @wraps(view)
    def build(*args: P.args, **kwargs: P.kwargs) -> AnswerT:
        nonlocal is_known
        if not is_known:  # the types may be defined after the view
            hints = get_type_hints(get_type_hints(view)["return"], include_extras=True)
            optional.extend(name for name, hint in hints.items() if get_origin(hint) is NotRequired)
            is_known = True
        answer = view(*args, **kwargs)
        fields = cast("dict[str, object]", answer)
        for name in optional:
            if name in fields and fields[name] is None:
                del fields[name]
        return answer

    return build


def encoded(value: ValueT) -> ValueT:
    """Return a value as encoded JSON, which `orjson.dumps` copies as it is; for a value that is used many times."""
    return cast(ValueT, fragment(encode_to_keep(value)))


def encode_to_keep(value: object) -> bytes:
    """Return a value as JSON in a buffer of its size. That of `orjson.dumps` has 4 KiB, however short the text is."""
    return bytes(memoryview(orjson.dumps(value)))


def fragment(encoded: bytes) -> Any:
    """Return encoded JSON as a value of an answer; its type is that of what was encoded."""
    return orjson.Fragment(encoded)


def joined(view: Mapping[str, object], content: bytes) -> bytes:
    """Return the JSON of the fields of a view and of an encoded object, which has others; neither is empty."""
    return b"%b,%b" % (orjson.dumps(view)[:-1], content[1:])
