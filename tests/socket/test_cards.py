"""Pushed messages carry whose they are and of which workflow, as the lists show it, also after either has changed."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from tests.conftest import one_server_and_cluster
from tests.support.client import WORKFLOW, InboxApi, create_session
from tests.support.socketio import PacketSocket
from tests.support.sockets import RECEIVED, UPDATED, PlainSocket
from tests.support.waiting import until

from .conftest import Pair

ADA = {"firstName": "Ada", "lastName": "Lovelace", "avatar": "https://example.com/ada.png"}


class Tabs:
    """One page's two sockets of both flavours, at different processes, and what its list shows."""

    def __init__(self, plain: PlainSocket, packets: PacketSocket, inbox: InboxApi) -> None:
        self._plain = plain
        self._packets = packets
        self._inbox = inbox

    async def pushed(self, event: str) -> list[dict[str, Any]]:
        """The message of the next such event at each socket."""
        plain = (await self._plain.expect(event))["message"]
        while (told := await self._packets.next_event())[0] != event:
            pass
        return [plain, told[1]["message"]]

    async def cards(self, event: str) -> dict[str, Any]:
        """`to` and `workflow` of the newest message, once both sockets were pushed it in this event, and agree."""
        pushed, other = await self.pushed(event)
        assert pushed == other
        listed = (await self._inbox.notifications())[0]
        assert pushed["_id"] == listed["id"]
        to = {name: value for name, value in pushed["subscriber"].items() if name != "_id"}
        assert pushed["subscriber"]["_id"] == pushed["subscriber"]["id"] == pushed["_subscriberId"]
        assert {"to": to, "workflow": pushed["workflow"]} == {"to": listed["to"], "workflow": listed["workflow"]}
        return {"to": to, "workflow": pushed["workflow"]}


async def open_tabs(pair: Pair, stack: AsyncExitStack) -> Tabs:
    token = (await create_session(pair.servers[0], "ada"))["token"]
    plain = await stack.enter_async_context(PlainSocket.open(pair.servers[0], "ada"))
    packets = await stack.enter_async_context(PacketSocket.connected(pair.servers[1], token))
    return Tabs(plain, packets, await stack.enter_async_context(InboxApi.open(pair.servers[1], "ada")))


async def test_both_flavours_bring_the_cards_that_the_list_shows(any_pair: Pair) -> None:
    async with AsyncExitStack() as stack:
        await any_pair.api.create_subscriber("ada", **ADA)
        tabs = await open_tabs(any_pair, stack)
        await any_pair.api.trigger("ada")
        cards = await tabs.cards(RECEIVED)
        assert cards["to"]["subscriberId"] == "ada"
        assert {name: cards["to"][name] for name in ADA} == ADA
        assert (cards["workflow"]["identifier"], cards["workflow"]["critical"]) == (WORKFLOW, False)
        [message] = await any_pair.api.feed("ada")
        await any_pair.api.mark_as("ada", message["_id"], "read")
        assert await tabs.cards(UPDATED) == cards


@one_server_and_cluster
async def test_a_change_of_the_subscriber_shows_at_once(any_pair: Pair) -> None:
    async with AsyncExitStack() as stack:
        await any_pair.api.create_subscriber("ada", **ADA)
        tabs = await open_tabs(any_pair, stack)
        for change in ({"firstName": "Augusta"}, {"lastName": None, "avatar": ""}):
            await any_pair.api.call("PATCH", "/v2/subscribers/ada", 200, change)
            await any_pair.api.trigger("ada")
            to = (await tabs.cards(RECEIVED))["to"]
            assert {name: to.get(name) for name in change} == change


async def test_a_change_of_the_workflow_shows_within_a_second(pair: Pair) -> None:
    async with AsyncExitStack() as stack:
        workflow = await pair.api.data("GET", f"/v2/workflows/{WORKFLOW}", 200)
        tabs = await open_tabs(pair, stack)
        await pair.api.trigger("ada")
        assert (await tabs.cards(RECEIVED))["workflow"]["name"] == WORKFLOW
        kept = {name: workflow[name] for name in ("workflowId", "steps", "tags")}
        await pair.api.data("PUT", f"/v2/workflows/{WORKFLOW}", 200, {**kept, "name": "Renamed"})
        await until(lambda: is_renamed(pair, tabs))


async def is_renamed(pair: Pair, tabs: Tabs) -> bool:
    """Whether a message pushed now comes with the new name at both processes."""
    await pair.api.trigger("ada")
    return all(message["workflow"]["name"] == "Renamed" for message in await tabs.pushed(RECEIVED))
