"""Every type of event by the call that causes it, on each face, through a real service; two services, one killed."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from inbox.services import open_services
from inbox.settings import Settings
from tests.conftest import RunServer
from tests.runtime.conftest import environment
from tests.support.client import Api
from tests.support.forking import run_command
from tests.support.receiver import Receiver
from tests.support.server import API_KEY, APPLICATION_IDENTIFIER, Server, check_log
from tests.support.sockets import PlainSocket
from tests.support.waiting import until

from .faces import open_face

CREATED, SEEN, READ, ARCHIVED = "message.created", "message.seen", "message.read", "message.archived"
SNOOZED, ACTIONED, DELETED = "message.snoozed", "message.actioned", "message.deleted"
UPDATED, RETRACTED = "message.updated", "message.retracted"
PRESENCE = "presence.changed"


def later() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).isoformat()


async def command(server: Server, *arguments: str) -> str:
    """What a command on the service's store prints."""
    settings = {name: value for name, value in server.settings.items() if name not in ("INBOX_PORT", "INBOX_HOST")}
    done = await asyncio.to_thread(run_command, "webhooks", *arguments, env=environment(**settings))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver.running() as receiver:
        yield receiver


async def make_webhook(redis_url: str, key_prefix: str, url: str) -> None:
    """Make the webhook before any service starts: a running one looks at its environment once a second only."""
    settings = Settings(
        redis_url=redis_url,
        key_prefix=key_prefix,
        api_key=SecretStr(API_KEY),
        application_identifier=APPLICATION_IDENTIFIER,
    )
    async with open_services(settings, redis_url) as services:
        await services.webhooks.set(services.environments.current, url, ())


@pytest.fixture
async def server(run_server: RunServer, valkey_url: str, key_prefix: str, receiver: Receiver) -> Server:
    """A service whose events go to the receiver."""
    await make_webhook(valkey_url, key_prefix, receiver.url)
    return await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_PRESENCE_GRACE_SECONDS="0.05")


@pytest.mark.parametrize("kind", ["page", "backend"])
async def test_notifications(server: Server, receiver: Receiver, kind: str) -> None:
    async with open_face(server, kind) as face:
        await face.send(4)
        await face.change(0, "read")
        await face.change(0, "unread")
        await face.change(1, "archive")
        await face.change(1, "unarchive")
        await face.change(2, "snooze", {"snoozeUntil": later()})
        await face.change(2, "unsnooze")
        await face.change(3, "complete", {"actionType": "primary"})
        await face.change(3, "revert", {"actionType": "primary"})
        await face.send(2)
        await face.bulk("seen", notificationIds=[face.ids[4]])
        await face.bulk("read")
        await face.bulk("archive")
        await face.send(1)
        await face.change(6, "read")
        await face.bulk("read-archive")
        await face.delete(0)
        await face.bulk("delete")
        expected = [
            *[(CREATED, 1)] * 4,
            *[(SEEN, 1), (READ, 1)],
            *[(SEEN, 1), (READ, 1), (ARCHIVED, 1)],
            *[(SEEN, 1), (SNOOZED, 1)],
            *[(SEEN, 1), (READ, 1), (ACTIONED, 1), (ACTIONED, 1)],
            *[(CREATED, 1)] * 2,
            (SEEN, 1),
            *[(SEEN, 1), (READ, 4)],
            (ARCHIVED, 6),
            *[(CREATED, 1), (SEEN, 1), (READ, 1)],
            (ARCHIVED, 1),
            *[(DELETED, 1), (DELETED, 6)],
        ]
        await receiver.wait(len(expected))
        told = [(one["type"], len(one["messages"])) for one in receiver.events if one["type"] != PRESENCE]
        assert told == expected
        actions = [one["action"] for one in receiver.events if one["type"] == ACTIONED]
        assert actions == [{"type": "primary", "status": "done"}, {"type": "primary", "status": "pending"}]
        assert {one["subscriberId"] for one in receiver.events} == {face.subscriber_id}
    check_log(server)


