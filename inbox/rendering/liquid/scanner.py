"""Scans the inside of a tag: values, operators, filters and their arguments, but not their meaning.

It accepts what LiquidJS accepts, and resumes after odd input where LiquidJS does: surplus operands are skipped, `a.` is
`a`, everything after a `)` is ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from inbox.rendering.javascript import to_number
from inbox.rendering.liquid.lexer import WORD, LiquidSyntaxError, skip_blanks
from inbox.rendering.liquid.values import BLANK, EMPTY, NIL

MAX_DEPTH = 32
LITERALS = {"true": True, "false": False, "nil": NIL, "null": NIL, "empty": EMPTY, "blank": BLANK}

_NAME = re.compile(f"(?:{WORD})+")
_LITERAL = re.compile(f"(?:{'|'.join(LITERALS)})(?!{WORD})")
_OPERATOR = re.compile(f"(?:==|!=|>=|<=|>|<|(?:contains|not|and|or)(?!{WORD}))")
_NUMBER = re.compile(rf"[+-]?[0-9]+(?:\.(?!\.)[0-9]*)?(?!\.(?!\.))(?!{WORD})")
_QUOTED = {mark: re.compile(rf"{mark}(?:[^\\{mark}]|\\.)*(?:{mark}|\\?\Z)", re.DOTALL) for mark in "\"'"}
_ESCAPE = re.compile(r"\\(?:([bfnrtv])|u([0-9a-fA-F]{0,4})|([0-7]{1,3})|(.))", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(slots=True)
class Constant:
    """A literal, a number or a quoted text."""

    value: Any


@dataclass(slots=True)
class PropertyPath:
    """A variable, or properties of `base`; a part is a name, a number or a computed value."""

    base: Constant | Range | None
    parts: list[str | Constant | PropertyPath | Range]


@dataclass(slots=True)
class Range:
    """`(first..last)`"""

    first: Operand
    last: Operand


Operand = Constant | PropertyPath | Range


@dataclass(slots=True)
class Filter:
    """A filter, its position in the text and its arguments; a named argument is a pair of name and value."""

    name: str
    position: int
    arguments: list[Operand | tuple[str, Operand | None]]


@dataclass(slots=True)
class FilteredValue:
    """An expression's operands and operators in order, then its filters; `text` is its source."""

    terms: list[Operand | str]
    filters: list[Filter]
    text: str

    @property
    def is_raw(self) -> bool:
        """Return whether the last filter is `raw`, which writes the plain text even of lists and objects."""
        return bool(self.filters) and self.filters[-1].name == "raw"

    def plain_path(self) -> tuple[str, ...]:
        """Return the names if the expression is a constant path without filters, else ()."""
        if len(self.terms) != 1 or self.filters or not isinstance(self.terms[0], PropertyPath) or self.terms[0].base:
            return ()
        names = [part for part in self.terms[0].parts if isinstance(part, str)]
        return tuple(names) if len(names) == len(self.terms[0].parts) else ()


