"""Parses tokens into nodes; each tag registers its own parser here."""

from __future__ import annotations

from collections.abc import Callable

from inbox.rendering.liquid.expressions import Expression, ReadPaths, compile_filtered
from inbox.rendering.liquid.lexer import LiquidSyntaxError, Token
from inbox.rendering.liquid.nodes import Block, Node, PathOutput, Render, output_node
from inbox.rendering.liquid.scanner import FilteredValue, Scanner
from inbox.rendering.liquid.values import to_output, to_text

MAX_BLOCKS = 64
"""Limits the depth of nested blocks."""

TagParser = Callable[["Parser", Token], Render | None]
"""Reads a tag with its block; returns None if the tag renders nothing."""

TAGS: dict[str, TagParser] = {}
NOT_OFFERED = frozenset({"include", "render", "layout", "block"})


class Parser:
    """One pass over the tokens of a template; `paths` collects the paths that the template reads."""

    def __init__(self, source: str, tokens: list[Token], paths: ReadPaths, depth: int = 0) -> None:
        self.source = source
        self.tokens = tokens
        self.paths = paths
        self.position = 0
        self.depth = depth

    def error(self, problem: str, token: Token) -> LiquidSyntaxError:
        return LiquidSyntaxError(problem, self.source, token.begin)

    def scanner(self, token: Token) -> Scanner:
        return Scanner(self.source, token.inner, token.inner_end)

    def rest(self, token: Token) -> str:
        """Return the source of a tag behind its name."""
        return self.source[token.inner : token.inner_end]

    def check_bare(self, token: Token) -> None:
        """Raise LiquidSyntaxError if a tag has more than its name."""
        if self.rest(token):
            raise self.error(f"'{token.name}' takes nothing: {self.rest(token)!r}", token)

    def filtered(self, scanner: Scanner) -> tuple[Expression, FilteredValue]:
        """Read an expression with filters; return its function and its syntax."""
        syntax = scanner.filtered_value()
        return compile_filtered(syntax, self.paths, scanner), syntax

    def next_token(self) -> Token | None:
        """Consume and return the next token; None at the end."""
        if self.position >= len(self.tokens):
            return None
        self.position += 1
        return self.tokens[self.position - 1]

    def parse(self) -> Block:
        nodes: list[Node] = []
        while token := self.next_token():
            self._add(nodes, token)
        return Block(nodes)

    def parse_until(self, opening: Token, *names: str) -> tuple[Block, Token]:
        """Return the block up to a tag with one of these names, and that tag. The error for none names `opening`."""
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
        """Return the unparsed tokens up to a tag with this name, and consume that tag."""
        skipped: list[Token] = []
        while token := self.next_token():
            if token.kind == "tag" and token.name == name:
                return skipped
            skipped.append(token)
        raise self.error(f"'{opening.name}' has no '{name}'", opening)

    def _add(self, nodes: list[Node], token: Token) -> None:
        if token.kind == "text":
            node: Node | None = self.rest(token) or None
        elif token.kind == "output":
            node = self.output(self.scanner(token))
        else:
            node = self._tag(token)
        if node is not None:
            nodes.append(node)

    def output(self, scanner: Scanner) -> Render:
        """Return the node that writes an expression."""
        expression, syntax = self.filtered(scanner)
        render = output_node(expression, to_text if syntax.is_raw else to_output)
        path = syntax.plain_path()
        return PathOutput(path, render) if path else render

    def _tag(self, token: Token) -> Render | None:
        parse_tag = TAGS.get(token.name)
        if parse_tag is None:
            problem = "is not offered" if token.name in NOT_OFFERED else "is unknown or stands where it must not"
            raise self.error(f"tag '{token.name}' {problem}", token)
        return parse_tag(self, token)
