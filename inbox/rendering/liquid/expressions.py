"""What was read from a tag, made into functions of the context; and the names that it reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from inbox.rendering import javascript as js
from inbox.rendering.budget import UNITS_PER_FILTER
from inbox.rendering.javascript import UNDEFINED
from inbox.rendering.liquid.compare import BINARY, PRECEDENCE
from inbox.rendering.liquid.context import Context, LiquidError, check_count, check_length
from inbox.rendering.liquid.lexer import LiquidSyntaxError
from inbox.rendering.liquid.registry import FILTERS
from inbox.rendering.liquid.scanner import Constant, Filter, FilteredValue, Path, Range, Scanner, Value, whole_scanner
from inbox.rendering.liquid.values import is_false, property_name, to_value

Expression = Callable[[Context], Any]

CACHED_EXPRESSIONS = 1_024
MAX_EXPRESSION_LENGTH = 1_000
"""Of one that a filter is given as a text, which may be a value's."""
UNITS_PER_OPERATION = 15
UNITS_PER_PARSED_CHARACTER = 20
"""Paid each time, also when the expression is remembered: the same template with the same values costs the same."""


@dataclass(slots=True)
class Names:
    """The paths that a template reads, e.g. `("payload", "order")`; an empty one stands for a computed root."""

    paths: set[tuple[str, ...]] = field(default_factory=set)


def compile_filtered(read: FilteredValue, names: Names, scanner: Scanner) -> Expression:
    """Return the function that evaluates an expression and passes its value through the filters.

    Raise LiquidSyntaxError for an unknown filter, or one with arguments that it cannot take.
    """
    initial = _compile_terms(read.terms, names)
    filters = [_compile_filter(one, names, scanner) for one in read.filters]
    if not filters:
        return initial
    if len(filters) == 1:
        [only] = filters
        return lambda context: only(context, initial(context))

    def evaluate(context: Context) -> Any:
        value = initial(context)
        for apply in filters:
            value = apply(context, value)
        return value

    return evaluate


def _compile_terms(terms: list[Value | str], names: Names) -> Expression:
    operands: list[Expression] = []
    for term in _postfix(terms):
        if not isinstance(term, str):
            operands.append(compile_value(term, names))
            continue
        right = operands.pop() if operands else _undefined
        if term == "not":
            operands.append(_negation(right))
        else:
            operands.append(_operation(term, operands.pop() if operands else _undefined, right))
    return operands[0]


def _postfix(terms: list[Value | str]) -> Iterator[Value | str]:
    """Yield operands before their operators; operators of one precedence hold together from the right."""
    waiting: list[str] = []
    for term in terms:
        if not isinstance(term, str):
            yield term
            continue
        while waiting and PRECEDENCE[waiting[-1]] > PRECEDENCE[term]:
            yield waiting.pop()
        waiting.append(term)
    yield from reversed(waiting)


def _undefined(_: Context) -> Any:
    return UNDEFINED


def _negation(operand: Expression) -> Expression:
    return lambda context: is_false(operand(context))


def _operation(name: str, left: Expression, right: Expression) -> Expression:
    operate = BINARY[name]

    def evaluate(context: Context) -> bool:
        context.spend(UNITS_PER_OPERATION)
        return operate(context, left(context), right(context))

    return evaluate


def compile_value(read: Value | None, names: Names) -> Expression:
    """Return the function that evaluates one value; of none, one that gives UNDEFINED."""
    if read is None:
        return _undefined
    if isinstance(read, Constant):
        value = read.value
        return lambda _: value
    return _compile_range(read, names) if isinstance(read, Range) else _compile_path(read, names)


def _compile_range(read: Range, names: Names) -> Expression:
    first, last = compile_value(read.first, names), compile_value(read.last, names)

    def evaluate(context: Context) -> Any:
        start, stop = context.number(first(context)), context.number(last(context))
        length = stop - start + 1
        if not length > 0:  # NaN as well
            return []
        count = math.ceil(min(length, js.MAX_SAFE_INTEGER))
        check_count(count)
        context.spend(count)
        return [start + step for step in range(count)]

    return evaluate


def _compile_path(read: Path, names: Names) -> Expression:
    names.paths.add(_static_path(read))
    parts = [_compile_part(part, names) for part in read.parts]
    if read.base is not None:
        return _properties(compile_value(read.base, names), parts)
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
    """Return the function that finds the variable whose name is the text of a value."""

    def evaluate(context: Context) -> Any:
        value = name(context)
        context.weigh(value)
        return context.find(property_name(value))

    return evaluate


