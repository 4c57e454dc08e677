"""The npm packages of the tests: what `tests/js/package-lock.json` names, installed once per checkout."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
from pathlib import Path

from .processes import REPOSITORY

JAVASCRIPT = REPOSITORY / "tests" / "js"
INSTALL_SECONDS = 300


def install_packages() -> Path:
    """The folder whose scripts may import the packages. Parallel test processes wait for the first one to install.

    Raises AssertionError with npm's output when it fails.
    """
    installed = JAVASCRIPT / "node_modules" / ".inbox-lock"
    wanted = hashlib.sha256((JAVASCRIPT / "package-lock.json").read_bytes()).hexdigest()
    with (JAVASCRIPT / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or installed.read_text() != wanted:
            _install()
            installed.write_text(wanted)
    return JAVASCRIPT


def _install() -> None:
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    ended = subprocess.run(
        command, cwd=JAVASCRIPT, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    assert ended.returncode == 0, f"npm ci failed:\n{ended.stdout}\n{ended.stderr}"
