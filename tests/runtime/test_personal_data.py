"""`inbox subscribers`: export and erase from a shell."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from ..support.processes import REPOSITORY
from .conftest import environment, run_inbox
from .test_cli import failure

Settings = dict[str, str]


@pytest.fixture
def settings(valkey_url: str, key_prefix: str) -> Settings:
    """A store with one subscriber, ada."""
    given = {"INBOX_REDIS_URL": valkey_url, "INBOX_KEY_PREFIX": key_prefix}
    assert run_inbox("token", "--subscriber", "ada", **given).returncode == 0
    return given


def test_the_document_goes_to_standard_output(settings: Settings) -> None:
    shown = run_inbox("subscribers", "export", "ada", **settings)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert json.loads(shown.stdout)["subscriber"]["subscriberId"] == "ada"


def test_the_document_goes_to_a_file_that_only_its_owner_reads(settings: Settings, tmp_path: Path) -> None:
    output = tmp_path / "ada.json"
    shown = run_inbox("subscribers", "export", "ada", "--output", str(output), **settings)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")
    assert json.loads(output.read_text())["subscriber"]["subscriberId"] == "ada"
    assert output.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [output]


def test_what_cannot_be_exported_is_one_line(settings: Settings, tmp_path: Path) -> None:
    output = tmp_path / "none" / "ada.json"
    line = failure("subscribers", "export", "ada", "--output", str(output), **settings)
    assert line == f"--output: {output} cannot be written: No such file or directory"
    assert failure("subscribers", "export", "bob", **settings) == "Subscriber: bob was not found"
    line = failure("subscribers", "export", "bob", "-o", str(tmp_path / "bob.json"), **settings)
    assert line == "Subscriber: bob was not found"
    assert list(tmp_path.iterdir()) == []
    assert failure("subscribers", "export", " ", **settings) == "subscriberId should not be empty"


def run_in_terminal(*arguments: str, **settings: str) -> tuple[int, str, str]:
    """Exit code, standard output and what a terminal shows as standard error."""
    main_end, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "inbox", *arguments],
        env=environment(TERM="xterm", **settings),
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
    ) as process:
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # how a terminal ends when nobody has it any more
            while part := os.read(main_end, 4_096):
                shown += part
        assert process.stdout is not None
        output = process.stdout.read()
    os.close(main_end)
    return process.returncode, output, shown.decode()


def test_long_commands_show_on_a_terminal_that_they_go_on(settings: Settings, tmp_path: Path) -> None:
    code, output, shown = run_in_terminal("subscribers", "export", "ada", **settings)
    assert (code, json.loads(output)["subscriber"]["subscriberId"]) == (0, "ada")
    assert "exporting" in shown
    code, output, shown = run_in_terminal("subscribers", "erase", "ada", "--yes", **settings)
    assert code == 0
    assert output.startswith("subscribers\t1\n")
    assert "erasing" in shown


def test_erasing_shows_what_went_as_json(settings: Settings) -> None:
    shown = run_inbox("subscribers", "erase", "ada", "--yes", "--json", **settings)
    assert (shown.returncode, shown.stderr) == (0, "")
    answer = json.loads(shown.stdout)
    assert (answer["status"], answer["removed"]["subscribers"]) == ("erased", 1)
    assert answer["outOfReach"]


def test_erasing_shows_what_went(settings: Settings) -> None:
    line = failure("subscribers", "erase", "ada", **settings)
    assert line == "this cannot be undone: add --yes when nobody can be asked"
    shown = run_inbox("subscribers", "erase", "ada", "--yes", **settings)
    assert shown.returncode == 0
    lines = dict(line.split("\t") for line in shown.stdout.splitlines())
    assert (lines["subscribers"], lines["messages"]) == ("1", "0")
    assert lines["append-only file"] in ("requested", "busy")
    assert "not erased: backups" in shown.stderr
    assert failure("subscribers", "erase", "ada", "--yes", **settings) == "Subscriber: ada was not found"
    assert failure("subscribers", "export", "ada", **settings) == "Subscriber: ada was not found"