class Scanner:
    """A cursor in the text of a template, up to `end`."""

    def __init__(self, source: str, position: int, end: int) -> None:
        self.source = source
        self.position = position
        self.end = max(end, position)
        self.depth = 0

    def error(self, problem: str, position: int | None = None) -> LiquidSyntaxError:
        return LiquidSyntaxError(problem, self.source, self.position if position is None else position)

    def at_end(self) -> bool:
        return self.position >= self.end

    def peek(self, ahead: int = 0) -> str:
        position = self.position + ahead
        return self.source[position] if position < self.end else ""

    def skip_blanks(self) -> None:
        self.position = skip_blanks(self.source, self.position, self.end)

    def skip_past(self, mark: str) -> bool:
        """Go behind the next mark, which may start one character before; to the end if there is none."""
        index = self.source.find(mark, max(self.position + 1 - len(mark), 0), self.end)
        self.position = self.end if index < 0 else index + len(mark)
        return index >= 0

    def _match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.source, self.position, self.end)
        if match is None:
            return ""
        self.position = match.end()
        return match[0]

    def name(self) -> str:
        """Read a name; empty if there is none."""
        self.skip_blanks()
        return self._match(_NAME)

    def filtered_value(self) -> FilteredValue:
        """Read an expression with its filters. Raise LiquidSyntaxError if there is none."""
        begin = self.position
        terms = self._terms()
        if not terms:
            raise self.error("a value is expected")
        filters = list(iter(self._filter, None))
        return FilteredValue(terms, filters, self.source[begin : self.position])

    def _terms(self) -> list[Operand | str]:
        terms: list[Operand | str] = []
        while not self.at_end():
            self.skip_blanks()
            operator = self._match(_OPERATOR)
            term = operator or self.value()
            if term is None:
                break
            terms.append(term)
        return terms

    def _filter(self) -> Filter | None:
        self.skip_blanks()
        if self.at_end() or self.peek() in "),":
            return None
        if self.peek() != "|":
            raise self.error("'|' is expected before a filter")
        self.position += 1
        self.skip_blanks()
        begin = self.position
        name = self.name()
        if not name:
            if not self.at_end():
                raise self.error("the name of a filter is expected")
            return None
        self.skip_blanks()
        if self.peek() == ":":
            return Filter(name, begin, self._arguments())
        if self.peek() not in ("", "|", ")", ","):
            raise self.error("':' is expected after the name of a filter")
        return Filter(name, begin, [])

    def _arguments(self) -> list[Operand | tuple[str, Operand | None]]:
        arguments: list[Operand | tuple[str, Operand | None]] = []
        while True:
            self.position += 1
            argument = self._argument()
            if argument is not None:
                arguments.append(argument)
            self.skip_blanks()
            if self.peek() not in ("", ",", "|", ")"):
                raise self.error(f"{self.peek()!r} is not expected in the arguments of a filter")
            if self.peek() != ",":
                return arguments

    def _argument(self) -> Operand | tuple[str, Operand | None] | None:
        self.skip_blanks()
        begin = self.position
        value = self.value()
        if value is None:
            return None
        text = self.source[begin : self.position]
        self.skip_blanks()
        if self.peek() != ":":
            return value
        self.position += 1
        return text, self.value()

    def hashes(self) -> dict[str, Operand | None]:
        """Read a tag's named arguments, `limit: 2 reversed`; None for one without a value."""
        hashes: dict[str, Operand | None] = {}
        while True:
            self.skip_blanks()
            if self.peek() == ",":
                self.position += 1
            name = self.name()
            if not name:
                return hashes
            self.skip_blanks()
            hashes[name] = None
            if self.peek() == ":":
                self.position += 1
                hashes[name] = self.value()

    def value(self) -> Operand | None:
        """Read a value with its properties; None if there is none."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"values are nested deeper than {MAX_DEPTH} levels")
        self.skip_blanks()
        base: Constant | Range | None = self._constant()
        if base is None and self.peek() == "(":
            base = self._range()
        parts = self._parts(needs_name=base is None)
        self.depth -= 1
        return PropertyPath(base, parts) if parts else base

    def path(self) -> PropertyPath | None:
        """Read the path of a property; None if there is none."""
        self.skip_blanks()
        parts = self._parts(needs_name=True)
        return PropertyPath(None, parts) if parts else None

    def _constant(self) -> Constant | None:
        literal = self._match(_LITERAL)
        if literal:
            return Constant(LITERALS[literal])
        if self.peek() in _QUOTED:
            return Constant(self.quoted())
        number = self._match(_NUMBER)
        return Constant(to_number(number)) if number else None

    def quoted(self) -> str:
        """Read a quoted text; empty if there is none."""
        pattern = _QUOTED.get(self.peek())
        if pattern is None:
            return ""
        text = self._match(pattern)[1:-1]
        if "\\" not in text:
            return text
        return _ESCAPE.sub(_unescape, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _range(self) -> Range:
        self.position += 1
        first = self.needed_value()
        self.skip_blanks()
        if self.source[self.position : min(self.position + 2, self.end)] != "..":
            raise self.error("a range is written (first..last)")
        self.position += 2
        last = self.needed_value()
        self.skip_blanks()
        if self.peek() != ")":
            raise self.error("a range is written (first..last)")
        self.position += 1
        return Range(first, last)

    def needed_value(self) -> Operand:
        """Read a value. Raise LiquidSyntaxError if there is none."""
        value = self.value()
        if value is None:
            raise self.error("a value is expected")
        return value

    def _parts(self, *, needs_name: bool) -> list[str | Constant | PropertyPath | Range]:
        parts: list[str | Constant | PropertyPath | Range] = []
        while True:
            if self.peek() == "[":
                self.position += 1
                parts.append(self.value() or "")
                if not self.skip_past("]"):
                    raise self.error("'[' is never closed")
            elif needs_name and not parts and (name := self.name()):
                parts.append(name)
            elif self.peek() == "." and self.peek(1) != ".":
                self.position += 1
                name = self.name()
                if not name:
                    return parts
                parts.append(name)
            else:
                return parts


def _unescape(escape: re.Match[str]) -> str:
    letter, code, octal, other = escape.groups()
    if letter:
        return _ESCAPED[letter]
    if octal:
        return chr(int(octal, 8))
    return other if code is None else chr(int(code or "0", 16))
