"""The data directory: the process that holds it, and where the store in it listens."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, get_args

import msgspec

from inbox.embedded.files import FileLock
from inbox.embedded.owner import owner_of
from inbox.embedded.store import SERVE
from inbox.errors import StartupError
from inbox.settings import Mode

# the system's limit of the path of a unix socket, with its final NUL
SOCKET_PATH_BYTES = 104 if sys.platform == "darwin" else 108
LOG_FILE_BYTES = 1024 * 1024
_LOCK, _APPEND_ONLY, _MODE = "inbox.lock", "appendonlydir", "inbox.mode"


class Holder(msgspec.Struct, frozen=True, omit_defaults=True):
    """The process that holds a data directory, as written in its lock file. It has a `url` once it listens."""

    pid: int
    command: str
    mode: Mode
    since: str
    url: str | None = None

    @classmethod
    def this_process(cls, command: str, mode: Mode) -> Holder:
        return cls(os.getpid(), command, mode, datetime.now(UTC).isoformat(timespec="seconds"))

    def __str__(self) -> str:
        address = f" at {self.url}" if self.url else ""
        return f"process {self.pid} (inbox {self.command}{address}, since {self.since})"


class DirectoryInUse(StartupError):
    """Another process holds the data directory; `holder` is None until that process has written the lock file."""

    def __init__(self, path: Path, holder: Holder | None) -> None:
        super().__init__(f"the data directory {path} is in use by {holder or 'another process'}")
        self.holder = holder


class DataDirectory:
    """The files of one data directory, which the constructor creates, readable by its owner only.

    All files belong to the user `owner`; root works on them as that user. The constructor raises StartupError when the
    directory cannot be created, or belongs to another user than this process's.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.abspath(path))
        self.pid_file, self.log_file = self.path / "store.pid", self.path / "store.log"
        self.store_lock = self.path / "store.lock"  # the store's own process locks it for as long as it lives
        self._socket_note = self.path / "store.socket-path"
        self.owner = owner_of(self.path, self.path / _APPEND_ONLY)
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error

    @staticmethod
    def was_used(path: Path) -> bool:
        """Return whether a service has held the directory at this path, or data was put there; create nothing.

        Raise StartupError when the directory belongs to another user than this process's.
        """
        owner_of(path, path / _APPEND_ONLY)
        return (path / _LOCK).exists() or (path / _APPEND_ONLY).is_dir()

    @property
    def has_data(self) -> bool:
        """Whether a store that keeps its data has run here."""
        return (self.path / _APPEND_ONLY).is_dir()

    def lock_store(self) -> FileLock | None:
        """Return the lock of the store's process, or None while a store holds it."""
        with self.owner.acting():
            return FileLock.acquire(self.store_lock)

    def open_log(self) -> BinaryIO:
        """Open the store's log for writing: at its end, or from the start once it is larger than 1 MiB."""
        with self.owner.acting():
            is_large = self.log_file.exists() and self.log_file.stat().st_size > LOG_FILE_BYTES
            return self.log_file.open("wb" if is_large else "ab")

    @property
    def served_mode(self) -> Mode | None:
        """The mode of the service that was started here last; None if no file says so."""
        try:
            text = (self.path / _MODE).read_text(errors="replace").strip()
        except OSError:
            return None
        return next((mode for mode in get_args(Mode) if mode == text), None)

    @contextmanager
    def hold(self, holder: Holder) -> Iterator[FileLock]:
        """Hold the directory during the block. Raise DirectoryInUse, or StartupError when it is not writable."""
        try:
            with self.owner.acting():
                lock = FileLock.acquire(self.path / _LOCK)
                if lock and holder.command == SERVE:
                    (self.path / _MODE).write_text(f"{holder.mode}\n")
        except OSError as error:
            raise self._unusable(error) from error
        if lock is None:
            raise DirectoryInUse(self.path, self.read_holder())
        try:
            lock.write(msgspec.json.encode(holder))
            yield lock
            lock.write(b"")  # a later reader must not believe that this process still holds it
        finally:
            lock.close()

    def read_holder(self) -> Holder | None:
        """Return the last writer of the lock file; None while it is empty."""
        try:
            return msgspec.json.decode((self.path / _LOCK).read_bytes(), type=Holder)
        except (OSError, msgspec.DecodeError):
            return None

    def socket_path(self) -> Path:
        """Return where the store listens: in the directory, or at the path that `choose_socket_path` has noted."""
        try:
            with self.owner.acting():
                return Path(self._socket_note.read_text().strip())
        except OSError:
            return self.path / "store.sock"

    def choose_socket_path(self) -> Path:
        """Return a path that a store about to start can listen at.

        A path too long for the system is replaced by a short one in a private directory of the temp directory. It is
        noted in a file, by which other processes find the store.
        """
        inside = self.path / "store.sock"
        noted_path = self.socket_path()
        with self.owner.acting():
            if _fits(inside):
                self._socket_note.unlink(missing_ok=True)
                return inside
            if noted_path != inside and _is_private(noted_path.parent):
                return noted_path
            outside = _short_directory() / "store.sock"
            self._socket_note.write_text(f"{outside}\n")
            return outside

    def clear_store(self) -> None:
        """Remove the socket and the pid file of a store that has ended."""
        path = self.socket_path()
        with self.owner.acting():
            path.unlink(missing_ok=True)
            if path.parent != self.path and _is_private(path.parent):
                path.parent.rmdir()
            self._socket_note.unlink(missing_ok=True)
            self.pid_file.unlink(missing_ok=True)

    def _unusable(self, error: OSError) -> StartupError:
        user = "" if self.owner.is_this_process else f" as {self.owner.name}, its owner"
        return StartupError(
            f"the data directory {self.path} cannot be used{user}: {error.strerror}; set INBOX_DATA_DIR"
        )


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) < SOCKET_PATH_BYTES


def _short_directory() -> Path:
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 (mkdtemp makes it private and unguessable)
        if _fits(Path(parent) / "inbox-xxxxxxxx" / "store.sock"):
            return Path(tempfile.mkdtemp(prefix="inbox-", dir=parent))
    raise StartupError("no directory with a path short enough for the store's socket: set TMPDIR or INBOX_DATA_DIR")


def _is_private(path: Path) -> bool:
    """Return whether the path is a directory that no other user could have created or can write to."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
