"""The official JavaScript SDKs, unmodified: `@novu/api`, `@novu/node` 2.6 and `@novu/headless` 2.6.

Each test file runs at its own service.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.support.npm import JAVASCRIPT, install_packages
from tests.support.server import Server

FILES = sorted((JAVASCRIPT / "sdk").glob("*.test.mjs"))
RUN_SECONDS = 60


def test_each_sdk_has_its_files() -> None:
    names = {path.name.partition("-")[0] for path in FILES}
    assert names == {"api", "headless", "node"}


@pytest.mark.needs("node", "npm")
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
async def test_sdk(file: Path, server: Server) -> None:
    home = await asyncio.to_thread(install_packages)
    service = {
        "INBOX_URL": server.url,
        "INBOX_API_KEY": server.api_key,
        "INBOX_APPLICATION_IDENTIFIER": server.application_identifier,
    }
    process = await asyncio.create_subprocess_exec(
        *("node", "--test", "--test-reporter=spec", str(file)),
        cwd=home,
        env={**os.environ, **service},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        told, _ = await asyncio.wait_for(process.communicate(), RUN_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, told.decode()
