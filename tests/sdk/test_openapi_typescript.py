"""The types that `openapi-typescript` makes of the document with its defaults, and the documented calls in them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from inbox.openapi.document import encoded_document
from tests.support.npm import JAVASCRIPT, install_packages
from tests.support.server import Server

pytestmark = pytest.mark.needs("node", "npm")
CALLS = JAVASCRIPT / "openapi"
RUN_SECONDS = 300


def run(command: str, *arguments: str, **environment: str) -> str:
    """Run a program of the npm packages; what it printed is the failure's text."""
    home = install_packages()
    program = home / "node_modules" / ".bin" / command
    ended = subprocess.run(
        [str(program) if program.exists() else command, *arguments],
        cwd=home,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the calls, beside the types made of the document."""
    folder = tmp_path_factory.mktemp("typescript") / "calls"
    shutil.copytree(CALLS, folder)
    document = folder / "openapi.json"
    document.write_bytes(encoded_document())
    run("openapi-typescript", str(document), "--output", str(folder / "api.ts"))
    return folder


def test_the_documented_calls_type_check_and_wrong_ones_do_not(calls: Path) -> None:
    run("tsc", "--project", str(calls))


async def test_the_documented_calls_are_answered_as_their_types_say(calls: Path, server: Server) -> None:
    script = calls / "story.mjs"
    run("esbuild", str(calls / "story.ts"), "--bundle", "--platform=node", "--format=esm", f"--outfile={script}")
    told = run(
        "node",
        str(script),
        INBOX_URL=server.url,
        INBOX_API_KEY=server.api_key,
        INBOX_APPLICATION_IDENTIFIER=server.application_identifier,
    )
    assert told == "all calls were answered as documented\n"
