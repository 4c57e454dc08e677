"""Tokens into nodes: what every tag shares. The tags themselves register here."""

from __future__ import annotations

from collections.abc import Callable

from inbox.rendering.liquid.expressions import Expression, Names, compile_filtered
from inbox.rendering.liquid.lexer import LiquidSyntaxError, Token, tokenize
from inbox.rendering.liquid.nodes import Block, Node, PathOutput, Render, output_node
from inbox.rendering.liquid.scanner import FilteredValue, Scanner
from inbox.rendering.liquid.values import to_output, to_text

MAX_BLOCKS = 64
"""How deep blocks may stand within one another."""

TagParser = Callable[["Parser", Token], Render | None]
"""Reads a tag and all that belongs to it; None when nothing is rendered for it."""

TAGS: dict[str, TagParser] = {}
NOT_OFFERED = frozenset({"include", "render", "layout", "block"})


class Parser:
    """Goes through the tokens of a template once. `names` collects the paths that it reads."""

    def __init__(self, source: str, tokens: list[Token], names: Names, depth: int = 0) -> None:
        self.source = source
        self.tokens = tokens
        self.names = names
        self.position = 0
        self.depth = depth

    def error(self, problem: str, token: Token) -> LiquidSyntaxError:
        return LiquidSyntaxError(problem, self.source, token.begin)

    def scanner(self, token: Token) -> Scanner:
        """Return a scanner of what stands in a tag, behind its name."""
        return Scanner(self.source, token.inner, token.inner_end)

    def rest(self, token: Token) -> str:
        """Return what stands in a tag behind its name, as it is written."""
        return self.source[token.inner : token.inner_end]

    def check_bare(self, token: Token) -> None:
        """Raise LiquidSyntaxError for a tag that has more than its name."""
        if self.rest(token):
            raise self.error(f"'{token.name}' takes nothing: {self.rest(token)!r}", token)

    def filtered(self, scanner: Scanner) -> tuple[Expression, FilteredValue]:
        """Read an expression with filters; return its function, and how it is written."""
        read = scanner.filtered_value()
        return compile_filtered(read, self.names, scanner), read

    def next_token(self) -> Token | None:
        """Return the next token and go behind it; None at the end."""
        if self.position >= len(self.tokens):
            return None
        self.position += 1
        return self.tokens[self.position - 1]

    def parse(self) -> Block:
        """Return everything up to the end."""
        nodes: list[Node] = []
        while token := self.next_token():
            self._add(nodes, token)
        return Block(nodes)

    def parse_until(self, opening: Token, *names: str) -> tuple[Block, Token]:
        """Return everything up to a tag of one of these names, and that tag. `opening` is blamed when there is none."""
        self.depth += 1
        if self.depth > MAX_BLOCKS:
            raise self.error(f"blocks are nested deeper than {MAX_BLOCKS} levels", opening)
        nodes: list[Node] = []
        while token := self.next_token():
            if token.kind == "tag" and token.name in names:
                self.depth -= 1
                return Block(nodes), token
            self._add(nodes, token)
        raise self.error(f"'{opening.name}' has no '{names[-1]}'", opening)

    def skip_until(self, opening: Token, name: str) -> list[Token]:
        """Return the tokens up to a tag of this name, which are not parsed, and go behind it."""
        skipped: list[Token] = []
        while token := self.next_token():
            if token.kind == "tag" and token.name == name:
                return skipped
            skipped.append(token)
        raise self.error(f"'{opening.name}' has no '{name}'", opening)

    def _add(self, nodes: list[Node], token: Token) -> None:
        if token.kind == "text":
            text = self.source[token.inner : token.inner_end]
            node: Node | None = text or None
        elif token.kind == "output":
            node = self.output(self.scanner(token))
        else:
            node = self._tag(token)
        if node is not None:
            nodes.append(node)

    def output(self, scanner: Scanner) -> Render:
        """Return the node that writes an expression."""
        expression, read = self.filtered(scanner)
        render = output_node(expression, to_text if read.is_raw else to_output)
        path = read.plain_path()
        return PathOutput(path, render) if path else render

    def _tag(self, token: Token) -> Render | None:
        parse_tag = TAGS.get(token.name)
        if parse_tag is None:
            problem = "is not offered" if token.name in NOT_OFFERED else "is unknown or stands where it must not"
            raise self.error(f"tag '{token.name}' {problem}", token)
        return parse_tag(self, token)


def parse_source(source: str, names: Names) -> Block:
    """Return a parsed template. Raise LiquidSyntaxError."""
    return Parser(source, tokenize(source), names).parse()
