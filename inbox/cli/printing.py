"""How commands print: JSON for programs, else lines of columns with tabs between; progress goes to standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import orjson
import typer

from inbox.logs import escape_controls

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a program that reads it.")]


def print_json(value: Any) -> None:
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_either(value: Any, text: str, *, as_json: bool) -> None:
    """Print a value as JSON, or the text that says the same to a person."""
    if as_json:
        print_json(value)
    else:
        print(text)


def print_table(names: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "") -> None:
    """Print a line for each row. Column names, or `empty` if there is no row, go to standard error.

    So a program that reads the list does not get them.
    """
    is_empty = True
    for row in rows:
        if is_empty:
            print("\t".join(names), file=sys.stderr)
            is_empty = False
        print_row(*row)
    if is_empty and empty:
        print(empty, file=sys.stderr)


def print_fields(fields: Mapping[str, object]) -> None:
    """Print a line for each field: its name and its value, `-` if there is none."""
    for name, value in fields.items():
        print_row(name, "-" if value in (None, "") else value)


def print_row(*cells: object) -> None:
    """Print cells on one line; what people wrote does not steer the terminal."""
    print(*(escape_controls(str(cell)) for cell in cells), sep="\t")


def one_line(text: str, length: int | None = None) -> str:
    """Return a text on one line without control characters, cut to a length if there is one: columns stay columns."""
    words = escape_controls(" ".join(text.split()))
    return words if length is None or len(words) <= length else f"{words[: length - 1]}…"


def count_of(number: int, noun: str) -> str:
    """Return `1 workflow` or `2 workflows`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


@contextmanager
def progress(label: str) -> Iterator[Callable[[str], None]]:
    """Show progress on standard error, if that is a terminal. Yield the function that reports it."""
    if not sys.stderr.isatty():
        yield lambda _text: None
        return
    from rich.console import Console

    with Console(stderr=True, markup=False).status(label) as status:
        yield lambda text: status.update(f"{label}: {text}")


@contextmanager
def progress_bar(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show on standard error how much of `total` is done, if that is a terminal. Yield the function that adds to it."""
    if not sys.stderr.isatty():
        yield lambda _done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True, markup=False)) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.advance(task, done)