async def test_the_older_face(server: Server, receiver: Receiver) -> None:
    async with Api.open(server) as api:
        await api.create_workflow()
        ada = f"ada-{secrets.token_hex(4)}"
        await api.create_subscriber(ada)
        transactions = [(await api.trigger(ada, {"n": number}))["transactionId"] for number in range(5)]
        ids = [message["_id"] for message in reversed(await api.feed(ada))]
        await api.mark_as(ada, ids[0], "seen")
        await api.mark_as(ada, ids[0], "read")
        await api.mark_legacy(ada, ids[1], seen=True, read=True)
        await api.act(ada, ids[2], "secondary", "done", payload={"why": "too late"})
        assert await api.mark_all(ada, "seen") == 3
        assert await api.mark_all(ada, "read") == 3
        for _ in range(2):
            await api.call("PATCH", f"/v1/messages/{ids[3]}", 200, {"body": "corrected"})
        await api.call("DELETE", f"/v1/messages/{ids[0]}", 200)
        await api.call("DELETE", f"/v1/messages/transaction/{transactions[1]}", 204)
        await api.set_online(ada, True)
        await api.set_online(ada, False)
        expected = [
            *[CREATED] * 5,
            *[SEEN, READ],
            *[SEEN, READ],
            ACTIONED,
            *[SEEN, READ],
            UPDATED,
            *[RETRACTED, DELETED] * 2,
            *[PRESENCE, PRESENCE],
        ]
        await receiver.wait(len(expected))
    assert receiver.types(ada) == expected
    (updated,) = (one["messages"] for one in receiver.events if one["type"] == UPDATED)
    assert [(one["id"], one["body"]) for one in updated] == [(ids[3], "corrected")]
    retracted = [one["messages"] for one in receiver.events if one["type"] == RETRACTED]
    assert retracted == [[{"id": ids[0]}], [{"id": ids[1]}]]
    (pressed,) = (one for one in receiver.events if one["type"] == ACTIONED)
    assert pressed["action"] == {"type": "secondary", "status": "done", "payload": {"why": "too late"}}
    assert pressed["messages"][0]["id"] == ids[2]
    assert pressed["messages"][0]["transactionId"] == transactions[2]
    assert [one["isOnline"] for one in receiver.events if one["type"] == PRESENCE] == [True, False]


async def test_a_socket_comes_and_goes(server: Server, receiver: Receiver) -> None:
    async with Api.open(server) as api:
        await api.create_subscriber("ada")
    async with PlainSocket.open(server, "ada"):
        (came,) = await receiver.wait(1)
    left = (await receiver.wait(2))[1]
    assert (came["type"], came["isOnline"], left["isOnline"]) == (PRESENCE, True, False)
    assert "lastOnlineAt" in left


async def test_an_event_comes_soon_and_a_slow_receiver_holds_up_nothing(server: Server, receiver: Receiver) -> None:
    async with Api.open(server) as api:
        await api.create_workflow()
        await api.create_subscriber("ada")
        await api.trigger("ada")
        await receiver.wait(1)
        receiver.gate.clear()
        await api.trigger("ada")

        async def asked() -> bool:
            return len(receiver.received) == 2

        await until(asked)
        for number in range(20):
            await api.trigger("ada", {"n": number})
        assert await asked(), "all were served while the receiver had still not answered"
        receiver.gate.set()
        await receiver.wait(22)
    assert receiver.url not in server.log(), "no line per event"


@pytest.mark.needs("valkey")
async def test_one_of_two_services_is_killed(
    run_server: RunServer, valkey_url: str, key_prefix: str, receiver: Receiver
) -> None:
    settings = {"INBOX_KEY_PREFIX": key_prefix, "INBOX_WEBHOOK_TIMEOUT_SECONDS": "3"}
    await make_webhook(valkey_url, key_prefix, receiver.url)
    constants = {"inbox.jobs.MINUTE": 1, "inbox.service.webhooks.relay.LEASE_MARGIN_SECONDS": 1.0}
    servers = [await run_server(redis_url=valkey_url, constants=constants, **settings) for _ in range(2)]
    receiver.delay_seconds = 0.05
    names = [f"s{number}" for number in range(20)]
    async with Api.open(servers[0]) as first, Api.open(servers[1]) as second:
        await first.create_workflow()
        for name in names:
            await first.create_subscriber(name)
        for number in range(10):
            calls = [(first, second)[place % 2].trigger(name, {"n": number}) for place, name in enumerate(names)]
            await asyncio.gather(*calls)
        await receiver.wait(60, 60)
        await servers[0].kill()
        receiver.delay_seconds = 0.0
        await receiver.wait(200, 180)  # what was stored but not announced is found by a sweep
    for name in names:
        bodies = [one["messages"][0]["payload"]["n"] for one in receiver.events if one["subscriberId"] == name]
        assert bodies == list(range(10)), name
    sent = [one.event["id"] for one in receiver.received]
    assert len(sent) - len(set(sent)) <= len(names), "at most what was under way is repeated"


