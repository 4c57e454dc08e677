"""A template's text in pieces: plain text, `{{ … }}` and `{% … %}`, with the white space that `-` takes away gone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

BLANKS = "\t\n\v\f\r \u00a0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""White space in a template, as the inside of a regular expression's brackets."""
WORD = rf"(?![{BLANKS}\u201c\u201d])[A-Za-z0-9_?\-\u0080-\U0010ffff]"
"""A character of a name."""

_BLANK_START = re.compile(f"[{BLANKS}]*")
_OPENING = re.compile(r"\{[{%]")
_QUOTE_OR_CLOSING = re.compile(r"""(["'])|\}\}""")
_QUOTED = {mark: re.compile(rf"(?:[^\\{mark}]|\\.)*{mark}", re.DOTALL) for mark in "\"'"}
_ENDRAW = re.compile(rf"\{{%[{BLANKS}]*endraw(?!{WORD})(?:(?!\{{%).)*?%\}}", re.DOTALL)
_NAME = re.compile(rf"#|(?:{WORD})+")

Kind = Literal["text", "output", "tag"]


class LiquidSyntaxError(Exception):
    """A template that the original's engine would refuse, or that names what is not offered."""

    def __init__(self, problem: str, source: str, position: int) -> None:
        line = source.count("\n", 0, position) + 1
        column = position - source.rfind("\n", 0, position)
        super().__init__(f"{problem} (line {line}, column {column})")


@dataclass(slots=True)
class Token:
    """A piece of a template: `source[begin:end]`, of which `[inner, inner_end]` is what stands between the marks.

    `name` is that of a tag; its `inner` begins behind it.
    """

    kind: Kind
    begin: int
    end: int
    inner: int
    inner_end: int
    name: str = ""


def skip_blanks(text: str, position: int, end: int) -> int:
    """Return the position of the first character that is no white space, `end` at most."""
    found = _BLANK_START.match(text, position, end)
    return found.end() if found else position


def name_tag(source: str, token: Token, problem: str) -> Token:
    """Read the name that a tag begins with. Raise LiquidSyntaxError when it has none."""
    start = skip_blanks(source, token.inner, token.inner_end)
    found = _NAME.match(source, start, max(token.inner_end, start))
    if found is None:
        raise LiquidSyntaxError(problem, source, token.begin)
    token.name = found[0]
    token.inner = skip_blanks(source, found.end(), token.inner_end)
    return token


def tokenize(source: str) -> list[Token]:
    """Return the pieces of a template. Raise LiquidSyntaxError for what is never closed, or a tag without a name."""
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
    while found := _QUOTE_OR_CLOSING.search(source, position):
        if not found[1]:
            return _delimited(source, "output", begin, found.end())
        closing = _QUOTED[found[1]].match(source, found.end())
        if closing is None:
            break
        position = closing.end()
    raise LiquidSyntaxError("'{{' is never closed", source, begin)


def _tag(source: str, begin: int) -> Token:
    closing = source.find("%}", begin + 1)
    if closing < 0:
        raise LiquidSyntaxError("'{%' is never closed", source, begin)
    return name_tag(source, _delimited(source, "tag", begin, closing + 2), "a tag has no name")


def _delimited(source: str, kind: Kind, begin: int, end: int) -> Token:
    inner, inner_end = begin + 2, end - 2
    trims_left, trims_right = source[inner] == "-", source[inner_end - 1] == "-"
    return strip_token(source, Token(kind, begin, end, inner + trims_left, inner_end - trims_right))


def strip_token(source: str, token: Token) -> Token:
    """Take the white space at both ends out of what stands between the marks."""
    token.inner = skip_blanks(source, token.inner, max(token.inner_end, token.inner))
    inside = source[token.inner : token.inner_end]
    token.inner_end = token.inner + len(_right_trimmed(inside))
    return token


def _right_trimmed(text: str) -> str:
    return re.sub(f"[{BLANKS}]+$", "", text) if text and _is_blank(text[-1]) else text


def _is_blank(character: str) -> bool:
    return skip_blanks(character, 0, 1) == 1


def _raw(source: str, opening: Token, tokens: list[Token]) -> int:
    """Add what stands in `{% raw %}` and its closing tag; return the position behind them."""
    found = _ENDRAW.search(source, opening.end)
    if found is None:
        raise LiquidSyntaxError("'{% raw %}' is never closed", source, opening.begin)
    if found.start() > opening.end:
        tokens.append(Token("text", opening.end, found.start(), opening.end, found.start()))
    tokens.append(name_tag(source, _delimited(source, "tag", found.start(), found.end()), "a tag has no name"))
    return found.end()


def _trim(source: str, tokens: list[Token]) -> None:
    """Take away the white space beside a mark with `-`, but not within `raw`."""
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
