"""Every filter by its name, with the arguments that it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from inbox.rendering.liquid.context import Context

Handler = Callable[..., Any]
"""Takes the context, the value and its arguments in order; those that are missing are UNDEFINED by default."""
AnyHandler = TypeVar("AnyHandler", bound=Handler)


@dataclass(frozen=True, slots=True)
class FilterKind:
    """A filter: what it does, the fewest and the most arguments that it takes.

    `expression_at` is the index of an argument that is an expression in a text.
    """

    handler: Handler
    fewest: int
    most: int
    expression_at: int | None = None

    def call(self, context: Context, value: Any, arguments: list[Any]) -> Any:
        """Return what the filter makes of a value; arguments too many are passed over."""
        return self.handler(context, value, *arguments[: self.most])


MAX_ARGUMENTS = 100

FILTERS: dict[str, FilterKind] = {}


def register(
    *names: str, exactly: int | None = None, expression_at: int | None = None
) -> Callable[[AnyHandler], AnyHandler]:
    """Register a filter by its function's name, or by these; with `exactly` it takes this number of arguments."""

    def add(handler: AnyHandler) -> AnyHandler:
        parameters = inspect.signature(handler).parameters.values()
        takes_any = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
        fewest, most = exactly or 0, MAX_ARGUMENTS if takes_any else len(parameters) - 2
        for name in names or (handler.__name__,):
            FILTERS[name] = FilterKind(handler, fewest, most, expression_at)
        return handler

    return add
