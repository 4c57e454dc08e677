"""The owner of a data directory: its files stay that user's, even if root starts the store in it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inbox.errors import StartupError

ROOT = 0


@dataclass(frozen=True, slots=True)
class Owner:
    """The user and group that own the files of a data directory."""

    uid: int
    gid: int

    @classmethod
    def this_process(cls) -> Owner:
        return cls(os.geteuid(), os.getegid())

    @property
    def is_this_process(self) -> bool:
        return self.uid == os.geteuid()

    @property
    def name(self) -> str:
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Read and write files as this user during the block, which must not await: the change holds for all threads.

        Besides giving the files to their owner, this keeps root from following links that the owner placed.
        """
        if self.is_this_process:
            yield
            return
        before = Owner.this_process()
        os.setegid(self.gid)
        try:
            os.seteuid(self.uid)
            yield
        finally:
            os.seteuid(before.uid)
            os.setegid(before.gid)

    def become(self) -> None:
        """Run as this user from now on, for good: for a child process that root has just forked."""
        os.setgroups([self.gid])
        os.setgid(self.gid)
        os.setuid(self.uid)


def owner_of(directory: Path, data: Path) -> Owner:
    """Return the owner of the data of a directory, or of the directory while it has none.

    Raise StartupError if this process runs as neither the owner nor root: the owner could not read what it writes.
    """
    this_process = Owner.this_process()
    data_owner = _status_owner(data)
    owner = data_owner or _status_owner(directory)
    if owner is None or owner.is_this_process:
        return this_process
    if this_process.uid == ROOT:
        return owner
    if data_owner is None and os.access(directory, os.W_OK | os.X_OK):
        return this_process  # a shared directory that no store has used yet
    raise StartupError(
        f"the data directory {directory} belongs to the user {owner.name}: run this command as {owner.name} "
        f"(sudo -u {owner.name} …) or as root"
    )


def _status_owner(path: Path) -> Owner | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return Owner(status.st_uid, status.st_gid)
