"""One snooze over the API and a socket, as long as the API's shortest: a full minute, so it is run by `-m slow`."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from tests.conftest import RunServer
from tests.support.client import Api, InboxApi
from tests.support.sockets import RECEIVED, UNREAD, UNSEEN, PlainSocket

SHORTEST_SECONDS = 61


@pytest.mark.slow
async def test_a_snooze_ends_by_itself_in_time(run_server: RunServer) -> None:
    server = await run_server()
    async with (
        Api.open(server) as api,
        InboxApi.open(server, "ada") as inbox,
        PlainSocket.open(server, "ada") as socket,
    ):
        await api.create_workflow()
        await api.trigger("ada", {"n": 1})
        first = (await socket.expect(RECEIVED))["message"]
        await socket.expect(UNREAD)
        end = time.time() + SHORTEST_SECONDS
        body = {"snoozeUntil": datetime.fromtimestamp(end, UTC).isoformat()}
        assert (await inbox.change(first["_id"], "snooze", body))["isSnoozed"]
        assert (await socket.expect(UNREAD))["unreadCount"] == 0
        came = (await socket.expect(RECEIVED, SHORTEST_SECONDS + 10))["message"]
        assert time.time() >= end
        assert (came["_id"], came["read"], len(came["deliveredAt"])) == (first["_id"], False, 2)
        assert "snoozedUntil" not in came
        assert (await socket.expect(UNSEEN))["unseenCount"] == 0, "it was seen when it was snoozed"
        assert (await socket.expect(UNREAD))["unreadCount"] == 1
        (notification,) = await inbox.notifications()
        assert not notification["isSnoozed"]
