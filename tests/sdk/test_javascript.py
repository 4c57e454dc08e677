"""The official JavaScript SDKs, unmodified: `@novu/api`, `@novu/node` 2.6 and `@novu/headless` 2.6.

Each test file runs at its own service.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.node import run_node_tests
from tests.support.npm import JAVASCRIPT
from tests.support.server import Server

FILES = sorted((JAVASCRIPT / "sdk").glob("*.test.mjs"))


def test_each_sdk_has_its_files() -> None:
    names = {path.name.partition("-")[0] for path in FILES}
    assert names == {"api", "headless", "node"}


@pytest.mark.needs("node", "npm")
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
async def test_sdk(file: Path, server: Server) -> None:
    await run_node_tests(file, server)
