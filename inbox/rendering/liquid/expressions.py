"""Compiles parsed expressions to functions of the context, and collects the paths that they read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import takewhile
from typing import Any

from inbox.rendering import javascript as js
from inbox.rendering.budget import UNITS_PER_FILTER
from inbox.rendering.javascript import UNDEFINED
from inbox.rendering.liquid.compare import BINARY, PRECEDENCE
from inbox.rendering.liquid.context import LiquidError, RenderContext, check_count, check_length
from inbox.rendering.liquid.lexer import LiquidSyntaxError
from inbox.rendering.liquid.registry import FILTERS
from inbox.rendering.liquid.scanner import Constant, Filter, FilteredValue, Operand, PropertyPath, Range, Scanner
from inbox.rendering.liquid.values import is_false, property_name, to_value

Expression = Callable[[RenderContext], Any]
ReadPaths = set[tuple[str, ...]]
"""The paths that a template reads, e.g. `("payload", "order")`; an empty one if a root is computed."""

CACHED_EXPRESSIONS = 1_024
MAX_EXPRESSION_LENGTH = 1_000
"""Limits an expression in a filter's argument, which may come from a value."""
UNITS_PER_OPERATION = 15
UNITS_PER_PARSED_CHARACTER = 20
"""Paid also for a cached expression: the same template with the same values always costs the same."""


def compile_filtered(syntax: FilteredValue, paths: ReadPaths, scanner: Scanner) -> Expression:
    """Return the function that evaluates an expression and passes its value through the filters.

    Raise LiquidSyntaxError for an unknown filter or unusable arguments.
    """
    initial = _compile_terms(syntax.terms, paths)
    filters = [_compile_filter(item, paths, scanner) for item in syntax.filters]
    if not filters:
        return initial

    def evaluate(context: RenderContext) -> Any:
        value = initial(context)
        for apply in filters:
            value = apply(context, value)
        return value

    return evaluate


def _compile_terms(terms: list[Operand | str], paths: ReadPaths) -> Expression:
    operands: list[Expression] = []
    for term in _postfix(terms):
        if not isinstance(term, str):
            operands.append(compile_value(term, paths))
            continue
        right = operands.pop() if operands else _undefined
        if term == "not":
            operands.append(_negation(right))
        else:
            operands.append(_operation(term, operands.pop() if operands else _undefined, right))
    return operands[0]


def _postfix(terms: list[Operand | str]) -> Iterator[Operand | str]:
    """Yield operands before their operators; operators of equal precedence associate to the right."""
    stack: list[str] = []
    for term in terms:
        if not isinstance(term, str):
            yield term
            continue
        while stack and PRECEDENCE[stack[-1]] > PRECEDENCE[term]:
            yield stack.pop()
        stack.append(term)
    yield from reversed(stack)


def _undefined(_: RenderContext) -> Any:
    return UNDEFINED


def _negation(operand: Expression) -> Expression:
    return lambda context: is_false(operand(context))


def _operation(name: str, left: Expression, right: Expression) -> Expression:
    operate = BINARY[name]

    def evaluate(context: RenderContext) -> bool:
        context.spend(UNITS_PER_OPERATION)
        return operate(context, left(context), right(context))

    return evaluate


def compile_value(syntax: Operand | None, paths: ReadPaths) -> Expression:
    """Return the function that evaluates a value; it returns UNDEFINED for None."""
    if syntax is None:
        return _undefined
    if isinstance(syntax, Constant):
        value = syntax.value
        return lambda _: value
    return _compile_range(syntax, paths) if isinstance(syntax, Range) else _compile_path(syntax, paths)


def _compile_range(syntax: Range, paths: ReadPaths) -> Expression:
    first, last = compile_value(syntax.first, paths), compile_value(syntax.last, paths)

    def evaluate(context: RenderContext) -> Any:
        start, stop = context.number(first(context)), context.number(last(context))
        length = stop - start + 1
        if not length > 0:  # also for NaN
            return []
        count = math.ceil(min(length, js.MAX_SAFE_INTEGER))
        check_count(count)
        context.spend(count)
        return [start + step for step in range(count)]

    return evaluate


def _compile_path(syntax: PropertyPath, paths: ReadPaths) -> Expression:
    paths.add(_static_path(syntax))
    parts = [_compile_part(part, paths) for part in syntax.parts]
    if syntax.base is not None:
        return _properties(compile_value(syntax.base, paths), parts)
    root = parts[0]
    if callable(root):
        return _properties(_computed_variable(root), parts[1:])
    root = property_name(root)
    if len(parts) == 1:
        return lambda context: context.find(root)
    if len(parts) == 2 and not callable(parts[1]):
        name = parts[1]
        return lambda context: context.property(context.find(root), name)
    return _properties(lambda context: context.find(root), parts[1:])


def _computed_variable(name: Expression) -> Expression:
    def evaluate(context: RenderContext) -> Any:
        value = name(context)
        context.weigh(value)
        return context.find(property_name(value))

    return evaluate


