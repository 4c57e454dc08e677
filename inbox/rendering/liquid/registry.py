"""The table of filters, each with the arguments that it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from inbox.rendering.javascript import UNDEFINED
from inbox.rendering.liquid.context import RenderContext

Handler = Callable[..., Any]
"""Takes the context, the value and the arguments; its defaults replace arguments that are missing or undefined."""
AnyHandler = TypeVar("AnyHandler", bound=Handler)


@dataclass(frozen=True, slots=True)
class FilterKind:
    """A filter and the number of its arguments; further ones are ignored unless it `is_exact`.

    `expression_at` is the index of an argument that is an expression in a text.
    """

    handler: Handler
    min_arguments: int
    defaults: tuple[Any, ...]
    is_exact: bool = False
    expression_at: int | None = None

    def call(self, context: RenderContext, value: Any, arguments: list[Any]) -> Any:
        pairs = zip(arguments, self.defaults, strict=False)
        return self.handler(context, value, *[default if item is UNDEFINED else item for item, default in pairs])


MAX_ARGUMENTS = 100
MISSING = object()
"""The default of an argument that may be missing but not undefined."""

FILTERS: dict[str, FilterKind] = {}


def register(
    *names: str, exactly: int = 0, at_least: int = 0, expression_at: int | None = None
) -> Callable[[AnyHandler], AnyHandler]:
    """Register a filter under the given names, else its function's; it requires `exactly` or `at_least` n arguments."""

    def add(handler: AnyHandler) -> AnyHandler:
        defaults = _defaults(list(inspect.signature(handler).parameters.values())[2:])
        for name in names or (handler.__name__,):
            FILTERS[name] = FilterKind(handler, exactly or at_least, defaults, exactly > 0, expression_at)
        return handler

    return add


def register_text(*names: str, convert: Callable[[str], str], scans: int = 0) -> None:
    """Register a filter that converts a value's text and pays for going `scans` times over its characters."""

    @register(*names)
    def apply(context: RenderContext, value: Any) -> str:
        text = context.text(value)
        for _ in range(scans):
            context.scan(text)
        return convert(text)


def _defaults(parameters: list[inspect.Parameter]) -> tuple[Any, ...]:
    if parameters and parameters[-1].kind is inspect.Parameter.VAR_POSITIONAL:
        return (*_defaults(parameters[:-1]), *[UNDEFINED] * MAX_ARGUMENTS)
    no_default = (inspect.Parameter.empty, MISSING)
    return tuple(UNDEFINED if parameter.default in no_default else parameter.default for parameter in parameters)
