"""A name has one meaning: no public type of the package is defined twice."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

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


def test_no_public_type_is_defined_twice() -> None:
    modules: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted((REPOSITORY / "inbox").rglob("*.py")):
        for name in public_types(ast.parse(path.read_text())):
            modules[name].append(str(path.relative_to(REPOSITORY)))
    assert len(modules) > 500
    assert {name: paths for name, paths in modules.items() if len(paths) > 1} == {}
