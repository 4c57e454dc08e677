"""The tags `for` and `tablerow`, `break` and `continue`."""

from __future__ import annotations

from typing import Any

from inbox.rendering import javascript as js
from inbox.rendering.budget import UNITS_PER_ITERATION
from inbox.rendering.javascript import UNDEFINED
from inbox.rendering.liquid.arrays import add, slice_list
from inbox.rendering.liquid.context import RenderContext
from inbox.rendering.liquid.expressions import Expression, compile_value
from inbox.rendering.liquid.lexer import Token
from inbox.rendering.liquid.nodes import Block, Render
from inbox.rendering.liquid.parser import TAGS, Parser, TagParser
from inbox.rendering.liquid.scanner import Constant
from inbox.rendering.liquid.tags import tag
from inbox.rendering.liquid.values import Drop, Loop, to_value


class _Heading:
    """The heading of a loop: `item in list limit: 2 reversed`."""

    def __init__(self, parser: Parser, token: Token) -> None:
        scanner = parser.scanner(token)
        self.variable = scanner.name()
        word = scanner.name()
        scanner.skip_blanks()
        begin = scanner.position
        collection = scanner.value()
        if word != "in" or collection is None or (token.name == "for" and not self.variable):
            raise parser.error(f"it is written {{% {token.name} item in list %}}", token)
        self.text = parser.source[begin : scanner.position]
        self.collection = compile_value(collection, parser.paths)
        self.options: dict[str, Expression] = {
            name: compile_value(value or Constant(True), parser.paths) for name, value in scanner.hashes().items()
        }

    def read_options(self, context: RenderContext) -> dict[str, Any]:
        """Return the values of the named arguments that are not undefined."""
        values = {name: option(context) for name, option in self.options.items()}
        context.weigh(list(values.values()))
        return {name: value for name, value in values.items() if value is not UNDEFINED}


@tag("for")
def _for(parser: Parser, token: Token) -> Render:
    heading = _Heading(parser, token)
    block, end = parser.parse_until(token, "else", "endfor")
    else_block: Block | None = None
    while end.name == "else":
        parser.check_bare(end)
        more, end = parser.parse_until(token, "else", "endfor")
        else_block = more if else_block is None else Block([*else_block.nodes, *more.nodes])
    parser.check_bare(end)
    register = f"continue-{heading.variable}-{heading.text}"

    def render(context: RenderContext, out: list[str]) -> None:
        items = context.items(heading.collection(context))
        if not items:
            return else_block.render(context, out) if else_block else None
        context.scopes.append({"continue": context.registers.get(register) or {}})
        options = heading.read_options(context)
        context.scopes.pop()
        if "offset" in options:
            items = slice_list(items, options["offset"])
        if "limit" in options:
            items = slice_list(items, 0, options["limit"])
        if "reversed" in options:
            items = items[::-1]
        offset = options.get("offset")
        context.registers[register] = add(offset if js.is_truthy(offset) else 0, len(items))
        _iterate(context, items, heading, block, out)

    return render


def _iterate(context: RenderContext, items: list[Any], heading: _Heading, block: Block, out: list[str]) -> None:
    loop = Loop(len(items), f"{heading.variable}-{heading.text}")
    scope: dict[str, Any] = {"forloop": loop}
    context.scopes.append(scope)
    for item in items:
        context.spend(UNITS_PER_ITERATION)
        scope[heading.variable] = item
        context.interrupt = ""
        block.render(context, out)
        if context.interrupt == "break":
            break
        loop.position += 1
    context.interrupt = ""
    context.scopes.pop()


@tag("tablerow")
def _tablerow(parser: Parser, token: Token) -> Render:
    heading = _Heading(parser, token)
    block, _ = parser.parse_until(token, "endtablerow")

    def render(context: RenderContext, out: list[str]) -> None:
        items = context.items(heading.collection(context))
        options = heading.read_options(context)
        offset = options.get("offset")
        offset = offset if js.is_truthy(offset) else 0
        items = slice_list(items, offset, add(offset, options.get("limit", len(items))))
        columns = options.get("cols")
        columns = js.to_number(to_value(columns)) if isinstance(columns, Drop) or js.is_truthy(columns) else len(items)
        loop = Loop(len(items), f"{heading.variable}-{heading.text}", columns)
        scope: dict[str, Any] = {"tablerowloop": loop}
        context.scopes.append(scope)
        for item in items:
            context.spend(2 * UNITS_PER_ITERATION)
            scope[heading.variable] = item
            _cell(context, loop, block, out)
            loop.position += 1
        if items:
            out.append("</tr>")
        context.scopes.pop()

    return render


def _cell(context: RenderContext, loop: Loop, block: Block, out: list[str]) -> None:
    row, column = js.to_text(loop.property("row")), loop.property("col0")
    if column == 0:
        if row != "1":
            out.append("</tr>")
        out.append(f'<tr class="row{row}">')
    out.append(f'<td class="col{js.to_text(column + 1)}">')
    block.render(context, out)
    out.append("</td>")


def _interruption(kind: str) -> TagParser:
    def render(context: RenderContext, _: list[str]) -> None:
        context.interrupt = kind

    return lambda _parser, _token: render


TAGS |= {kind: _interruption(kind) for kind in ("break", "continue")}
