"""What the README says to type, typed: each line against a service as `make run` starts it."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ..support.processes import REPOSITORY
from .conftest import Service, banner_value, environment

pytestmark = [pytest.mark.needs("valkey"), pytest.mark.needs("curl"), pytest.mark.needs("openssl")]

BLOCK = re.compile(r"(?:^    .*\n|^\n(?=    ))+", re.MULTILINE)


def block(beginning: str) -> str:
    """The one block of the README that begins so, as somebody copies it."""
    blocks = [re.sub("^    ", "", found[0], flags=re.MULTILINE) for found in BLOCK.finditer(README)]
    (found,) = [one for one in blocks if one.lstrip().startswith(beginning)]
    return found


README = (REPOSITORY / "README.md").read_text()


class Shell:
    """The second shell: `inbox` on its PATH, the key of the banner in API_KEY."""

    def __init__(self, service: Service, bin_directory: Path) -> None:
        bin_directory.mkdir()
        command = bin_directory / "inbox"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m inbox "$@"\n')
        command.chmod(0o755)
        self.service = service
        self.api_key = banner_value(service.log(), "API key")
        self.environment = environment(INBOX_DATA_DIR=str(service.data), API_KEY=self.api_key)
        self.environment["PATH"] = f"{bin_directory}:{self.environment['PATH']}"

    def run(self, text: str) -> str:
        """What a text prints when it is pasted."""
        script = text.replace("http://127.0.0.1:8000", self.service.url)
        ended = subprocess.run(
            ["sh", "-e", "-c", script],
            **{"env": self.environment, "cwd": REPOSITORY, "stdin": subprocess.DEVNULL},
            **{"capture_output": True, "text": True, "timeout": 60, "check": False},
        )
        assert ended.returncode == 0, ended
        return ended.stdout

    def feed(self) -> Sequence[dict[str, object]]:
        """Alice's notifications, the newest first."""
        ask = 'curl -sf "http://127.0.0.1:8000/v1/inbox/notifications" -H "Authorization: Bearer $(inbox token '
        found: Sequence[dict[str, object]] = json.loads(self.run(f'{ask}--subscriber alice)"'))["data"]
        return found


@pytest.fixture
async def shell(make_service: Callable[..., Service]) -> Shell:
    service = make_service(INBOX_MODE="development")
    await service.start("--demo")
    return Shell(service, service.home / "bin")


def test_sending_by_curl(shell: Shell) -> None:
    first, *others = block("curl -X POST http://127.0.0.1:8000/v1/events/trigger").split("\n\n")
    assert not any(other.strip() for other in others)
    shell.run(first)
    shell.run(block("curl -X POST http://127.0.0.1:8000/v2/workflows"))
    newest, oldest = shell.feed()
    assert (oldest["subject"], oldest["body"]) == ("Hello", "It works.")
    assert (newest["subject"], newest["body"]) == ("Order 42 is on its way", "Hello Alice, it left us today.")


def test_the_hash_and_the_badge(shell: Shell) -> None:
    digest = hmac.new(shell.api_key.encode(), b"alice", hashlib.sha256).hexdigest()
    assert shell.run(block("printf alice")) == f"{digest}\n"
    shell.run(block("curl -X POST http://127.0.0.1:8000/v1/events/trigger"))
    counts = json.loads(shell.run(block("TOKEN=")))["data"]
    assert counts == [{"count": 1, "filter": {"read": False, "snoozed": False}}]


def test_workflows_of_files(shell: Shell) -> None:
    shown = shell.run(block("inbox workflows check"))
    sent = r"processed\t\S+\nalice\tin-app\tdelivered\n"
    assert re.fullmatch(rf"1 workflow: nothing wrong\ncreated\torder-shipped\n{sent}", shown)
    (message,) = shell.feed()
    assert (message["subject"], message["body"]) == ("Order 7 is on its way", "Hello there, it left us today.")
    action = message["primaryAction"]
    assert isinstance(action, dict)
    assert action["redirect"] == {"url": "https://example.com/t/7", "target": "_blank"}
