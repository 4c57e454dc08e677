"""The native protocol over server-sent events at `/v1/inbox/events`."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from functools import partial

import httpx
import pytest

from tests.conftest import RunServer
from tests.http.hostile import check_error
from tests.support.client import Api, InboxApi, create_session
from tests.support.native import NativeSocket
from tests.support.server import Server
from tests.support.streams import EventStream
from tests.support.waiting import until, until_hour_has

from .conftest import Pair

TOKEN_SECONDS = 15


async def test_a_stream_has_what_a_socket_has(pair: Pair) -> None:
    """The same answer, the same events, and the position as their id."""
    await pair.api.trigger("ada", {"n": 1})
    query = {"limit": 5}
    async with (
        EventStream.open(pair.servers[0], list=json.dumps(query)) as stream,
        NativeSocket.connected(pair.servers[0], "ada", list=query) as (socket, result),
        InboxApi.open(pair.servers[1], "ada") as inbox,
    ):
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        assert stream.response.headers["Cache-Control"] == "private, no-store"
        connected = await stream.next("connected")
        assert {**connected, "time": "", "expiresAt": ""} == {**result, "time": "", "expiresAt": ""}
        assert stream.last_id == result["position"]
        assert stream.retry_ms is not None
        assert 1_000 <= stream.retry_ms <= 5_000
        await pair.api.trigger("ada", {"n": 2})
        await inbox.read_all()
        await inbox.call("POST", "/v1/inbox/notifications/delete", 204, {})
        for kind in ("created", "bulk", "removed"):
            event = await stream.next("change")
            assert event == await socket.event()
            assert stream.last_id == event["position"]
            assert [*event["changes"][0]] == [kind]


async def test_a_stream_goes_on_where_the_last_one_ended(pair: Pair) -> None:
    """By Last-Event-ID, as EventSource sends it, before the position in the query."""
    async with EventStream.open(pair.servers[0]) as stream:
        begin = (await stream.next("connected"))["position"]
        await pair.api.trigger("ada", {"n": 1})
        first = (await stream.next("change"))["position"]
    await pair.api.trigger("ada", {"n": 2})
    for last_id, position, missed in (("", begin, 2), (first, "", 1), (first, begin, 1)):
        async with EventStream.open(pair.servers[1], last_id=last_id, position=position) as stream:
            connected = await stream.next("connected")
            assert connected["recovered"]
            assert len(connected["changes"]) == missed
    async with EventStream.open(pair.servers[0], last_id="1-1", list="{}") as stream:
        connected = await stream.next("connected")
        assert not connected["recovered"]
        assert len(connected["list"]["data"]) == 2


async def test_pings_tell_the_position(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    constants = {"inbox.realtime.handshake.PING_SECONDS": 0.5}
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, constants=constants)
    async with EventStream.open(server) as stream:
        position = (await stream.next("connected"))["position"]
        assert (await stream.next("ping"))["position"] == position == stream.last_id


async def get(server: Server, query: str = "", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        return await client.get(f"/v1/inbox/events{query}", headers=headers)


async def test_a_refusal_is_the_error_of_rest(pair: Pair) -> None:
    server = pair.servers[0]
    token = (await create_session(server, "ada"))["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    check_error(await get(server), 401)
    check_error(await get(server, Authorization=f"Bearer {token}x"), 401)
    check_error(await get(server, Authorization=f"ApiKey {server.api_key}"), 401)
    check_error(await get(server, "?token=x"), 401)
    check_error(await get(server, Origin="https://elsewhere.example", **bearer), 403)
    for text, status in (("x", 400), ("[]", 422), ('{"limit":0}', 422), ('{"read":false,"archived":true}', 400)):
        check_error(await get(server, f"?list={text}", **bearer), status)
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        for method in ("HEAD", "POST"):
            assert (await client.request(method, "/v1/inbox/events", headers=bearer)).status_code == 405
    await pair.api.call("DELETE", "/v2/subscribers/ada", 200)
    check_error(await get(server, **bearer), 401)


async def test_a_token_may_be_in_the_query(pair: Pair) -> None:
    """A plain EventSource sends no headers."""
    token = (await create_session(pair.servers[0], "ada"))["token"]
    async with (
        httpx.AsyncClient(base_url=pair.servers[0].url, trust_env=False) as client,
        client.stream("GET", f"/v1/inbox/events?token={token}") as response,
    ):
        assert response.status_code == 200
        assert token not in pair.servers[0].log()


async def test_a_full_subscriber_and_a_busy_one_are_sent_away(
    run_server: RunServer, valkey_url: str, key_prefix: str
) -> None:
    limits = {"INBOX_MAX_SOCKETS_PER_SUBSCRIBER": "1", "INBOX_RATE_LIMIT_PER_SUBSCRIBER": "5/hour"}
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, **limits)
    token = (await create_session(server, "ada"))["token"]
    await until_hour_has()
    async with EventStream.open(server, token=token) as stream:
        await stream.next("connected")
        refused = await get(server, Authorization=f"Bearer {token}")
        check_error(refused, 429)
        assert "sockets" in refused.json()["message"]
        for _ in range(4):
            refused = await get(server, Authorization=f"Bearer {token}")
        check_error(refused, 429)
        assert "requests" in refused.json()["message"]


async def test_a_stream_ends_with_its_client_and_with_its_subscriber(pair: Pair) -> None:
    server = pair.servers[0]

    async def are_closed(number: int) -> bool:
        return server.log().count("socket closed") == number

    async with EventStream.open(server) as stream:
        await stream.next("connected")
        assert (await pair.api.subscriber("ada"))["isOnline"]
    await until(partial(are_closed, 1), 60)
    async with EventStream.open(server) as stream:
        await stream.next("connected")
        await pair.api.call("DELETE", "/v2/subscribers/ada", 200)
        position = stream.last_id
        assert await stream.next("closed") == {"code": 4410, "reason": "subscriber_deleted"}
        assert stream.last_id == position
        with pytest.raises(EOFError):
            await stream.next("change")
    await until(partial(are_closed, 2), 60)


async def test_a_stream_ends_with_its_token(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    ttl = {"INBOX_TOKEN_TTL_SECONDS": str(TOKEN_SECONDS)}
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, **ttl)
    async with EventStream.open(server) as stream:
        await stream.next("connected")
        assert await stream.next("closed") == {"code": 4401, "reason": "token_expired"}


async def test_a_stopping_service_ends_its_streams_and_spreads_them(
    run_server: RunServer, valkey_url: str, key_prefix: str
) -> None:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix)
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(EventStream.open(server, f"s{n}")) for n in range(8)]
        for stream in streams:
            await stream.next("connected")
        await server.terminate()
        for stream in streams:
            with pytest.raises(EOFError):
                await stream.next("change")
    waits = {stream.retry_ms for stream in streams}
    assert len(waits) > 1
    assert all(wait is not None and wait <= 1_000 for wait in waits)


async def test_who_reads_nothing_is_cut_off(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_MAX_SOCKET_QUEUE_EVENTS="16")
    token = (await create_session(server, "ada"))["token"]
    async with Api.open(server) as api:
        await api.create_workflow(body="x" * 16_000)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(f"GET /v1/inbox/events?token={token} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        await reader.readuntil(b"event: connected")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(2_000):
            await api.trigger("ada", {})
            if "socket closed" in server.log():
                break
        assert "socket closed" in server.log()
        writer.close()