async def test_the_commands(server: Server, receiver: Receiver) -> None:
    shown = dict(line.split("\t") for line in (await command(server, "show")).splitlines())
    assert (shown["url"], shown["stream"]) == (receiver.url, "off")
    assert [shown[name] for name in ("waiting", "dropped", "failed", "streamed")] == ["0"] * 4
    assert await command(server, "test") == "the receiver answered 200\n"
    changed = await command(server, "set", receiver.url, "--event", CREATED, "--event", ACTIONED)
    assert changed == f"events of Production go to {receiver.url}\n"
    assert f"events\t{CREATED}, {ACTIONED}\n" in await command(server, "show")
    secret = (await command(server, "rotate-secret")).removeprefix("WEBHOOK_SECRET=").strip()
    key = (await command(server, "stream", "on")).split()[-1]
    await server.terminate()
    await server.start()  # with what the commands have changed
    receiver.status = 410
    async with Api.open(server) as api:
        await api.create_workflow()
        await api.create_subscriber("ada")
        await api.trigger("ada")
        async with asyncio.timeout(60):
            while not (failed := await command(server, "failed")):
                await asyncio.sleep(0.05)
    event_id, event_type, _, tries, reason = failed.strip().split("\t")
    assert (event_type, tries, reason) == (CREATED, "1", "the receiver answered 410")
    assert f"stream\t{key}\n" in await command(server, "show")
    assert "streamed\t1\n" in await command(server, "show")
    receiver.status = 200
    assert await command(server, "replay", event_id) == f"{event_id}\tdelivered\n"
    assert receiver.events[-1]["id"] == event_id
    assert receiver.received[-1].is_signed_with(secret)
    assert await command(server, "failed") == ""
    assert await command(server, "remove") == "Production has no webhook any more\n"
    assert await command(server, "stream", "off") == "off\n"


async def test_a_new_webhook_shows_where_events_go_and_its_secret(server: Server) -> None:
    """The secret under a name that the service does not refuse when it stands in its environment."""
    shown = await command(server, "set", "https://example.org/hook", "-e", "Development")
    told, secret = shown.splitlines()
    assert told == "events of Development go to https://example.org/hook"
    name, value = secret.split("=", 1)
    assert value.startswith("whsec_")
    settings = {**server.settings, name: value}
    done = run_command("webhooks", "failed", "-e", "Development", env=environment(**settings))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no event of Development was given up\n")


async def test_commands_that_cannot_be_carried_out(server: Server) -> None:
    settings = {name: value for name, value in server.settings.items() if name != "INBOX_PORT"}

    def line(*arguments: str) -> str:
        done = run_command("webhooks", *arguments, env=environment(**settings))
        assert (done.returncode, done.stdout) == (1, "")
        return done.stderr

    assert line("set", "ftp://x") == "inbox: the URL must be an http:// or https:// one, of at most 2048 characters\n"
    assert line("set", "http://x", "--event", "nothing").startswith("inbox: nothing is no event; there are message.")
    assert line("replay", "evt_x") == "inbox: There is no failed event evt_x in Production\n"
    assert line("rotate-secret", "-e", "Development") == (
        "inbox: Development has no webhook: make one with `inbox webhooks set URL` or PUT /v2/webhook\n"
    )
    assert line("show", "-e", "Nowhere") == (
        "inbox: There is no environment Nowhere, there are Development, Production\n"
    )
    assert line("stream", "perhaps") == "inbox: say on or off, not perhaps\n"
    await command(server, "set", "http://127.0.0.1:1/")
    assert line("test").startswith("inbox: the webhook failed: 127.0.0.1:1: ")
    await command(server, "set", "http://user:secret@no.such.host.invalid/hook")
    assert line("test").startswith("inbox: the webhook failed: no.such.host.invalid: ")
    assert "Errno" not in line("test")
