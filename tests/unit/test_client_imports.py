"""The Python client loads what its extra names, and nothing of the service."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from typing import get_args

from inbox import client
from tests.support.processes import REPOSITORY

PROGRAM = """
import json, sys
before = set(sys.modules)
import inbox.client
print(json.dumps(sorted(set(sys.modules) - before)))
"""
OURS = {"inbox", "inbox.client", "inbox.errors", "inbox.signatures", "inbox.subscriber_hash", "inbox.tasks"}


def requirements() -> list[str]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extra: list[str] = project["optional-dependencies"]["client"]
    assert set(extra) <= set(project["dependencies"]), "the service has the same versions"
    return [re.split(r"[^\w-]", requirement)[0] for requirement in extra]


def test_its_page_names_what_there_is() -> None:
    page = (REPOSITORY / "docs" / "python-client.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        tree = compile(block, "docs/python-client.md", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert {alias.name for node in imports for alias in node.names} <= set(client.__all__)
    for kind in [*get_args(client.LiveFeedEvent), client.ApiError, client.Unreachable, client.Disconnected]:
        assert f"`{kind.__name__}" in page
    for name in [name for name in vars(client.LiveFeed) if not name.startswith("_") and name != "close"]:
        assert re.search(rf"\b{name}\b", page), name


def test_it_loads_nothing_of_the_service() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    loaded = json.loads(ended.stdout)
    ours = {name for name in loaded if name.split(".")[0] == "inbox"}
    assert {name for name in ours if not name.startswith("inbox.client.")} == OURS
    service = {"starlette", "uvicorn", "redis", "hiredis", "orjson", "msgspec", "pydantic", "jwt", "yaml", "typer"}
    assert service.isdisjoint({name.split(".")[0] for name in loaded})


def test_the_extra_names_what_it_imports() -> None:
    imported = set()
    for path in (REPOSITORY / "inbox" / "client").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            imported |= {name.split(".")[0] for name in names}
    assert imported - sys.stdlib_module_names - {"inbox"} == set(requirements())