def _properties(base: Expression, parts: list[Any]) -> Expression:
    def evaluate(context: RenderContext) -> Any:
        value = base(context)
        for part in parts:
            if callable(part):
                part = part(context)
                context.weigh(part)
            value = context.property(value, part)
        return value

    return evaluate


def _compile_part(part: str | Constant | PropertyPath | Range, paths: ReadPaths) -> Any:
    """Return a property's name or number, or the function that computes it."""
    if isinstance(part, Constant):
        return to_value(part.value)
    return part if isinstance(part, str) else compile_value(part, paths)


def _static_path(syntax: PropertyPath) -> tuple[str, ...]:
    """Return the names of a path up to its first computed part; empty if its root is computed."""
    parts = syntax.parts if syntax.base is None else []
    static = takewhile(lambda part: isinstance(part, Constant | str), parts)
    return tuple(js.to_text(to_value(part.value)) if isinstance(part, Constant) else str(part) for part in static)


def _compile_filter(syntax: Filter, paths: ReadPaths, scanner: Scanner) -> Callable[[RenderContext, Any], Any]:
    kind = FILTERS.get(syntax.name)
    if kind is None:
        raise scanner.error(f"unknown filter '{syntax.name}'", syntax.position)
    _check_arguments(syntax, paths, scanner)
    arguments = [_compile_argument(argument, paths) for argument in syntax.arguments[: len(kind.defaults)]]

    def apply(context: RenderContext, value: Any) -> Any:
        context.spend(UNITS_PER_FILTER)
        context.charge(value)
        values = [argument(context) for argument in arguments]
        for argument_value in values:
            context.charge(argument_value)
        result = kind.call(context, value, values)
        if isinstance(result, str):
            check_length(len(result))
        elif isinstance(result, list):
            check_count(len(result))
        return result

    return apply


def _check_arguments(syntax: Filter, paths: ReadPaths, scanner: Scanner) -> None:
    """Raise LiquidSyntaxError for a wrong number of arguments, or an expression that does not parse."""
    kind, count = FILTERS[syntax.name], len(syntax.arguments)
    if count < kind.min_arguments or (kind.is_exact and count > kind.min_arguments):
        noun = "argument" if kind.min_arguments == 1 else "arguments"
        raise scanner.error(f"filter '{syntax.name}' takes {kind.min_arguments} {noun}, not {count}", syntax.position)
    if kind.expression_at is None:
        return
    argument = syntax.arguments[kind.expression_at] if count > kind.expression_at else None
    if isinstance(argument, Constant) and isinstance(argument.value, str):
        try:
            paths |= expression_of(argument.value)[1]
        except LiquidSyntaxError as error:
            raise scanner.error(f"the expression of filter '{syntax.name}': {error}", syntax.position) from None
    else:
        paths.add(())


def _compile_argument(syntax: Operand | tuple[str, Operand | None], paths: ReadPaths) -> Expression:
    if not isinstance(syntax, tuple):
        return compile_value(syntax, paths)
    name, value = syntax[0], compile_value(syntax[1], paths)
    return lambda context: [name, value(context)]


@lru_cache(maxsize=CACHED_EXPRESSIONS)
def expression_of(text: str) -> tuple[Expression, frozenset[tuple[str, ...]]]:
    """Return the expression that a text contains, and the paths that it reads. Raise LiquidSyntaxError."""
    paths: ReadPaths = set()
    scanner = Scanner(text, 0, len(text))
    return compile_filtered(scanner.filtered_value(), paths, scanner), frozenset(paths)


@lru_cache(maxsize=CACHED_EXPRESSIONS)
def path_of(text: str) -> Expression:
    """Return the path of a property that a text contains, e.g. `a.b[0]`. Raise LiquidSyntaxError."""
    return compile_value(Scanner(text, 0, len(text)).path(), set())


def _parsed(context: RenderContext, text: str, parse: Callable[[], Expression]) -> Expression:
    """Parse a text that may come from a value. Raise LiquidError if it is too long or no expression."""
    if len(text) > MAX_EXPRESSION_LENGTH:
        raise LiquidError(f"an expression is longer than {MAX_EXPRESSION_LENGTH} characters")
    context.spend(UNITS_PER_FILTER + UNITS_PER_PARSED_CHARACTER * len(text))
    try:
        return parse()
    except LiquidSyntaxError as error:
        raise LiquidError(str(error)) from None


def expression_reader(context: RenderContext, variable: str, text: str) -> Callable[[Any], Any]:
    """Return the function that evaluates an expression with an item as a variable. Raise LiquidError as `_parsed`."""
    evaluate = _parsed(context, text, lambda: expression_of(text)[0])
    units = len(text)

    def read(item: Any) -> Any:
        context.spend(units)
        context.scopes.append({variable: item})
        value = evaluate(context)
        context.scopes.pop()
        return value

    return read


def property_reader(context: RenderContext, text: str) -> Callable[[Any], Any]:
    """Return the function that reads a property of an item by a path. Raise LiquidError as `_parsed`."""
    path = _parsed(context, text, lambda: path_of(text))
    units = len(text)
    inner = RenderContext(context.work, None)

    def read(item: Any) -> Any:
        context.spend(units)
        inner.environment = item
        return path(inner)

    return read
