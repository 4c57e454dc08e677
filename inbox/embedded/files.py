"""Locks on files, and the command lines of processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from inbox.errors import StartupError

try:
    import fcntl
except ModuleNotFoundError as error:
    raise StartupError("the embedded store needs Linux or macOS: set INBOX_REDIS_URL to a Redis that runs") from error


class FileLock:
    """An acquired exclusive lock on a file. The kernel releases it when the last process that holds it has ended.

    A child that inherits the descriptor holds the lock too, and alone once the parent has closed its own.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def acquire(cls, path: Path) -> FileLock | None:
        """Return the lock on this file, or None if another process holds it. Raise OSError for an unwritable file."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                return None
            raise
        return cls(descriptor)

    def write(self, content: bytes) -> None:
        """Replace the content of the file."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, content, 0)

    def close(self) -> None:
        """Release this process's share of the lock."""
        os.close(self.descriptor)


def command_line(pid: int) -> list[str]:
    """Return the arguments of a running process, [] if there is none; one string of `ps` where there is no /proc."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="surrogateescape").split("\0")[:-1]
        except OSError:
            return []
    output = subprocess.run(  # noqa: S603
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return [output.strip()] if output.strip() else []
