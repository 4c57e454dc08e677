"""The tree of errors is drawn as it is, and the table in the docs agrees with it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import inbox
from inbox import errors

ROOT = Path(__file__).parents[2]
for _module in pkgutil.walk_packages(inbox.__path__, "inbox."):
    if not _module.name.endswith("__main__"):
        importlib.import_module(_module.name)


def descendants(kind: type[Exception]) -> list[type[Exception]]:
    """Return a class and everything below it."""
    return [kind, *(below for child in kind.__subclasses__() for below in descendants(child))]


def status_of(kind: type[Exception]) -> int | None:
    return kind.status if issubclass(kind, errors.InboxError) else None


TREE = [
    kind
    for root in (errors.StartupError, errors.InboxError)
    for kind in descendants(root)
    if kind.__module__.startswith("inbox.")
]


def test_the_tree_is_drawn_as_it_is() -> None:
    drawing = (errors.__doc__ or "").partition("\n\n")[2].partition("\n\n")[0]
    parents: list[tuple[int, str, int | None]] = []
    drawn: dict[str, tuple[str | None, int | None]] = {}
    for line in drawing.splitlines():
        indent, name, status = re.match(r"( +)(\w+) *(\d{3})?", line).groups()  # type: ignore[union-attr]
        parents = [one for one in parents if one[0] < len(indent)]
        above = parents[-1] if parents else None
        number = int(status) if status else above and above[2]
        drawn[name] = (above and above[1], number)
        parents.append((len(indent), name, number))
    roots = (errors.StartupError, errors.InboxError)
    assert drawn == {
        kind.__name__: (None if kind in roots else (kind.__base__ or object).__name__, status_of(kind)) for kind in TREE
    }


OUTSIDE = re.compile(r"^    ([A-Z]\w+(?:, [A-Z]\w+)*) +([\w/]+(?:/|\.py)) ", re.MULTILINE)
EXCEPTION = re.compile(r"^class ([A-Z]\w+)\((?:Exception|\w+Error)\):$", re.MULTILINE)


def test_exceptions_outside_the_tree_are_listed_with_their_packages() -> None:
    listed = {name: place for names, place in OUTSIDE.findall(errors.__doc__ or "") for name in names.split(", ")}
    package, in_tree = ROOT / "inbox", {kind.__name__ for kind in TREE}
    defined = {}
    for path in sorted(set(package.rglob("*.py")) - set((package / "client").glob("*.py"))):
        defined |= dict.fromkeys(EXCEPTION.findall(path.read_text()), str(path.relative_to(package)))
    outside = {name: module for name, module in defined.items() if name not in in_tree}
    assert outside.keys() == listed.keys()
    assert [name for name, module in outside.items() if not module.startswith(listed[name])] == []


@pytest.mark.parametrize("kind", [kind for kind in TREE if kind.__module__ == errors.__name__])
def test_the_docs_have_its_status(kind: type[Exception]) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", (ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    documented = dict(rows).get(kind.__name__)
    assert documented == (str(status_of(kind)) if issubclass(kind, errors.InboxError) else None)


def test_every_503_says_when_to_come_again() -> None:
    for kind in TREE:
        if status_of(kind) == 503:
            assert issubclass(kind, errors.ServiceUnavailable), kind


def test_contention_is_no_outage() -> None:
    error = errors.Contention()
    assert not isinstance(error, errors.StoreUnavailable)
    assert (error.status, error.headers, error.detail()["code"]) == (503, {"Retry-After": "1"}, "contention")
    assert "store" not in error.message
    assert not issubclass(errors.SubscriberGone, errors.ServiceUnavailable)
