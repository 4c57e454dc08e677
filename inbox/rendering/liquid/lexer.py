"""Splits a template into text, `{{ … }}` and `{% … %}`, and removes the white space beside a `-`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

BLANKS = "\t\n\v\f\r \u00a0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""White space in a template, for the brackets of a regular expression."""
WORD = rf"(?![{BLANKS}\u201c\u201d])[A-Za-z0-9_?\-\u0080-\U0010ffff]"
"""Matches a character of a name."""

_BLANK_START = re.compile(f"[{BLANKS}]*")
_OPENING = re.compile(r"\{[{%]")
_QUOTE_OR_CLOSING = re.compile(r"""(["'])|\}\}""")
_QUOTED = {mark: re.compile(rf"(?:[^\\{mark}]|\\.)*{mark}", re.DOTALL) for mark in "\"'"}
_ENDRAW = re.compile(rf"\{{%[{BLANKS}]*endraw(?!{WORD})(?:(?!\{{%).)*?%\}}", re.DOTALL)
_NAME = re.compile(rf"#|(?:{WORD})+")

TokenKind = Literal["text", "output", "tag"]


class LiquidSyntaxError(Exception):
    """A template that LiquidJS refuses too, or that uses an unsupported tag or filter."""

    def __init__(self, problem: str, source: str, position: int) -> None:
        line = source.count("\n", 0, position) + 1
        column = position - source.rfind("\n", 0, position)
        super().__init__(f"{problem} (line {line}, column {column})")


@dataclass(slots=True)
class Token:
    """A piece of a template: `source[begin:end]`, with its content between the marks at `[inner, inner_end)`.

    A tag's `inner` begins behind its `name`.
    """

    kind: TokenKind
    begin: int
    end: int
    inner: int
    inner_end: int
    name: str = ""


def skip_blanks(text: str, position: int, end: int) -> int:
    """Return the position of the first character that is not white space, at most `end`."""
    blanks = _BLANK_START.match(text, position, end)
    return blanks.end() if blanks else position


def name_tag(source: str, token: Token, problem: str) -> Token:
    """Read the name of a tag into its token. Raise LiquidSyntaxError if it has none."""
    start = skip_blanks(source, token.inner, token.inner_end)
    name = _NAME.match(source, start, max(token.inner_end, start))
    if name is None:
        raise LiquidSyntaxError(problem, source, token.begin)
    token.name = name[0]
    token.inner = skip_blanks(source, name.end(), token.inner_end)
    return token


def tokenize(source: str) -> list[Token]:
    """Return the pieces of a template. Raise LiquidSyntaxError for an unclosed piece or a tag without a name."""
    tokens: list[Token] = []
    position = 0
    while opening := _OPENING.search(source, position):
        begin = opening.start()
        if begin > position:
            tokens.append(Token("text", position, begin, position, begin))
        token = _output(source, begin) if opening[0] == "{{" else _tag(source, begin)
        tokens.append(token)
        position = token.end
        if token.name == "raw":
            position = _raw(source, token, tokens)
    if position < len(source):
        tokens.append(Token("text", position, len(source), position, len(source)))
    _trim(source, tokens)
    return tokens


def _output(source: str, begin: int) -> Token:
    position = begin + 2
    while mark := _QUOTE_OR_CLOSING.search(source, position):
        if not mark[1]:
            return _delimited(source, "output", begin, mark.end())
        quoted = _QUOTED[mark[1]].match(source, mark.end())
        if quoted is None:
            break
        position = quoted.end()
    raise LiquidSyntaxError("'{{' is never closed", source, begin)


def _tag(source: str, begin: int) -> Token:
    closing = source.find("%}", begin + 1)
    if closing < 0:
        raise LiquidSyntaxError("'{%' is never closed", source, begin)
    return name_tag(source, _delimited(source, "tag", begin, closing + 2), "a tag has no name")


def _delimited(source: str, kind: TokenKind, begin: int, end: int) -> Token:
    inner, inner_end = begin + 2, end - 2
    trims_left, trims_right = source[inner] == "-", source[inner_end - 1] == "-"
    return strip_token(source, Token(kind, begin, end, inner + trims_left, inner_end - trims_right))


def strip_token(source: str, token: Token) -> Token:
    """Remove white space from both ends of a token's content."""
    token.inner = skip_blanks(source, token.inner, max(token.inner_end, token.inner))
    token.inner_end = token.inner + len(_right_trimmed(source[token.inner : token.inner_end]))
    return token


def _right_trimmed(text: str) -> str:
    return re.sub(f"[{BLANKS}]+$", "", text) if text and skip_blanks(text[-1], 0, 1) == 1 else text


def _raw(source: str, opening: Token, tokens: list[Token]) -> int:
    """Add the content of `{% raw %}` and its closing tag; return the position behind them."""
    closing = _ENDRAW.search(source, opening.end)
    if closing is None:
        raise LiquidSyntaxError("'{% raw %}' is never closed", source, opening.begin)
    if closing.start() > opening.end:
        tokens.append(Token("text", opening.end, closing.start(), opening.end, closing.start()))
    tokens.append(name_tag(source, _delimited(source, "tag", *closing.span()), "a tag has no name"))
    return closing.end()


def _trim(source: str, tokens: list[Token]) -> None:
    """Remove the white space beside a mark with `-`, except within `raw`."""
    in_raw = False
    for index, token in enumerate(tokens):
        if token.kind == "text":
            continue
        if not in_raw and source[token.begin + 2] == "-" and index and tokens[index - 1].kind == "text":
            before = tokens[index - 1]
            before.inner_end = before.begin + len(_right_trimmed(source[before.begin : before.end]))
        if token.name in ("raw", "endraw"):
            in_raw = token.name == "raw"
        if not in_raw and source[token.end - 3] == "-" and index + 1 < len(tokens):
            after = tokens[index + 1]
            after.inner = skip_blanks(source, after.begin, after.end) if after.kind == "text" else after.inner
