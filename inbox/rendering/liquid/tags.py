"""The tags for assignments, output, choices and comments; loops are in loops.py."""

from __future__ import annotations

import re
from collections.abc import Callable

from inbox.rendering import javascript as js
from inbox.rendering.liquid.compare import equals
from inbox.rendering.liquid.context import RenderContext
from inbox.rendering.liquid.expressions import Expression, compile_value
from inbox.rendering.liquid.lexer import Token, name_tag, skip_blanks, strip_token
from inbox.rendering.liquid.nodes import Block, Render, output_node
from inbox.rendering.liquid.parser import TAGS, Parser, TagParser
from inbox.rendering.liquid.scanner import FilteredValue
from inbox.rendering.liquid.values import is_false, to_output, to_text, to_value

_UNMARKED_LINE = re.compile(r"\n\s*[^#\s]")


def tag(name: str) -> Callable[[TagParser], TagParser]:
    def add(parser: TagParser) -> TagParser:
        TAGS[name] = parser
        return parser

    return add


@tag("assign")
def _assign(parser: Parser, token: Token) -> Render:
    scanner = parser.scanner(token)
    name = scanner.name()
    scanner.skip_blanks()
    if not name or scanner.peek() != "=":
        raise parser.error("it is written {% assign name = value %}", token)
    scanner.position += 1
    expression, _ = parser.filtered(scanner)

    def render(context: RenderContext, _: list[str]) -> None:
        context.scopes[0][name] = expression(context)

    return render


@tag("capture")
def _capture(parser: Parser, token: Token) -> Render:
    scanner = parser.scanner(token)
    name = scanner.name() or scanner.quoted()
    if not name:
        raise parser.error("it is written {% capture name %}", token)
    block, _ = parser.parse_until(token, "endcapture")

    def render(context: RenderContext, _: list[str]) -> None:
        context.scopes[0][name] = block.text(context)

    return render


def _counter(step: int) -> TagParser:
    """Return the parser of `increment` or `decrement`, whose counters are not the variables of `assign`."""

    def parse(parser: Parser, token: Token) -> Render:
        name = parser.scanner(token).name()

        def render(context: RenderContext, out: list[str]) -> None:
            environment = dict(context.environment)
            value = environment.get(name)
            count: js.Number = value if js.is_number(value) else 0
            environment[name] = count + step
            context.environment = environment
            out.append(js.to_text(count if step > 0 else count + step))

        return render

    return parse


TAGS["increment"] = _counter(1)
TAGS["decrement"] = _counter(-1)


@tag("echo")
def _echo(parser: Parser, token: Token) -> Render | None:
    scanner = parser.scanner(token)
    return None if scanner.at_end() else _plain_output(*parser.filtered(scanner))


def _plain_output(expression: Expression, syntax: FilteredValue) -> Render:
    return output_node(lambda context: to_value(expression(context)), to_text if syntax.is_raw else to_output)


@tag("cycle")
def _cycle(parser: Parser, token: Token) -> Render:
    scanner = parser.scanner(token)
    begin = scanner.position
    group = scanner.value()
    scanner.skip_blanks()
    if group is not None and scanner.peek() == ":":
        scanner.position += 1
    else:
        group, scanner.position = None, begin
    key = compile_value(group, parser.paths)
    outputs: list[Render] = []
    texts: list[str] = []
    while not scanner.at_end():
        expression, syntax = parser.filtered(scanner)
        outputs.append(_plain_output(expression, syntax))
        texts.append(syntax.text)
        scanner.skip_past(",")
    if not outputs:
        raise parser.error("it is written {% cycle value, value %}", token)
    source = ",".join(texts)

    def render(context: RenderContext, out: list[str]) -> None:
        group_name = key(context)
        context.weigh(group_name)
        register = f"cycle:{js.to_text(to_value(group_name))}:{source}"
        index = context.registers.get(register, 0)
        context.registers[register] = (index + 1) % len(outputs)
        outputs[index](context, out)

    return render


