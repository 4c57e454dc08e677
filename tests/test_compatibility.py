"""docs/compatibility.md has a row for every route, and names no route that there is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import novu_py

from tests.support.processes import REPOSITORY
from tests.support.routes import BROWSER_SIDE, SERVER_SIDE

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
_ALTERNATIVES = re.compile(r"\{([\w-]+(?:,[\w-]+)+)\}")
STATES = {"works", "differs", "not offered"}


def rows() -> Iterator[tuple[str, str, str]]:
    """(endpoints, state, remarks) of each row."""
    text = (REPOSITORY / "docs" / "compatibility.md").read_text()
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and cells[1] in STATES:
            yield cells[0], cells[1], cells[2]


def expand(path: str) -> Iterator[str]:
    """`/a/{read,unread}` → `/a/read`, `/a/unread`."""
    parts = _ALTERNATIVES.split(path)
    choices = [part.split(",") if place % 2 else [part] for place, part in enumerate(parts)]
    for chosen in product(*choices):
        yield "".join(chosen)


def endpoints(cell: str) -> Iterator[tuple[str, str]]:
    """(method, path) of each endpoint of a cell; a path without methods of its own has those before it."""
    methods: list[str] = []
    for words, path in re.findall(r"([A-Z, ]*)`([^`]+)`", cell):
        methods = [word for word in re.findall(r"[A-Z]+", words) if word in METHODS] or methods
        for method, one in product(methods, expand(path)):
            yield method.lower(), one


def test_every_route_has_a_row() -> None:
    told = {endpoint for cell, state, _ in rows() if state != "not offered" for endpoint in endpoints(cell)}
    offered = {(route.method.lower(), route.path) for route in [*SERVER_SIDE, *BROWSER_SIDE]}
    assert offered - told == set(), "routes without a row"
    assert told - offered == set(), "rows without a route"


def test_what_differs_says_how() -> None:
    assert [cell for cell, state, remarks in rows() if state == "differs" and not remarks] == []


def sdk_paths() -> set[str]:
    """Every path that the current Python SDK can call, its parameters without their names."""
    sources = Path(novu_py.__file__).parent.glob("*.py")
    return {unnamed(path) for source in sources for path in re.findall(r'path="(/v[^"]+)"', source.read_text())}


def unnamed(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_every_path_of_the_sdk_is_offered_or_has_a_row() -> None:
    offered = {unnamed(route.path) for route in SERVER_SIDE}
    cells = [cell for cell, state, _ in rows() if state == "not offered"]
    refused = [unnamed(path) for cell in cells for path in re.findall("`([^`]+)`", cell)]
    exact = {path for path in refused if not path.endswith("…")}
    begun = tuple(path.removesuffix("…") for path in refused if path.endswith("…"))
    untold = {path for path in sdk_paths() - offered - exact if not path.startswith(begun)}
    assert len(sdk_paths()) > 80
    assert untold == set()