def _properties(base: Expression, parts: list[Any]) -> Expression:
    def evaluate(context: Context) -> Any:
        value = base(context)
        for part in parts:
            if callable(part):
                key = part(context)
                context.weigh(key)
                value = context.property(value, key)
            else:
                value = context.property(value, part)
        return value

    return evaluate


def _compile_part(part: str | Constant | Path | Range, names: Names) -> Any:
    """Return a property's name or number; a function that gives it when it is computed."""
    if isinstance(part, Constant):
        return to_value(part.value)
    return part if isinstance(part, str) else compile_value(part, names)


def _static_path(read: Path) -> tuple[str, ...]:
    """Return the names at the start of a path, as far as they are written out; empty when its root is not."""
    if read.base is not None:
        return ()
    static: list[str] = []
    for part in read.parts:
        if isinstance(part, Constant):
            static.append(js.to_text(to_value(part.value)))
        elif isinstance(part, str):
            static.append(part)
        else:
            break
    return tuple(static)


def _compile_filter(read: Filter, names: Names, scanner: Scanner) -> Callable[[Context, Any], Any]:
    kind = FILTERS.get(read.name)
    if kind is None:
        raise scanner.error(f"unknown filter '{read.name}'", read.position)
    _check_arguments(read, names, scanner)
    arguments = [_compile_argument(one, names) for one in read.arguments[: kind.most]]

    def apply(context: Context, value: Any) -> Any:
        context.spend(UNITS_PER_FILTER)
        context.charge(value)
        given = [argument(context) for argument in arguments]
        for one in given:
            context.charge(one)
        result = kind.call(context, value, given)
        if isinstance(result, str):
            check_length(len(result))
        elif isinstance(result, list):
            check_count(len(result))
        return result

    return apply


def _check_arguments(read: Filter, names: Names, scanner: Scanner) -> None:
    """Raise LiquidSyntaxError for a number of arguments that always fails, or an expression that does not parse."""
    kind, count = FILTERS[read.name], len(read.arguments)
    if count < kind.fewest or (kind.is_exact and count > kind.fewest):
        few = "argument" if kind.fewest == 1 else "arguments"
        raise scanner.error(f"filter '{read.name}' takes {kind.fewest} {few}, not {count}", read.position)
    if kind.expression_at is None:
        return
    argument = read.arguments[kind.expression_at] if count > kind.expression_at else None
    if isinstance(argument, Constant) and isinstance(argument.value, str):
        try:
            names.paths |= expression_of(argument.value)[1]
        except LiquidSyntaxError as error:
            raise scanner.error(f"the expression of filter '{read.name}': {error}", read.position) from None
    else:
        names.paths.add(())


def _compile_argument(read: Value | tuple[str, Value | None], names: Names) -> Expression:
    if not isinstance(read, tuple):
        return compile_value(read, names)
    name, value = read[0], compile_value(read[1], names)
    return lambda context: [name, value(context)]


@lru_cache(maxsize=CACHED_EXPRESSIONS)
def expression_of(text: str) -> tuple[Expression, frozenset[tuple[str, ...]]]:
    """Return an expression that stands in a text, and the paths that it reads. Raise LiquidSyntaxError."""
    names, scanner = Names(), whole_scanner(text)
    return compile_filtered(scanner.filtered_value(), names, scanner), frozenset(names.paths)


@lru_cache(maxsize=CACHED_EXPRESSIONS)
def path_of(text: str) -> Expression:
    """Return the path of a property that stands in a text, e.g. `a.b[0]`. Raise LiquidSyntaxError."""
    read = whole_scanner(text).path()
    return compile_value(read, Names())


def _parsed(context: Context, text: str, parse: Callable[[], Expression]) -> Expression:
    """Return what a text that may be a value's is parsed to. Raise LiquidError if it is too long or no expression."""
    if len(text) > MAX_EXPRESSION_LENGTH:
        raise LiquidError(f"an expression is longer than {MAX_EXPRESSION_LENGTH} characters")
    context.spend(UNITS_PER_FILTER + UNITS_PER_PARSED_CHARACTER * len(text))
    try:
        return parse()
    except LiquidSyntaxError as error:
        raise LiquidError(str(error)) from None


def expression_reader(context: Context, variable: str, text: str) -> Callable[[Any], Any]:
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


def property_reader(context: Context, text: str) -> Callable[[Any], Any]:
    """Return the function that reads a property of an item by a path. Raise LiquidError as `_parsed`."""
    path = _parsed(context, text, lambda: path_of(text))
    units = len(text)
    inner = Context(context.work, None)

    def read(item: Any) -> Any:
        context.spend(units)
        inner.environment = item
        return path(inner)

    return read
