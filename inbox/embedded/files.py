"""Locks on files, and the processes behind them."""

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
    """An exclusive lock on a file, held; the kernel drops it when the last process that holds it ends, however it ends.

    The descriptor may be handed to a child, which then holds the lock too, and alone once the parent closed its own.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> FileLock | None:
        """The lock on this file, or None when another process has it. Raises OSError when the file is not writable."""
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
        """Replaces what the file says."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, content, 0)

    def close(self) -> None:
        """Gives up this process's share of the lock."""
        os.close(self.descriptor)


def command_line(pid: int) -> list[str]:
    """The arguments of a running process, empty when there is none.

    Where the system has no /proc they come as one string, as `ps` shows them.
    """
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="surrogateescape").split("\0")[:-1]
        except OSError:
            return []
    shown = subprocess.run(  # noqa: S603
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return [shown.strip()] if shown.strip() else []