def _condition(parser: Parser, token: Token) -> Callable[[RenderContext], bool]:
    expression, _ = parser.filtered(parser.scanner(token))
    if token.name == "unless":
        return lambda context: is_false(expression(context))
    return lambda context: not is_false(expression(context))


@tag("unless")
@tag("if")
def _if(parser: Parser, token: Token) -> Render:
    """Parse `if` or `unless`. Only `if` is strict; `unless` drops what follows its first `else` block."""
    is_strict, end_name = token.name == "if", f"end{token.name}"
    conditions = [_condition(parser, token)]
    blocks: list[Block] = []
    otherwise: list[Block] = []
    has_else = False
    while True:
        block, end = parser.parse_until(token, "elsif", "else", end_name)
        (otherwise if has_else else blocks).append(block)
        if is_strict and has_else and end.name != end_name:
            raise parser.error(f"'{end.name}' stands after 'else'", end)
        if is_strict and end.name != "elsif":
            parser.check_bare(end)
        if end.name == end_name:
            return _choice(list(zip(conditions, blocks, strict=True)), otherwise[0] if otherwise else None)
        if end.name == "else":
            has_else = True
        elif not has_else:
            conditions.append(_condition(parser, end))


def _choice(branches: list[tuple[Callable[[RenderContext], bool], Block]], otherwise: Block | None) -> Render:
    def render(context: RenderContext, out: list[str]) -> None:
        for condition, block in branches:
            if condition(context):
                return block.render(context, out)
        return otherwise.render(context, out) if otherwise else None

    return render


@tag("case")
def _case(parser: Parser, token: Token) -> Render:
    """Parse `case`; every `when` with an equal value is rendered, once each."""
    target, _ = parser.filtered(parser.scanner(token))
    branches: list[tuple[list[Expression], Block]] = []
    otherwise: list[Block] = []
    elses = 0
    _, end = parser.parse_until(token, "when", "else", "endcase")
    while end.name != "endcase":
        values = _when(parser, end) if end.name == "when" and elses == 0 else None
        elses += end.name == "else"
        block, end = parser.parse_until(token, "when", "else", "endcase")
        if values is not None:
            branches.append((values, block))
        elif elses == 1:
            otherwise.append(block)

    def render(context: RenderContext, out: list[str]) -> None:
        value = to_value(target(context))
        has_matched = False
        for values, block in branches:
            if any(equals(context, value, candidate(context)) for candidate in values):
                has_matched = True
                block.render(context, out)
                if context.interrupt:
                    return
        if not has_matched:
            for block in otherwise:
                block.render(context, out)

    return render


def _when(parser: Parser, token: Token) -> list[Expression]:
    scanner = parser.scanner(token)
    values: list[Expression] = []
    while not scanner.at_end():
        values.append(compile_value(scanner.needed_value(), parser.paths))
        scanner.skip_blanks()
        scanner.skip_past("," if scanner.peek() == "," else "or")
    return values


@tag("raw")
def _raw(parser: Parser, token: Token) -> Render:
    text = "".join(parser.source[piece.begin : piece.end] for piece in parser.skip_until(token, "endraw"))
    return lambda _, out: out.append(text)


@tag("comment")
def _comment(parser: Parser, token: Token) -> None:
    parser.skip_until(token, "endcomment")


@tag("#")
def _inline_comment(parser: Parser, token: Token) -> None:
    if _UNMARKED_LINE.search(parser.rest(token)):
        raise parser.error("every line of a comment begins with '#'", token)


@tag("liquid")
def _liquid(parser: Parser, token: Token) -> Render:
    """Parse a tag whose lines are tags."""
    tokens: list[Token] = []
    position = skip_blanks(parser.source, token.inner, token.inner_end)
    while position < token.inner_end:
        newline = parser.source.find("\n", position, token.inner_end)
        end = token.inner_end if newline < 0 else newline + 1
        line = strip_token(parser.source, Token("tag", position, end, position, end))
        tokens.append(name_tag(parser.source, line, "a line has no tag"))
        position = skip_blanks(parser.source, end, token.inner_end)
    return Parser(parser.source, tokens, parser.paths, parser.depth).parse().render
