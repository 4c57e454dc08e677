"""An audit that corrects counts: open sockets hear the right ones, and nothing else."""

from __future__ import annotations

from inbox.ids import SubscriberId
from inbox.store.rows import FeedCounts
from tests.support.client import Api, InboxApi, create_session
from tests.support.drift import plant
from tests.support.environments import environment_of, services_of
from tests.support.server import Server
from tests.support.socketio import PythonClient
from tests.support.sockets import RECEIVED, UNREAD, UNSEEN, PlainSocket

WRONG = FeedCounts(70, 60, 50, 3, 2, 1)
FILTERS = ('{"seen":false}', '{"read":false,"snoozed":false}')


async def test_open_sockets_hear_the_right_counts(fresh_server: Server) -> None:
    async with (
        Api.open(fresh_server) as api,
        services_of(fresh_server) as services,
        InboxApi.open(fresh_server, "ada") as inbox,
    ):
        await api.create_workflow()
        for number in range(3):
            await api.trigger("ada", {"n": number})
        environment = await environment_of(services, fresh_server)
        feed = await services.feed_store.open(environment.number, SubscriberId("ada"))
        await plant(services.client, feed, WRONG)
        token = (await create_session(fresh_server, "ada"))["token"]
        async with PlainSocket.open(fresh_server, "ada") as plain, PythonClient.open(fresh_server, token) as socketio:
            assert plain.greeting[0] == {"unseenCount": 70, "hasMore": False}
            await socketio.take(2)
            assert await inbox.count(*FILTERS) == [70, 50]
            drifts = [drift async for bite in services.counts_audit.audit(environment) for drift in bite.drifts]
            assert [(drift.stored, drift.counted) for drift in drifts] == [(WRONG, FeedCounts(3, 3, 3, 0, 0, 0))]
            unseen, unread = await plain.expect_exactly(UNSEEN, UNREAD)
            assert (unseen["unseenCount"], unread["unreadCount"], unread["counts"]["total"]) == (3, 3, 3)
            assert await socketio.take(2) == [(UNSEEN, unseen), (UNREAD, unread)]
            assert await inbox.count(*FILTERS) == [3, 3]
            await api.trigger("ada", {"n": 3})
            received, unseen, _ = await plain.expect_exactly(RECEIVED, UNSEEN, UNREAD)
            assert (received["message"]["content"], unseen["unseenCount"]) == ("Body 3", 4)
