"""JSON Schema (draft 7), bounded: what a schema makes of a value costs work, and ends when that is spent.

A unit is a part of a schema, or a keyword of it, applied to one value. Patterns have what processor time is left,
references are never fetched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import orjson
import regex
from jsonschema import Draft7Validator, ValidationError, validators
from referencing import Registry

from inbox.work import TooMuchWork, Work, weight

MAX_CHECKS = 25_000
MAX_CPU_SECONDS = 0.06
CACHED_PATTERNS = 1_024
UNITS_PER_PATTERN = 60
UNITS_PER_PATTERN_CHARACTER = 4
ENTRIES_PER_UNIT = 32
"""So many names of a list or object are looked up in the time of one keyword."""
CHARACTERS_PER_UNIT = 50
"""So many characters of a message are written in that time."""


class TimedWork(Work):
    """Units of work, and seconds of this thread's processor time for the patterns."""

    __slots__ = ("_cpu_seconds", "_ends")

    def __init__(self, units: int, cpu_seconds: float) -> None:
        super().__init__(units)
        self._cpu_seconds = cpu_seconds
        self._ends = 0.0

    def seconds_left(self) -> float:
        """Return the processor time that is left, counted from the first call; 0 at least."""
        now = time.thread_time()
        if not self._ends:
            self._ends = now + self._cpu_seconds
        return max(self._ends - now, 0.0)


_work: ContextVar[TimedWork] = ContextVar("work of a validation")

Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


def validator(schema: Any) -> Any:
    """The schema made ready, for `errors`. Raises RecursionError for one that is nested too deep."""
    # a registry of its own: without one the library fetches what a schema refers to
    return _Validator(_prepared(schema), registry=Registry())


def granted() -> TimedWork:
    """What may be done for one schema that is judged, or one value that is checked."""
    return TimedWork(MAX_CHECKS, MAX_CPU_SECONDS)


def errors(validator: Any, instance: Any, most: int, work: TimedWork) -> list[ValidationError]:
    """The first errors of a value.

    Raises TooMuchWork, RecursionError for a schema that refers to itself without end, referencing's Unresolvable.
    """
    token = _work.set(work)
    try:
        found: list[ValidationError] = []
        for error in validator.iter_errors(instance):
            found.append(error)
            if len(found) == most:
                break
        return found
    finally:
        _work.reset(token)


def check_size(schema: Any, work: Work) -> None:
    """Raises TooMuchWork for a schema that takes long to make ready."""
    work.spend(weight(schema) // 4)


def check_pattern(pattern: str, work: Work) -> None:
    """Raises regex.error for what does not compile, TooMuchWork."""
    work.spend(UNITS_PER_PATTERN + UNITS_PER_PATTERN_CHARACTER * len(pattern))
    _compile(pattern)


@lru_cache(maxsize=CACHED_PATTERNS)
def _compile(pattern: str) -> Any:
    return regex.compile(pattern)


class _Values(list[Any]):
    """The values of an `enum`, its scalars ready to be looked up."""

    def __init__(self, values: list[Any]) -> None:
        super().__init__(values)
        self._scalars = {_scalar(value) for value in values if not isinstance(value, list | dict)}
        self._others = [value for value in values if isinstance(value, list | dict)]

    def has(self, value: Any) -> bool:
        if not isinstance(value, list | dict):
            return _scalar(value) in self._scalars
        return any(_equal(one, value) for one in self._others)


def _equal(one: Any, other: Any) -> bool:
    _work.get().spend(1)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[name]) for name, value in one.items())
    return _scalar(one) == _scalar(other)


def _scalar(value: Any) -> tuple[bool, Any]:
    """True is not 1, though Python has them equal; 1.0 is."""
    return isinstance(value, bool), value


def _prepared(schema: Any) -> Any:
    """A copy with its enums ready. What is called so but is none stays the list that it is."""
    if isinstance(schema, list):
        return [_prepared(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _Values(part) if name == "enum" and isinstance(part, list) else _prepared(part)
        for name, part in schema.items()
    }


def _matches(pattern: str, text: str) -> bool:
    work = _work.get()
    work.spend(1)
    try:
        return _compile(pattern).search(text, timeout=work.seconds_left()) is not None
    except TimeoutError:
        raise TooMuchWork from None


def _enum(_: Any, values: Any, instance: Any, __: Any) -> Iterator[ValidationError]:
    if not values.has(instance):
        yield ValidationError(f"{instance!r} is not one of {list(values)!r}")


def _const(_: Any, value: Any, instance: Any, __: Any) -> Iterator[ValidationError]:
    if not _equal(instance, value):
        yield ValidationError(f"{value!r} was expected")


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, by_pattern: Mapping[str, Any], instance: Any, _: Any
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, part in by_pattern.items():
        for name, value in instance.items():
            if _matches(pattern, name):
                yield from validator.descend(value, part, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, rest: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """As the library, with our way of matching patterns."""
    if not isinstance(instance, dict):
        return
    properties, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    extra = [
        name
        for name in instance
        if name not in properties and not any(_matches(pattern, name) for pattern in patterns)
    ]
    if rest is False and extra:
        yield ValidationError(f"additional properties are not allowed: {', '.join(sorted(extra))}")
    elif isinstance(rest, dict):
        for name in extra:
            yield from validator.descend(instance[name], rest, path=name)


def _unique_items(_: Any, unique: bool, instance: Any, __: Any) -> Iterator[ValidationError]:
    """By the items' JSON: the library compares every item with every other."""
    if unique and isinstance(instance, list):
        _work.get().spend(weight(instance) // 4)
        texts = {orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in instance}
        if len(texts) < len(instance):
            yield ValidationError("the items are not unique")


def _charged(keyword: Keyword) -> Keyword:
    """A keyword that costs a unit, more where it goes over many names, and what it takes to say what is wrong."""

    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        work = _work.get()
        work.spend(1 + _entries(value) + _entries(instance))
        for error in keyword(validator, value, instance, schema) or ():
            work.spend(1 + len(error.message) // CHARACTERS_PER_UNIT)
            yield error

    return check


def _entries(value: Any) -> int:
    """For names that are gone through; an enum is looked up."""
    if isinstance(value, _Values):
        return 0
    return len(value) // ENTRIES_PER_UNIT if isinstance(value, list | dict) else 0


def _evolve(self: Any, **changes: Any) -> Any:
    """The validator for a part of its schema.

    The library's takes another class for a part with a `$schema`, whose keywords are not bounded.
    """
    _work.get().spend(1)
    given = {"resolver": self._ref_resolver, "format_checker": None, "registry": self._registry}
    return type(self)(**{**given, "schema": self.schema, "_resolver": self._resolver, **changes})


_OURS: dict[str, Keyword] = {
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}
_Validator: Any = validators.extend(
    Draft7Validator, {name: _charged(keyword) for name, keyword in {**Draft7Validator.VALIDATORS, **_OURS}.items()}
)
_Validator.evolve = _evolve

META_SCHEMA: Any = Draft7Validator.META_SCHEMA
