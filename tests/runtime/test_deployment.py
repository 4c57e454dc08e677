"""The files for a deployment: the unit, the image, the composition; and a backup that is restored."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from inbox.settings import Settings, variable_name
from tests.conftest import RunServer, binary_of
from tests.support.stores import running_store

from ..support.processes import REPOSITORY
from .conftest import Service, run_inbox
from .test_cli import read_keys

UNIT, IMAGE, COMPOSITION = (REPOSITORY / name for name in ("deploy/inbox.service", "Dockerfile", "compose.yaml"))


@pytest.mark.parametrize("name", ["deploy/inbox.service", "Dockerfile", "compose.yaml", "docs/deploying.md"])
def test_every_variable_is_a_setting(name: str) -> None:
    settings = {variable_name(field) for field in Settings.model_fields}
    assert set(re.findall(r"\bINBOX_[A-Z_]+\b", (REPOSITORY / name).read_text())) <= settings


@pytest.mark.needs("systemd-analyze")
def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    text = UNIT.read_text()
    assert text.count("/opt/inbox/bin/inbox serve") == 1
    text = text.replace("/opt/inbox/bin/inbox", f'"{sys.executable}"')
    assert complaints(tmp_path, text) == []
    assert len(complaints(tmp_path, text.replace("Restart=always", "Restart=maybe"))) == 1, "it does look"


def complaints(directory: Path, text: str) -> list[str]:
    """What systemd says about the unit."""
    unit = directory / "inbox.service"
    unit.write_text(text)
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    return [line for line in verified.stderr.splitlines() if "inbox.service" in line]


def test_the_unit_waits_for_the_longest_stop() -> None:
    stop = int(re.findall(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)[0])
    grace = yaml.safe_load(COMPOSITION.read_text())["services"]["inbox"]["stop_grace_period"]
    assert grace == f"{stop}s"
    defaults = Settings(mode="production")
    assert defaults.drains_for_seconds + defaults.shutdown_seconds + 20 <= stop


def test_the_image_is_built_from_what_the_ignore_file_lets_through(tmp_path: Path) -> None:
    """Without what is left out the package can be built; its requirements are those of the lock."""
    context = tmp_path / "src"
    kept = [line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name in kept:
        source, target = REPOSITORY / name, context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy(source, target)
    used = re.findall(r"/src/([\w./]+)", IMAGE.read_text())
    assert used == ["requirements/run.txt"]
    assert all((context / name).exists() for name in used)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    built = subprocess.run(build, cwd=context, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert list(tmp_path.glob("*.whl"))


@pytest.mark.needs("valkey")
async def test_the_health_check_of_the_image(make_service: Callable[..., Service]) -> None:
    [check, serve] = [json.loads(command) for command in re.findall(r"^ *CMD (.*)$", IMAGE.read_text(), re.MULTILINE)]
    assert serve == ["inbox", "serve"]
    service = make_service()
    await service.start()
    assert check[0] == "python"
    assert f"'{Settings.model_fields['port'].default}'" in check[2], "it asks at the port of the service"
    command, port = [sys.executable, *check[1:]], str(service.port)
    proxy = {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}
    assert await exit_code_of(command, INBOX_PORT=port, **proxy) == 0
    assert await exit_code_of(command, PORT=port) == 0
    assert await exit_code_of(command, PORT=port, INBOX_PORT="1") == 1
    await service.stop()
    assert await exit_code_of(command, INBOX_PORT=port) == 1


async def exit_code_of(command: list[str], **environment: str) -> int:
    inherited = {name: value for name, value in os.environ.items() if name not in ("INBOX_PORT", "PORT")}
    env = {**inherited, **environment}
    process = await asyncio.create_subprocess_exec(*command, env=env, stderr=asyncio.subprocess.DEVNULL)
    return await process.wait()


@pytest.mark.needs("valkey")
async def test_the_valkey_of_the_composition_keeps_everything(run_server: RunServer) -> None:
    services: dict[str, Any] = yaml.safe_load(COMPOSITION.read_text())["services"]
    program, *options = shlex.split(services["valkey"]["command"])
    assert program == "valkey-server"
    assert services["inbox"]["environment"]["INBOX_REDIS_URL"] == "redis://valkey:6379/0"
    with running_store(binary_of("valkey"), options=options) as store:
        server = await run_server(redis_url=store.url)
        ended = run_inbox("doctor", "--json", **server.settings)
        findings = json.loads(ended.stdout)["findings"]
        assert ended.returncode == 0, findings
        redis = {one["check"]: one["level"] for one in findings if one["part"] == "redis"}
    assert (redis["eviction"], redis["persistence"]) == ("ok", "ok")


@pytest.mark.needs("valkey")
async def test_a_backup_is_restored(make_service: Callable[..., Service]) -> None:
    """The messages, the key and a session that was open are there; the settings have to be kept besides."""
    secret = {"INBOX_SECRET_KEY": "s" * 64}
    service, restored = make_service(**secret), make_service(**secret)
    await service.start()
    data = {"INBOX_DATA_DIR": str(service.data), **secret}
    run_inbox("send", "Kept", "--to", "ada", **data)
    keys = read_keys(run_inbox("keys", **data).stdout)
    token = run_inbox("token", "--subscriber", "ada", **data).stdout.strip()
    await service.stop()
    shutil.copytree(service.data / "appendonlydir", restored.data / "appendonlydir")
    restored.data.chmod(0o700)
    await restored.start()
    async with httpx.AsyncClient(base_url=restored.url, trust_env=False, timeout=60) as client:
        feed = await client.get("/v1/inbox/notifications", headers={"Authorization": f"Bearer {token}"})
        assert [one["body"] for one in feed.json()["data"]] == ["Kept"]
        by_key = {"Authorization": f"ApiKey {keys['INBOX_API_KEY']}"}
        assert (await client.get("/v2/subscribers/ada", headers=by_key)).status_code == 200
    await restored.stop()
    refused = run_inbox("keys", INBOX_DATA_DIR=str(restored.data))
    assert refused.returncode == 1
    assert "INBOX_SECRET_KEY" in refused.stderr
