"""What an operator looks up and tries: send, follow, list, figures, completion, and JSON from every command."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from typer.main import get_command

from inbox.cli import cli
from tests.conftest import RunServer
from tests.support.client import Api
from tests.support.processes import REPOSITORY, ForkedChild, wait_until
from tests.support.server import Server
from tests.support.sockets import PlainSocket

from .conftest import environment, run_inbox
from .test_cli import failure_of

pytestmark = pytest.mark.needs("valkey")


@pytest.fixture
async def server(run_server: RunServer, valkey_url: str, key_prefix: str) -> Server:
    return await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix)


async def ask(server: Server, *arguments: str) -> Any:
    """The JSON that a command prints."""
    ended = await asyncio.to_thread(run_inbox, *arguments, "--json", **server.settings)
    assert ended.returncode == 0, ended
    return json.loads(ended.stdout)


async def lines(server: Server, *arguments: str) -> list[list[str]]:
    """The columns of each line that a command prints."""
    ended = await asyncio.to_thread(run_inbox, *arguments, **server.settings)
    assert ended.returncode == 0, ended
    return [line.split("\t") for line in ended.stdout.splitlines()]


async def refusal(server: Server, *arguments: str) -> str:
    return failure_of(await asyncio.to_thread(run_inbox, *arguments, **server.settings))


async def test_a_message_without_a_workflow(server: Server) -> None:
    async with PlainSocket.open(server, "ada") as ada:
        text = "{{payload.subject}} stays as it is"
        sent = await ask(server, "send", text, "--to", "ada", "--to", "bob", "--subject", "Hi", "--url", "/orders")
        assert [one["subscriberId"] for one in sent["recipients"]] == ["ada", "bob"]
        message = (await ada.expect("notification_received"))["message"]
        assert (message["content"], message["subject"]) == (text, "Hi")
        assert message["cta"]["data"]["url"] == "/orders"
        assert message["cta"]["action"]["buttons"] == []
        await ask(server, "send", "Go", "--to", "ada", "--url", "/x", "--button", "Open")
        pressed = (await ada.expect("notification_received"))["message"]
        assert [one["content"] for one in pressed["cta"]["action"]["buttons"]] == ["Open"]
    async with Api.open(server) as api:
        assert (await api.call("GET", "/v2/workflows", 200))["data"]["workflows"] == []
        await api.data("PATCH", "/v2/subscribers/ada/preferences", 200, {"channels": {"in_app": False}})
    assert [line[1:] for line in (await lines(server, "send", "More", "--to", "ada"))[1:]] == [["in-app", "delivered"]]
    assert await refusal(server, "send", " ", "--to", "ada") == "TEXT should not be empty"


async def test_messages_are_listed_shown_and_deleted(server: Server) -> None:
    sent = await ask(server, "send", "one\ntwo", "--to", "ada", "--to", "bob")
    later = await ask(server, "send", "three", "--to", "ada")
    every = await lines(server, "messages", "list")
    assert sorted((line[2], line[5]) for line in every) == [("ada", "one two"), ("ada", "three"), ("bob", "one two")]
    listed = await ask(server, "messages", "list", "--subscriber", "ada", "--limit", "1")
    assert [(one["content"], one["subscriberId"]) for one in listed] == [("three", "ada")]
    message_id = later["recipients"][0]["steps"][0]["messageId"]
    assert listed[0]["_id"] == message_id
    shown = {line[0]: line[1] for line in await lines(server, "messages", "show", message_id)}
    assert (shown["subscriber"], shown["state"], shown["text"]) == ("ada", "unseen", "three")
    assert (await ask(server, "messages", "show", message_id))["content"] == "three"
    assert await refusal(server, "messages", "delete", message_id) == (
        "this cannot be undone: add --yes when nobody can be asked"
    )
    async with PlainSocket.open(server, "ada") as ada:
        assert await ask(server, "messages", "delete", message_id, "--yes") == {"deleted": 1}
        assert (await ada.expect("unseen_count_changed"))["unseenCount"] == 1
    transaction = sent["transactionId"]
    assert len(await lines(server, "messages", "list", "--transaction", transaction)) == 2
    assert await ask(server, "messages", "delete", "--transaction", transaction, "-y") == {"deleted": 2}
    assert await lines(server, "messages", "list") == []
    assert "was not found" in await refusal(server, "messages", "show", message_id)
    assert await refusal(server, "messages", "delete", "-y") == (
        "name messages by ID, or all of a transaction by --transaction"
    )


async def test_what_people_write_does_not_steer_the_terminal(server: Server) -> None:
    sent = await ask(server, "send", "red\x1b[31m\x07\x9b2J", "--to", "ada", "--subject", "\x1b]0;title\x07")
    async with Api.open(server) as api:
        await api.data("PATCH", "/v2/subscribers/ada", 200, {"firstName": "A\x1b[2Jda"})
    message_id = sent["recipients"][0]["steps"][0]["messageId"]
    shown = {line[0]: line[1] for line in await lines(server, "messages", "show", message_id)}
    assert (shown["text"], shown["subject"]) == ("red\\x1b[31m\\x07\\x9b2J", "\\x1b]0;title\\x07")
    for command in (["messages", "list"], ["subscribers", "list"], ["subscribers", "show", "ada"]):
        printed = [value for line in await lines(server, *command) for value in line]
        assert any("\\x1b" in value for value in printed)
        assert all(value.isprintable() for value in printed)


async def test_subscribers_are_listed_and_shown(server: Server) -> None:
    async with Api.open(server) as api, PlainSocket.open(server, "bob"):
        await api.create_subscriber("ada", firstName="Ada", lastName="Byron", email="ada@example.com")
        await ask(server, "send", "Hello", "--to", "ada")
        rows = {line[0]: line for line in await lines(server, "subscribers", "list")}
        assert rows["ada"][1:3] == ["Ada Byron", "ada@example.com"]
        assert (rows["ada"][4], rows["bob"][4]) == ("never", "online")
        assert [line[0] for line in await lines(server, "subscribers", "list", "--name", "byr")] == ["ada"]
        assert [line[0] for line in await lines(server, "subscribers", "online")] == ["bob"]
        online = await ask(server, "subscribers", "online")
        assert (online["totalCount"], [one["subscriberId"] for one in online["data"]]) == (1, ["bob"])
        shown = {line[0]: line[1] for line in await lines(server, "subscribers", "show", "ada")}
        assert (shown["email"], shown["isOnline"], shown["feed"]) == ("ada@example.com", "no", "1 unseen, 1 unread")
        feeds = (await ask(server, "subscribers", "show", "ada"))["feeds"]
        assert feeds == [{"contextKeys": [], "unseen": 1, "unread": 1}]
        assert "was not found" in await refusal(server, "subscribers", "show", "nobody")


async def test_a_list_goes_on_over_pages(server: Server) -> None:
    async with Api.open(server) as api:
        many = [{"subscriberId": f"s{number:03}"} for number in range(230)]
        await api.data("POST", "/v1/subscribers/bulk", 201, {"subscribers": many})
    listed = await ask(server, "subscribers", "list", "--limit", "220")
    assert len({one["subscriberId"] for one in listed["data"]}) == 220
    assert listed["totalCount"] == 230


async def test_figures(server: Server) -> None:
    async with PlainSocket.open(server, "ada"):
        await ask(server, "send", "Hello", "--to", "ada", "--to", "bob")
        figures = await ask(server, "stats")
        assert figures["processes"] == 1
        assert figures["redis"][0]["usedBytes"] > 0
        [production] = [one for one in figures["environments"] if one["environment"] == "Production"]
        assert (production["subscribers"], production["online"]) == (2, 1)
        assert production["lastHour"] == {"delivered": 2}
        rows = {line[0]: line[1:] for line in await lines(server, "stats")}
        assert rows["Production"] == ["2", "1", "0", "0", "2 delivered", "0 waiting, 0 failed"]


@pytest.fixture
def tails(tmp_path: Path) -> Iterator[list[ForkedChild]]:
    started: list[ForkedChild] = []
    yield started
    for tail in started:
        tail.kill()


def start_tail(server: Server, log_path: Path, *arguments: str) -> ForkedChild:
    env = environment(**server.settings)
    return ForkedChild(["tail", "--json", *arguments], env=env, log_path=log_path, cwd=REPOSITORY)


async def test_the_activity_is_followed(server: Server, tmp_path: Path, tails: list[ForkedChild]) -> None:
    await ask(server, "send", "before", "--to", "ada")
    tails += [start_tail(server, tmp_path / "all"), start_tail(server, tmp_path / "bob", "--subscriber", "bob")]

    def shown(tail: ForkedChild) -> list[Any]:
        return [json.loads(line) for line in tail.log().splitlines()]

    await asyncio.to_thread(wait_until, lambda: len(shown(tails[0])) == 1, "the earlier one is shown", 120)
    sent = await ask(server, "send", "after", "--to", "ada", "--to", "bob")
    await asyncio.to_thread(wait_until, lambda: len(shown(tails[0])) == 3, "both new ones are shown", 120)
    await asyncio.to_thread(wait_until, lambda: len(shown(tails[1])) == 1, "that of bob is shown", 120)
    for tail in tails:
        tail.signal(signal.SIGINT)
        assert await asyncio.to_thread(tail.wait) == 0
    last = shown(tails[1])[0]
    assert last == {
        "time": last["time"],
        "outcome": "delivered",
        "subscriberId": "bob",
        "workflowId": "direct-message",
        "stepId": "in-app",
        "transactionId": sent["transactionId"],
        "notificationId": last["notificationId"],
        "messageId": sent["recipients"][1]["steps"][0]["messageId"],
    }


async def test_the_activity_is_filtered(server: Server) -> None:
    async with Api.open(server) as api:
        await api.create_workflow("order")
        await api.create_subscriber("eve")
        await api.data("PATCH", "/v2/subscribers/eve/preferences", 200, {"channels": {"in_app": False}})
        triggered = await api.trigger(["ada", "eve"], {"n": 1}, workflow="order")
        await api.call("GET", "/v1/notifications", 200)  # writes what waits in that process
    await ask(server, "send", "Hello", "--to", "eve")

    async def found(*arguments: str) -> list[tuple[str, str, str]]:
        return sorted((line[1], line[2], line[3]) for line in await lines(server, "tail", "--no-follow", *arguments))

    every = [
        ("delivered", "ada", "order"),
        ("delivered", "eve", "direct-message"),
        ("suppressed", "eve", "order"),
    ]
    assert await found() == every
    assert await found("--subscriber", "eve") == every[1:]
    assert await found("--workflow", "order") == [every[0], every[2]]
    assert await found("--outcome", "suppressed") == [every[2]]
    assert await found("--transaction", triggered["transactionId"]) == [every[0], every[2]]
    assert len(await found("--lines", "1")) == 1
    assert await found("--lines", "0") == []
    assert (await refusal(server, "tail", "--outcome", "lost")).startswith("--outcome: there is no lost, there are ")


@pytest.mark.parametrize(
    ("words", "expected"), [("inbox subscr", {"subscribers"}), ("inbox messages ", {"list", "show", "delete"})]
)
def test_a_shell_completes_commands(words: str, expected: set[str]) -> None:
    asked = {"_INBOX_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    ended = run_inbox(**asked)
    assert set(ended.stdout.split()) == expected
    assert "_INBOX_COMPLETE=complete_bash" in run_inbox("--show-completion", "bash").stdout


WITHOUT_JSON = {
    "serve": "it runs until it is stopped",
    "subscribers export": "it writes JSON anyway",
    "workflows pull": "it writes YAML",
}


def commands_of(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command, by its words."""
    subcommands = getattr(command, "commands", {})
    if not subcommands or getattr(command, "invoke_without_command", False):
        yield " ".join(path), command
    for name, subcommand in subcommands.items():
        yield from commands_of(subcommand, (*path, name))


def test_every_command_speaks_json() -> None:
    commands = dict(commands_of(get_command(cli)))
    assert len(commands) > 30
    without = {
        name
        for name, command in commands.items()
        if not any("--json" in getattr(parameter, "opts", ()) for parameter in command.params)
    }
    assert without == set(WITHOUT_JSON)
