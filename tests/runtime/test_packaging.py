"""What is delivered: the wheel serves everything from an empty environment, and `make run` works where it is cloned."""

from __future__ import annotations

import email
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from inbox import __version__
from inbox.routes.static import BUNDLE, bundle_of

from ..support.bundle import make_bundle
from ..support.processes import REPOSITORY, ChildProcess
from .conftest import Service, banner_value, environment, is_running

SOURCES = ("Makefile", "requirements", "pyproject.toml", "inbox", "static")
LOCKS = [REPOSITORY / "requirements" / name for name in ("run.txt", "test.txt")]


@pytest.fixture(scope="module")
def wheel() -> Iterator[Path]:
    """The wheel, built from the tree without network."""
    with tempfile.TemporaryDirectory(prefix="inbox-wheel-") as directory:
        build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", directory]
        ended = subprocess.run(build, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        (built,) = Path(directory).glob("*.whl")
        yield built


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Iterator[Path]:
    """The `inbox` command of an environment that holds the wheel alone; its requirements are borrowed from this one."""
    with tempfile.TemporaryDirectory(prefix="inbox-installed-") as directory:
        home = Path(directory)
        make_environment(home)
        pip = [sys.executable, "-m", "pip", "--isolated", "--python", str(home / "bin" / "python")]
        subprocess.run([*pip, "install", "--quiet", "--no-index", "--no-deps", str(wheel)], check=True, cwd=home)
        yield home / "bin" / "inbox"


def make_environment(path: Path) -> None:
    """A virtual environment that sees the packages installed in this one."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(path)
    (packages,) = path.glob("lib/python3*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")


def test_the_wheel_holds_every_file(wheel: Path) -> None:
    assert wheel.name == f"inbox_server-{__version__}-py3-none-any.whl"
    held = set(zipfile.ZipFile(wheel).namelist())
    modules = {
        path.relative_to(REPOSITORY) for path in (REPOSITORY / "inbox").rglob("*") if path.suffix in (".py", ".lua")
    }
    static = {
        Path("inbox") / path.relative_to(REPOSITORY) for path in (REPOSITORY / "static").rglob("*") if path.is_file()
    }
    assert {str(path) for path in modules | static} <= held
    assert not [name for name in held if "__pycache__" in name or name.startswith(("tests/", "data/"))]


@pytest.mark.needs("node", "npm")
def test_a_bundle_goes_into_the_wheel(tmp_path: Path) -> None:
    """Git ignores it; a release is built after `make bundle`."""
    tree, unpacked = tmp_path / "tree", tmp_path / "unpacked"
    tree.mkdir()
    for name in (".gitignore", "LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tree / name)
    for name in ("inbox", "static"):
        shutil.copytree(REPOSITORY / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", BUNDLE))
    make_bundle(tree / "static")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    ended = subprocess.run(build, cwd=tree, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    [built] = tmp_path.glob("*.whl")
    zipfile.ZipFile(built).extractall(unpacked)
    bundle = bundle_of(unpacked / "inbox" / "static")
    assert bundle is not None
    made = {path.relative_to(tree / "static" / BUNDLE): path for path in (tree / "static" / BUNDLE).rglob("*")}
    assert Path("inbox.js") in made
    assert all((bundle / name).read_bytes() == path.read_bytes() for name, path in made.items() if path.is_file())


def test_a_package_index_can_show_the_readme(wheel: Path) -> None:
    """It has no repository beside it: every link, and the picture, is a whole address or a place on the page."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        page = email.message_from_bytes(archive.read(name)).get_payload()
    assert isinstance(page, str)
    targets = re.findall(r"\]\(([^)]+)\)", page)
    assert len(targets) > 10
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []


def test_the_installed_command(installed: Path, home: Path) -> None:
    shown = subprocess.run([installed, "--version"], capture_output=True, text=True, check=True, cwd=home)
    assert shown.stdout == f"inbox {__version__}\n"
    where = [str(installed.with_name("python")), "-c", "import inbox; print(inbox.__file__)"]
    found = subprocess.run(where, capture_output=True, text=True, check=True, cwd=home).stdout
    assert found.startswith(str(installed.parents[1])), "it is the wheel that runs, not the tree"


@pytest.mark.needs("valkey")
async def test_the_installed_service_serves_everything(
    installed: Path, home: Path, make_service: Callable[..., Service]
) -> None:
    service = make_service(INBOX_MODE="development")
    command = [str(installed), "serve", "--demo"]
    log_path = service.home / "service.log"
    service.process = ChildProcess(command, env=environment(**service.settings), log_path=log_path, cwd=home)
    await service.wait_status(200)
    async with httpx.AsyncClient(base_url=service.url, trust_env=False) as client:
        page = await client.get("/")
        assert page.status_code == 200
        assert "<html" in page.text
        sources = REPOSITORY / "static"
        bundle = bundle_of(sources) or sources
        files = [path for path in sources.rglob("*") if path.is_file() and sources / BUNDLE not in path.parents]
        assert files
        for path in [path for path in files if path.suffix != ".html"]:  # pages have routes of their own
            name = path.relative_to(sources)
            served = await client.get(f"/static/{name.as_posix()}")
            assert served.content == (bundle / name if (bundle / name).is_file() else path).read_bytes(), name
    assert await service.stop() == 0


@pytest.fixture
def checkout(home: Path) -> Path:
    """A copy of the tree at a path with a space, as a clone would make it."""
    copy = home / "a check out"
    copy.mkdir()
    for name in SOURCES:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    return copy


def prepare(checkout: Path, lock: Path) -> None:
    """What a former `make run` or `make test` left: an environment that is up to date."""
    make_environment(checkout / ".venv")
    shutil.copy(lock, checkout / ".venv" / "lock")


async def make_run(checkout: Path, home: Path, service: Service) -> None:
    """`make run` in a clone, with an empty home directory, until it answers; then Ctrl-C, and nothing is left."""
    (home / "empty").mkdir()
    env = environment(INBOX_PORT=str(service.port), HOME=str(home / "empty"))
    log_path = service.home / "service.log"
    service.data = checkout / "data"
    service.process = ChildProcess(["make", "run"], env=env, log_path=log_path, cwd=checkout)
    await service.wait_status(200)
    assert banner_value(service.log(), "Demo") == f"{service.url}/"
    store = service.store_pid
    holder = service.holder()
    assert holder["mode"] == "development"
    os.killpg(service.running.pid, signal.SIGINT)  # as the terminal sends Ctrl-C: to make and all it started
    service.running.wait()
    assert not is_running(int(str(holder["pid"])))
    assert not is_running(store)
    assert "INFO inbox.server stopped" in service.log()


def test_the_command_of_a_checkout(checkout: Path, home: Path) -> None:
    """It runs from any directory, also one with an `inbox` of its own, and is given to environments made before."""
    prepare(checkout, LOCKS[0])
    assert install(checkout, "run").returncode == 0
    elsewhere = home / "elsewhere"
    (elsewhere / "inbox").mkdir(parents=True)
    (elsewhere / "inbox" / "__init__.py").write_text("raise SystemExit('not this one')")
    command = [checkout / ".venv" / "bin" / "inbox", "--version"]
    shown = subprocess.run(command, cwd=elsewhere, env=environment(), capture_output=True, text=True, check=True)
    assert shown.stdout == f"inbox {__version__}\n"


@pytest.mark.needs("valkey")
@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
async def test_make_run(checkout: Path, home: Path, lock: Path, make_service: Callable[..., Service]) -> None:
    prepare(checkout, lock)
    service = make_service()
    await make_run(checkout, home, service)
    assert "Installing" not in service.log()


@pytest.mark.slow
@pytest.mark.needs("valkey")
async def test_make_run_from_nothing(
    checkout: Path, home: Path, make_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole of it: the environment is made and filled from the lock file."""
    monkeypatch.setattr("tests.runtime.conftest.READY_SECONDS", 300)
    service = make_service()
    await make_run(checkout, home, service)
    assert "Installing requirements/run.txt into .venv" in service.log()


def install(checkout: Path, which: str, **others: str) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", "requirements/install.sh", which]
    return subprocess.run(command, cwd=checkout, env=environment(**others), capture_output=True, text=True, check=False)


def stand_in(directory: Path, name: str, script: str) -> None:
    program = directory / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_an_environment_is_filled_once_for_each_lock(checkout: Path) -> None:
    offline = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    run, test = (checkout / "requirements" / name for name in ("run.txt", "test.txt"))
    run.write_text("# nothing\n")
    assert "Installing requirements/run.txt" in install(checkout, "run", **offline).stdout
    assert install(checkout, "run", **offline).stdout == ""

    run.write_text("no-such-package-of-ours==1 --hash=sha256:" + "0" * 64 + "\n")
    for _ in range(2):  # what failed is tried again
        failed = install(checkout, "run", **offline)
        assert failed.returncode == 1
        assert failed.stderr.endswith("inbox: the packages of requirements/run.txt could not be installed: see above\n")

    test.write_text("# nothing more\n")
    assert "Installing requirements/test.txt" in install(checkout, "test", **offline).stdout
    assert install(checkout, "run", **offline).stdout == "", "what the tests need covers what the service needs"


def test_an_installation_shows_each_package_as_it_comes(checkout: Path, wheel: Path) -> None:
    """Without a terminal too, as in a log of a build."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (checkout / "requirements" / "run.txt").write_text(f"inbox-server=={__version__} --hash=sha256:{digest}\n")
    offline = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": str(wheel.parent)}
    shown = install(checkout, "run", **offline)
    assert (shown.returncode, shown.stdout) == (
        0,
        f"Installing requirements/run.txt into .venv ...\n  {wheel.name}\n  writing files ...\n",
    )


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("exit 1", "Python 3.11 or newer is needed"),
        ('case "$*" in *ensurepip*) exit 1;; esac', "install its venv module"),
    ],
    ids=["old", "no venv"],
)
def test_a_python_that_will_not_do(checkout: Path, home: Path, script: str, line: str) -> None:
    programs = home / "bin"
    programs.mkdir()
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        stand_in(programs, name, script)
    failed = install(checkout, "run", PATH=f"{programs}{os.pathsep}{os.environ['PATH']}")
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.count("\n") == 1
    assert line in failed.stderr


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_pins_everything_by_hash_and_names_no_host(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    pins = re.split(
        r"^(?=[a-z0-9])", re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE | re.IGNORECASE
    )
    pins = [pin for pin in pins if pin.strip()]
    assert len(pins) > 30
    for pin in pins:
        assert re.match(r"[\w.-]+(\[[\w,]+\])?==[\w.]+( ; .*)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+", pin), pin


def test_the_locks_agree_with_each_other_and_with_the_project() -> None:
    pinned = [dict(re.findall(r"^([\w.-]+)==([\w.]+)", lock.read_text(), re.MULTILINE)) for lock in LOCKS]
    run, test = pinned
    assert run.items() <= test.items()
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    direct = {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in requirements}
    assert len(direct) > 20
    assert direct <= {name.lower() for name in test}
