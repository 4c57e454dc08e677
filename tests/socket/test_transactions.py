"""One transaction is delivered once, whoever repeats it, wherever."""

from __future__ import annotations

import asyncio

from tests.conftest import one_server_and_cluster
from tests.support.client import WidgetApi, create_session, subscriber_hash

from .conftest import Pair

TRIGGERS = 200


async def test_200_concurrent_triggers_of_one_transaction_are_one_message(any_pair: Pair) -> None:
    sockets = await any_pair.sockets("ada")
    replies = await asyncio.gather(
        *(any_pair.apis[turn % 2].trigger("ada", {"n": 1}, transactionId="once") for turn in range(TRIGGERS))
    )
    assert {(reply["status"], reply["transactionId"]) for reply in replies} == {("processed", "once")}
    await any_pair.api.trigger("ada", {"n": 2}, transactionId="fence")
    for socket in sockets:
        await socket.reach("fence")
        assert socket.received() == ["once", "fence"]
    assert [message["transactionId"] for message in await any_pair.api.feed("ada")] == ["fence", "once"]


@one_server_and_cluster
async def test_a_transaction_is_edited_and_retracted_at_another_process_as_soon_as_it_was_sent(any_pair: Pair) -> None:
    """The activity, which leads to the messages of a transaction, is written a moment after them."""
    sender, other = any_pair.apis
    for turn in range(20):
        target = f"/v1/messages/transaction/sent-{turn}"
        await sender.trigger(["ada", "bob"], {"n": turn}, transactionId=f"sent-{turn}")
        assert await other.data("PATCH", target, 200, {"body": "edited"}) == {"updated": 2, "unchanged": 0}
        await sender.trigger("ada", {"n": turn}, transactionId=f"gone-{turn}")
        await other.call("DELETE", f"/v1/messages/transaction/gone-{turn}", 204)
    assert [message["content"] for message in await other.feed("ada")] == ["edited"] * 20


@one_server_and_cluster
async def test_a_new_subscriber_is_made_once(any_pair: Pair) -> None:
    """Concurrent triggers to someone unknown, each a transaction of its own: one subscriber, all messages."""
    await asyncio.gather(
        *(any_pair.apis[turn % 2].trigger({"subscriberId": "new", "firstName": "N"}, {"n": turn}) for turn in range(40))
    )
    feed = await any_pair.apis[1].feed("new")
    assert len({message["_subscriberId"] for message in feed}) == 1
    assert sorted(message["payload"]["n"] for message in feed) == list(range(40))


async def test_a_repeat_after_the_first_is_acknowledged_and_dropped(pair: Pair) -> None:
    for payload in ({"n": 1}, {"n": 2}):
        reply = await pair.apis[payload["n"] % 2].trigger("ada", payload, transactionId="again")
        assert (reply["status"], reply["transactionId"]) == ("processed", "again")
    [message] = await pair.api.feed("ada")
    assert message["content"] == "Body 1"


async def test_a_message_of_a_feed_that_another_process_made_is_deleted(pair: Pair) -> None:
    """This process has read the subscriber before the feed existed."""
    here, there = pair.servers
    async with WidgetApi.open(here, "ada") as page:
        assert await page.feed() == []
    vouched = subscriber_hash(there.api_key, '{"tenant":"acme"}')
    token = (await create_session(there, "ada", context={"tenant": "acme"}, contextHash=vouched))["token"]
    await pair.apis[1].trigger("ada", {"n": 1}, context={"tenant": "acme"})
    async with (
        WidgetApi.connected(here, f"Bearer {token}") as page,
        WidgetApi.connected(there, f"Bearer {token}") as tab,
    ):
        [message] = await tab.feed()
        await page.call("DELETE", f"/v1/widgets/messages/{message['_id']}", 200)
        assert await tab.feed() == []
