"""A name has one meaning: no public type of the package is defined twice."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

import pytest

from tests.support.processes import REPOSITORY


def public_types(module: ast.Module) -> Iterator[str]:
    """The classes and type aliases of a module: names in CamelCase."""
    for node in module.body:
        names = [node.name] if isinstance(node, ast.ClassDef) else []
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names += [target.id for target in targets if isinstance(target, ast.Name)]
        yield from (name for name in names if name[0].isupper() and not name.isupper())


@pytest.mark.parametrize("is_client", [False, True], ids=["service", "client"])
def test_no_public_type_is_defined_twice(is_client: bool) -> None:
    """The service and the Python client never meet in one module, so that each has its own `Feed`."""
    modules: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted((REPOSITORY / "inbox").rglob("*.py")):
        if (path.relative_to(REPOSITORY / "inbox").parts[0] == "client") is is_client:
            for name in public_types(ast.parse(path.read_text())):
                modules[name].append(str(path.relative_to(REPOSITORY)))
    assert len(modules) > (40 if is_client else 500)
    assert {name: paths for name, paths in modules.items() if len(paths) > 1} == {}
