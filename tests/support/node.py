"""Runs a file of node's own tests against a service."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from .npm import install_packages
from .server import Server

RUN_SECONDS = 300


async def run_node_tests(file: Path, server: Server, **environment: str) -> None:
    """Fails with what node printed when one of the file's tests fails."""
    home = await asyncio.to_thread(install_packages)
    service = {
        "INBOX_URL": server.url,
        "INBOX_API_KEY": server.api_key,
        "INBOX_APPLICATION_IDENTIFIER": server.application_identifier,
    }
    process = await asyncio.create_subprocess_exec(
        *("node", "--test", "--test-reporter=spec", str(file)),
        cwd=home,
        env={**os.environ, **service, **environment},
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
