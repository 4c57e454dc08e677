"""The JavaScript that pages load keeps its types (JSDoc, strict) and the linter's rules."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.npm import JAVASCRIPT, install_packages
from tests.support.processes import REPOSITORY

pytestmark = pytest.mark.needs("node")

CONFIGURATION = JAVASCRIPT / "static"
LINTED = ["static", "docs", "tests/js/client", "tests/js/apps"]
COMMANDS = {
    "types": ["tsc", "--project", str(CONFIGURATION / "tsconfig.json")],
    "lint": ["eslint", "--no-config-lookup", "--config", str(CONFIGURATION / "eslint.config.mjs"), *LINTED],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_static_javascript_is_clean(name: str) -> None:
    command, *arguments = COMMANDS[name]
    executable = install_packages() / "node_modules" / ".bin" / command
    ended = subprocess.run([executable, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
