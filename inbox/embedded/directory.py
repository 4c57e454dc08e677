"""The data directory: who holds it, and where the store in it listens."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from inbox.embedded.files import FileLock
from inbox.errors import StartupError
from inbox.settings import Mode

# The system's limit of a unix socket's path, its closing NUL included.
SOCKET_PATH_BYTES = 104 if sys.platform == "darwin" else 108
SERVE = "serve"
_LOCK, _APPEND_ONLY = "inbox.lock", "appendonlydir"


class Holder(msgspec.Struct, frozen=True, omit_defaults=True):
    """The process that holds a data directory, as its lock file tells it. `url` is known once it listens."""

    pid: int
    command: str
    mode: Mode
    since: str
    url: str | None = None

    @classmethod
    def this_process(cls, command: str, mode: Mode) -> Holder:
        return cls(os.getpid(), command, mode, datetime.now(UTC).isoformat(timespec="seconds"))

    def __str__(self) -> str:
        where = f" at {self.url}" if self.url else ""
        return f"process {self.pid} (inbox {self.command}{where}, since {self.since})"


class DirectoryInUse(StartupError):
    """Another process holds the data directory; `holder` is None in the moment before it has said who it is."""

    def __init__(self, path: Path, holder: Holder | None) -> None:
        super().__init__(f"the data directory {path} is in use by {holder or 'another process'}")
        self.holder = holder


class DataDirectory:
    """The files of one data directory. Making the object makes the directory, readable by its owner only.

    Raises StartupError when it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.abspath(path))
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error

    @staticmethod
    def was_used(path: Path) -> bool:
        """Whether a service has held a directory at this path, or its data was put there; makes nothing."""
        return (path / _LOCK).exists() or (path / _APPEND_ONLY).is_dir()

    @property
    def has_data(self) -> bool:
        """Whether a store that was to keep its data has run here."""
        return (self.path / _APPEND_ONLY).is_dir()

    @property
    def store_lock(self) -> Path:
        """Locked by the store's own process for as long as it lives."""
        return self.path / "store.lock"

    @property
    def pid_file(self) -> Path:
        return self.path / "store.pid"

    @property
    def log_file(self) -> Path:
        return self.path / "store.log"

    @contextmanager
    def hold(self, holder: Holder) -> Iterator[FileLock]:
        """Holds the directory during the block. Raises DirectoryInUse, or StartupError when it is not writable."""
        try:
            lock = FileLock.take(self.path / _LOCK)
        except OSError as error:
            raise self._unusable(error) from error
        if lock is None:
            raise DirectoryInUse(self.path, self.read_holder())
        try:
            lock.write(msgspec.json.encode(holder))
            yield lock
            lock.write(b"")  # nobody holds it: no later reader may take this process for the holder
        finally:
            lock.close()

    def read_holder(self) -> Holder | None:
        """Who last wrote the lock file; None when it says nothing yet."""
        try:
            return msgspec.json.decode((self.path / _LOCK).read_bytes(), type=Holder)
        except (OSError, msgspec.DecodeError):
            return None

    def socket_path(self) -> Path:
        """Where the store listens: in the directory, or where the note of `choose_socket_path` says."""
        try:
            return Path(self._socket_note.read_text().strip())
        except OSError:
            return self.path / "store.sock"

    def choose_socket_path(self) -> Path:
        """A path that a store about to start can listen at.

        One too long for the system is replaced by a short one in a private directory of the temp directory, which is
        noted, so that whoever comes later finds the store.
        """
        inside = self.path / "store.sock"
        if _fits(inside):
            self._socket_note.unlink(missing_ok=True)
            return inside
        noted = self.socket_path()
        if noted != inside and _is_private(noted.parent):
            return noted
        outside = _short_directory() / "store.sock"
        self._socket_note.write_text(f"{outside}\n")
        return outside

    def clear_socket(self) -> None:
        """Removes what a store that has ended left of its socket."""
        path = self.socket_path()
        path.unlink(missing_ok=True)
        if path.parent != self.path and _is_private(path.parent):
            path.parent.rmdir()
        self._socket_note.unlink(missing_ok=True)

    @property
    def _socket_note(self) -> Path:
        return self.path / "store.socket-path"

    def _unusable(self, error: OSError) -> StartupError:
        return StartupError(f"the data directory {self.path} cannot be used: {error.strerror}; set INBOX_DATA_DIR")


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) < SOCKET_PATH_BYTES


def _short_directory() -> Path:
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 (mkdtemp makes it private and unguessable)
        if _fits(Path(parent) / "inbox-xxxxxxxx" / "store.sock"):
            return Path(tempfile.mkdtemp(prefix="inbox-", dir=parent))
    raise StartupError("no directory with a path short enough for the store's socket: set TMPDIR or INBOX_DATA_DIR")


def _is_private(path: Path) -> bool:
    """Whether it is a directory that nobody else could have put there or can write to."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
