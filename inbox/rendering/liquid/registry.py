"""Every filter by its name, with the arguments that it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from inbox.rendering.javascript import UNDEFINED
from inbox.rendering.liquid.context import Context

Handler = Callable[..., Any]
"""Takes the context, the value and its arguments; a default stands for an argument that is missing or undefined."""
AnyHandler = TypeVar("AnyHandler", bound=Handler)


@dataclass(frozen=True, slots=True)
class FilterKind:
    """A filter: what it does, and the fewest arguments that it takes; more are passed over unless it `is_exact`.

    `expression_at` is the index of an argument that is an expression in a text.
    """

    handler: Handler
    fewest: int
    defaults: tuple[Any, ...]
    is_exact: bool = False
    expression_at: int | None = None

    @property
    def most(self) -> int:
        return len(self.defaults)

    def call(self, context: Context, value: Any, arguments: list[Any]) -> Any:
        """Return what the filter makes of a value; arguments too many are passed over."""
        given = [
            default if argument is UNDEFINED else argument
            for argument, default in zip(arguments, self.defaults, strict=False)
        ]
        return self.handler(context, value, *given)


MAX_ARGUMENTS = 100
MISSING = object()
"""The default of an argument for which it makes a difference whether it is missing or undefined."""

FILTERS: dict[str, FilterKind] = {}


def register(
    *names: str, exactly: int = 0, at_least: int = 0, expression_at: int | None = None
) -> Callable[[AnyHandler], AnyHandler]:
    """Register a filter by its function's name, or by these; `exactly` or `at_least` so many arguments are needed."""

    def add(handler: AnyHandler) -> AnyHandler:
        defaults = _defaults(list(inspect.signature(handler).parameters.values())[2:])
        for name in names or (handler.__name__,):
            FILTERS[name] = FilterKind(handler, exactly or at_least, defaults, exactly > 0, expression_at)
        return handler

    return add


def _defaults(parameters: list[inspect.Parameter]) -> tuple[Any, ...]:
    if parameters and parameters[-1].kind is inspect.Parameter.VAR_POSITIONAL:
        return (*_defaults(parameters[:-1]), *[UNDEFINED] * MAX_ARGUMENTS)
    none = (inspect.Parameter.empty, MISSING)
    return tuple(UNDEFINED if parameter.default in none else parameter.default for parameter in parameters)
