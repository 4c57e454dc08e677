"""From publications to sockets: in order, each once, and repaired from the log where something was lost."""

from __future__ import annotations

import asyncio

import pytest

from inbox.errors import NotFound, StoreUnavailable
from inbox.realtime import connected_feed
from inbox.realtime.connected_feed import ConnectedFeed
from inbox.realtime.events import STORE_LOST, SUBSCRIBER_DELETED
from inbox.realtime.hub import Hub

from .fake_feed import ENVIRONMENT, Codec, FakeCards, FakeFeeds, Tab


class Ear:
    """The listener's verbs, noted down; `refuses` fails that many subscriptions."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.refuses = 0
        self.hold = asyncio.Event()
        self.hold.set()

    def subscribe(self, channel: str) -> None:
        self.calls.append(f"+{channel}")

    async def acknowledged(self, _channel: str) -> None:
        await self.hold.wait()
        if self.refuses:
            self.refuses -= 1
            raise StoreUnavailable

    def unsubscribe(self, channel: str) -> None:
        self.calls.append(f"-{channel}")


class House:
    """A hub over one feed, with its listener."""

    def __init__(self) -> None:
        self.cards = FakeCards()
        self.feeds = FakeFeeds(cards=self.cards)
        self.ear = Ear()
        self.connected: dict[Tab, ConnectedFeed] = {}
        self.hub = Hub(self.feeds, self.cards, self.cards)  # type: ignore[arg-type]
        self.hub.listen_with(self.ear.subscribe, self.ear.acknowledged, self.ear.unsubscribe)

    async def open(self, tab: Tab | None = None) -> Tab:
        tab = tab or Tab()
        connected = self.connected[tab] = self.hub.enter(self.feeds.feed, ENVIRONMENT)
        try:
            await self.hub.join(connected, tab)  # type: ignore[arg-type]
        except BaseException:
            self.close(tab)
            raise
        return tab

    def close(self, tab: Tab) -> None:
        self.hub.leave(self.connected.pop(tab), tab)  # type: ignore[arg-type]

    def hear(self, *publications: bytes) -> None:
        for publication in publications:
            self.hub.receive(self.feeds.channel, publication)

    def restored(self) -> None:
        self.hub.restored([self.feeds.channel])


@pytest.fixture
async def house() -> House:
    return House()


@pytest.fixture
async def tab(house: House) -> Tab:
    return await house.open()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connected_feed, "RETRY_SECONDS", (0.0,))


async def test_a_new_message_is_one_delivery_with_both_counts(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append())
    [delivery] = tab.deliveries  # at once: the publication holds all that is needed
    [(name, payload)] = delivery.events
    message = payload["message"]
    assert name == "notification_received"
    assert (message["_id"], message["content"]) == (house.feeds.id_of(1), "message 1")
    assert (message["seen"], message["read"], message["archived"]) == (False, False, False)
    assert (delivery.unseen, delivery.unread) == (1, 1)


async def test_what_a_publication_tells_is_not_read_again(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append(), house.feeds.read_all(), house.feeds.delete(1))
    await tab.delivered(3)
    assert house.feeds.calls == ["state_and_owner"]  # the one of the connect


async def test_publications_are_delivered_in_order(house: House, tab: Tab) -> None:
    house.hear(*[house.feeds.append() for _ in range(5)])
    assert tab.told == [f"received {row}" for row in range(1, 6)]
    assert [delivery.unread for delivery in tab.deliveries] == [1, 2, 3, 4, 5]


async def test_a_marked_message_is_told_as_it_is_now(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append(), house.feeds.mark(1))
    deliveries = await tab.delivered(2)
    assert tab.told == ["received 1", "updated 1 read"]
    assert (deliveries[1].unseen, deliveries[1].unread) == (0, 0)


async def test_messages_marked_together_are_one_delivery(house: House, tab: Tab) -> None:
    house.hear(*[house.feeds.append() for _ in range(3)], house.feeds.mark(3, 1))
    await tab.delivered(4)
    assert tab.told[3:] == ["updated 3 read", "updated 1 read"]
    assert len(tab.deliveries[3].events) == 2


async def test_nothing_overtakes_a_mark_that_is_still_being_read(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append())
    house.feeds.hold.clear()
    house.hear(house.feeds.mark(1), house.feeds.append())
    assert tab.told == ["received 1"]
    house.feeds.hold.set()
    await tab.delivered(3)
    assert tab.told == ["received 1", "updated 1 read", "received 2"]


async def test_a_deleted_message_is_named(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append(), house.feeds.delete(1))
    assert tab.told == ["received 1", f"removed {house.feeds.id_of(1)}"]
    assert tab.deliveries[1].unread == 0


async def test_several_deleted_messages_are_named_together(house: House, tab: Tab) -> None:
    house.hear(*[house.feeds.append() for _ in range(3)], house.feeds.delete(1, 3))
    [(_, payload)] = tab.deliveries[3].events
    assert payload == {"removed": [house.feeds.id_of(1), house.feeds.id_of(3)]}
    assert tab.deliveries[3].unread == 1


async def test_what_was_cut_off_is_named(house: House, tab: Tab) -> None:
    house.hear(*[house.feeds.append() for _ in range(3)], house.feeds.trim(2))
    [(name, payload)] = tab.deliveries[3].events
    assert (name, payload) == ("notification_updated", {"removed": [house.feeds.id_of(1), house.feeds.id_of(2)]})
    assert (tab.deliveries[3].unseen, tab.deliveries[3].unread) == (1, 1)
    assert house.feeds.calls == ["state_and_owner"]


async def test_more_than_an_event_names_is_read_again(house: House, tab: Tab) -> None:
    house.hear(*[house.feeds.append() for _ in range(22)], house.feeds.trim(21), house.feeds.append())
    assert tab.told[22:] == ["refetch", "received 23"]
    assert tab.deliveries[22].unread == 1
    house.hear(house.feeds.delete_all())
    assert tab.told[24].startswith("removed ")


async def test_rows_without_messages_are_cut_off_unnoticed(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append(), house.feeds.append(), house.feeds.delete(1), house.feeds.trim(1))
    assert tab.deliveries[3].events == []
    assert tab.deliveries[3].unread == 1


async def test_a_trim_that_was_missed_is_named(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append(), house.feeds.append())
    house.feeds.trim(1)
    house.hear(house.feeds.append())
    deliveries = await tab.delivered(3)
    assert tab.told[2:] == [f"removed {house.feeds.id_of(1)}", "received 3"]
    assert deliveries[2].unread == 2


async def test_a_message_that_takes_anothers_place_is_told_as_an_update(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append(), house.feeds.collapse(1, onto=2))
    [(name, payload)] = (await tab.delivered(2))[1].events
    assert name == "notification_updated"
    assert (payload["message"]["_id"], payload["message"]["content"]) == (house.feeds.id_of(1), "message 2")
    assert tab.deliveries[1].unread == 1


async def test_a_missed_one_is_an_update_only_to_whom_knew_the_message(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append())
    house.feeds.collapse(1, onto=2)  # known before
    house.restored()
    await tab.delivered(2)
    assert tab.told[1:] == ["updated 2"]


async def test_a_missed_one_of_a_missed_message_is_new(house: House, tab: Tab) -> None:
    house.feeds.append()
    house.feeds.collapse(1, onto=2)
    house.restored()
    await tab.delivered(1)
    assert tab.told == ["received 2"]
    assert tab.deliveries[0].events[0][1]["message"]["_id"] == house.feeds.id_of(1)


async def test_the_end_of_a_snooze_is_told_as_a_new_message(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append(), house.feeds.mark(1), house.feeds.append(), house.feeds.wake(1))
    deliveries = await tab.delivered(4)
    [(name, payload)] = deliveries[3].events
    assert (name, payload["message"]["_id"], payload["message"]["read"]) == (
        "notification_received",
        house.feeds.id_of(1),
        False,
    )
    assert deliveries[3].unread == 2


async def test_the_end_of_a_snooze_that_was_missed_is_told_as_a_new_message(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append())
    house.feeds.wake(1)
    house.hear(house.feeds.append())
    deliveries = await tab.delivered(2)
    assert [(name, payload["message"]["_id"]) for name, payload in deliveries[1].events] == [
        ("notification_received", house.feeds.id_of(1)),
        ("notification_received", house.feeds.id_of(3)),
    ]


async def test_a_bulk_change_asks_to_read_again(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append(), house.feeds.append(), house.feeds.read_all())
    assert tab.told == ["received 1", "received 2", "refetch"]
    assert tab.deliveries[2].unread == 0


async def test_a_kind_of_a_later_release_asks_to_read_again(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append(), house.feeds.change_in_later_release())
    assert tab.told == ["received 1", "refetch"]


async def test_a_trim_by_an_older_release_asks_to_read_again(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append(), house.feeds.append(), house.feeds.trim_in_older_release(1))
    assert tab.told == ["received 1", "received 2", "refetch"]


async def test_a_repeated_publication_is_dropped(house: House, tab: Tab) -> None:
    first, second = house.feeds.append(), house.feeds.append()
    house.hear(first, first, second, first, second)
    assert tab.told == ["received 1", "received 2"]


async def test_a_gap_is_filled_from_the_log(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append())
    house.feeds.append()  # lost
    house.hear(house.feeds.append())
    deliveries = await tab.delivered(2)
    assert tab.told == ["received 1", "received 2", "received 3"]
    assert deliveries[1].unread == 3


async def test_a_gap_is_filled_once(house: House, tab: Tab) -> None:
    lost = house.feeds.append()
    house.hear(house.feeds.append())
    await tab.delivered(1)
    house.hear(lost, house.feeds.append())
    await tab.delivered(2)
    assert tab.told == ["received 1", "received 2", "received 3"]
    assert house.feeds.calls.count("changes_since") == 1


async def test_what_comes_during_a_repair_follows_it(house: House, tab: Tab) -> None:
    house.feeds.append()  # lost
    house.feeds.hold.clear()
    house.hear(house.feeds.append())
    await until_called(house.feeds, "changes_since")
    house.hear(house.feeds.append(), house.feeds.append())
    house.feeds.hold.set()
    while len(tab.told) < 4:
        await tab.delivered(len(tab.deliveries) + 1)
    assert tab.told == [f"received {row}" for row in range(1, 5)]


async def until_called(feeds: FakeFeeds, name: str) -> None:
    async with asyncio.timeout(60):
        while name not in feeds.calls:
            await asyncio.sleep(0)


REPAIRS = {
    "marks by the last one": ([("mark", 1), ("mark", 2), ("mark", 1)], ["updated 2 read", "updated 1 read"]),
    "a deletion": ([("mark", 1), ("delete", 1)], ["removed 1"]),
    "deletions before marks": ([("mark", 2), ("delete", 1)], ["removed 1", "updated 2 read"]),
    "a new message that was read": ([("append", 0), ("mark", 4)], ["received 4 read"]),
    "a new message that went again": ([("append", 0), ("delete", 4), ("mark", 1)], ["removed 4", "updated 1 read"]),
    "marks before new ones": ([("append", 0), ("mark", 1)], ["updated 1 read", "received 4"]),
    "a bulk change": ([("mark", 3), ("read_all", 0), ("append", 0)], ["refetch", "received 4"]),
    "a bulk deletion": ([("mark", 1), ("delete_all", 0), ("append", 0)], ["removed 1 2 3", "received 4"]),
    "a kind of a later release": ([("change_in_later_release", 0)], ["refetch"]),
    "such a kind among others": ([("change_in_later_release", 0), ("append", 0)], ["refetch", "received 4"]),
}


@pytest.mark.parametrize("name", REPAIRS)
async def test_a_repair_tells_what_the_lost_changes_mean_now(house: House, tab: Tab, name: str) -> None:
    changes, told = REPAIRS[name]
    house.hear(*[house.feeds.append() for _ in range(3)])
    for verb, row in changes:
        getattr(house.feeds, verb)(*[row] if row else [])
    house.restored()
    await tab.delivered(4)
    assert tab.told[3:] == [_with_id(house.feeds, line) for line in told]
    assert tab.deliveries[3].unread == house.feeds.counts.badge


def _with_id(feeds: FakeFeeds, line: str) -> str:
    verb, *rows = line.split(" ")
    return " ".join([verb, *[feeds.id_of(int(row)) for row in rows]]) if verb == "removed" else line


@pytest.mark.parametrize(("marked", "told"), [(20, 20), (21, 1)])
async def test_a_repair_names_up_to_twenty_messages(house: House, tab: Tab, marked: int, told: int) -> None:
    house.hear(*[house.feeds.append() for _ in range(25)])
    for row in range(1, marked + 1):
        house.feeds.mark(row)
    house.restored()
    await tab.delivered(26)
    assert len(tab.told[25:]) == told
    assert (tab.told[25:] == ["refetch"]) == (marked > 20)


async def test_a_log_that_is_too_short_asks_to_read_again(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append())
    for _ in range(3):
        house.feeds.append()
    house.feeds.log_from = 4
    house.restored()
    deliveries = await tab.delivered(2)
    assert tab.told == ["received 1", "refetch"]
    assert deliveries[1].unread == 4


async def test_it_goes_on_where_a_repair_ended(house: House, tab: Tab) -> None:
    house.feeds.append()
    house.feeds.log_from = 2
    house.restored()
    await tab.delivered(1)
    house.hear(house.feeds.append())
    await tab.delivered(2)
    assert tab.told == ["refetch", "received 2"]
    assert house.feeds.calls.count("changes_since") == 1


async def test_a_break_that_lost_nothing_tells_nothing(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append())
    house.restored()
    house.hear(house.feeds.append())  # a fence
    await tab.delivered(2)
    assert tab.told == ["received 1", "received 2"]


async def test_a_store_that_is_away_is_asked_again(house: House, tab: Tab) -> None:
    house.feeds.append()
    house.feeds.away = 3
    house.restored()
    await tab.delivered(1)
    assert tab.told == ["received 1"]


async def test_a_mark_that_could_not_be_read_is_repaired(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append())
    house.feeds.away = 1
    house.hear(house.feeds.mark(1))
    await tab.delivered(2)
    assert tab.told == ["received 1", "updated 1 read"]


async def test_a_flood_becomes_one_repair(house: House, tab: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connected_feed, "MAX_PENDING", 10)
    house.hear(house.feeds.append())
    house.feeds.hold.clear()
    house.hear(*[house.feeds.mark(1, read=bool(turn % 2)) for turn in range(30)])
    house.feeds.hold.set()
    while tab.deliveries[-1].unread != 0 or len(tab.deliveries) < 2:
        await tab.delivered(len(tab.deliveries) + 1)
    assert house.feeds.calls.count("changes_since") == 1
    assert len(tab.deliveries) < 30
    assert tab.told[-1] == "updated 1 read"


@pytest.mark.parametrize(
    "rubbish",
    [
        *(b"", b"rubbish", b"1-2 3\n", b"\xff\xfe", b"1-1 1 n1\n", b"1-x 1 0 0 0 0 0 0 n1\nchk{}"),
        b"1-1 1 0 0 0 0 0 0 n1\nchk{}",  # a message without what every message has
        b"1-1 1 0 0 0 0 0 0 n1\nchk{",
    ],
)
async def test_an_unreadable_publication_is_repaired(house: House, tab: Tab, rubbish: bytes) -> None:
    house.feeds.append()
    house.hear(rubbish)
    await tab.delivered(1)
    house.hear(house.feeds.append())
    await tab.delivered(2)
    assert tab.told == ["received 1", "received 2"]


async def test_a_deleted_subscriber_ends_every_socket(house: House, tab: Tab) -> None:
    other = await house.open()
    house.hear(b"gone")
    assert tab.ended == other.ended == [SUBSCRIBER_DELETED]


async def test_a_socket_that_comes_after_its_subscriber_was_deleted_is_refused(house: House, tab: Tab) -> None:
    house.hear(b"gone")
    with pytest.raises(NotFound):
        await house.open()


@pytest.mark.parametrize("change", ["mark", "restored"])
async def test_a_feed_that_went_silently_ends_its_sockets(house: House, tab: Tab, change: str) -> None:
    house.hear(house.feeds.append())
    publication = house.feeds.mark(1)
    house.feeds.gone = True
    if change == "mark":
        house.hear(publication)
    else:
        house.restored()
    assert await tab.was_ended() == SUBSCRIBER_DELETED


async def test_a_fault_of_ours_ends_the_sockets_of_that_feed(
    house: House, tab: Tab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(house.feeds, "changes_since", broken)
    house.restored()
    assert await tab.was_ended() == STORE_LOST
    assert "fan-out failed" in caplog.text


async def test_every_socket_of_a_feed_gets_everything(house: House) -> None:
    tabs = [await house.open() for _ in range(3)]
    house.hear(house.feeds.append())
    assert [tab.told for tab in tabs] == [["received 1"]] * 3
    assert house.hub.sockets_of(house.feeds.feed) == 3


async def test_an_event_is_encoded_once_for_each_flavour(house: House) -> None:
    plain, other = Codec(), Codec()
    for codec in (plain, plain, plain, other):
        await house.open(Tab(codec))
    plain.encoded = other.encoded = 0  # each was greeted by itself
    house.hear(house.feeds.append())
    assert plain.encoded == other.encoded == 3  # the message and two counts


async def test_whoever_comes_is_told_the_counts_first(house: House) -> None:
    house.feeds.append()
    first = await house.open()
    house.hear(house.feeds.append(), house.feeds.append())
    second = await house.open()
    for tab, unread in ((first, 1), (second, 3)):
        assert tab.greeting is not None
        assert (tab.greeting.events, tab.greeting.unseen, tab.greeting.unread) == ([], unread, unread)
    assert [delivery.unread for delivery in first.deliveries] == [2, 3]


async def test_a_greeting_is_never_ahead_of_what_follows(house: House) -> None:
    """While a mark is still being read its counts are not told to whoever comes; they follow with it."""
    first = await house.open()
    house.hear(house.feeds.append())
    house.feeds.hold.clear()
    house.hear(house.feeds.mark(1), house.feeds.append())
    second = await house.open()
    assert second.greeting is not None
    assert second.greeting.unread == 1
    house.feeds.hold.set()
    await second.delivered(2)
    assert [delivery.unread for delivery in second.deliveries] == [0, 1]
    assert first.told == ["received 1", "updated 1 read", "received 2"]


async def test_feeds_do_not_hear_each_other(house: House, tab: Tab) -> None:
    stranger = FakeFeeds(number=2)
    house.hub.receive(stranger.channel, stranger.append())
    house.hear(house.feeds.append())
    assert tab.told == ["received 1"]


async def test_a_feed_is_subscribed_from_its_first_socket_to_its_last(house: House) -> None:
    channel = house.feeds.channel
    first, second = await house.open(), await house.open()
    house.close(first)
    assert house.ear.calls == [f"+{channel}"]
    house.close(second)
    assert house.ear.calls == [f"+{channel}", f"-{channel}"]
    assert house.hub.sockets_of(house.feeds.feed) == 0


async def test_sockets_that_open_together_share_one_subscription(house: House) -> None:
    house.ear.hold.clear()
    opening = [asyncio.create_task(house.open()) for _ in range(3)]
    await asyncio.sleep(0)
    house.ear.hold.set()
    tabs = await asyncio.gather(*opening)
    assert house.ear.calls == [f"+{house.feeds.channel}"]
    house.hear(house.feeds.append())
    assert [tab.told for tab in tabs] == [["received 1"]] * 3


async def test_the_position_is_taken_after_the_subscription(house: House) -> None:
    """What is published between the two arrives and is already in the position: it must not be told twice."""
    house.ear.hold.clear()
    opening = asyncio.create_task(house.open())
    await asyncio.sleep(0)
    assert house.feeds.calls == []
    house.hear(house.feeds.append())
    house.ear.hold.set()
    tab = await opening
    house.hear(house.feeds.append())
    assert tab.told == ["received 2"]


async def test_what_is_published_while_the_position_is_read_makes_no_gap(house: House) -> None:
    """The client has no answer to its handshake yet and reads the feed afterwards; only what follows must come."""
    house.feeds.hold.clear()
    opening = asyncio.create_task(house.open())
    await until_called(house.feeds, "state_and_owner")
    house.hear(house.feeds.append())
    house.feeds.hold.set()
    tab = await opening
    house.hear(house.feeds.append())
    assert tab.told[-1] == "received 2"
    assert "changes_since" not in house.feeds.calls


async def test_a_socket_that_could_not_be_subscribed_is_refused(house: House) -> None:
    house.ear.refuses = 1
    with pytest.raises(StoreUnavailable):
        await house.open()
    assert house.hub.sockets_of(house.feeds.feed) == 0
    tab = await house.open()
    house.hear(house.feeds.append())
    assert tab.told == ["received 1"]


async def test_a_socket_survives_the_end_of_one_it_opened_with(house: House) -> None:
    """The last socket leaves and ends the subscription just as another is let in."""
    house.ear.hold.clear()

    async def brief() -> None:
        house.close(await house.open())

    leaving, staying = asyncio.create_task(brief()), asyncio.create_task(house.open())
    await asyncio.sleep(0)
    house.ear.hold.set()
    await leaving
    tab = await staying
    assert house.ear.calls[-1] == f"+{house.feeds.channel}"
    house.hear(house.feeds.append())
    assert tab.told == ["received 1"]


async def test_closing_during_a_repair_disturbs_nothing(house: House, tab: Tab) -> None:
    house.feeds.hold.clear()
    house.restored()
    await until_called(house.feeds, "changes_since")
    house.close(tab)
    house.feeds.hold.set()
    again = await house.open()
    house.hear(house.feeds.append())
    assert (tab.told, again.told) == ([], ["received 1"])


def names(tab: Tab) -> list[str]:
    """The first name that each message came with; every one names its workflow."""
    messages = [payload["message"] for delivery in tab.deliveries for _, payload in delivery.events]
    assert {message["workflow"]["identifier"] for message in messages} == {"workflow"}
    return [message["subscriber"]["firstName"] for message in messages]


async def test_every_message_comes_with_its_cards(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append(), house.feeds.mark(1))
    await tab.delivered(2)
    house.feeds.append()
    house.restored()
    await tab.delivered(3)
    assert tab.told == ["received 1", "updated 1 read", "received 2"]
    assert names(tab) == ["Ada", "Ada", "Ada"]


async def test_the_subscriber_s_card_is_read_once(house: House, tab: Tab) -> None:
    house.hear(*[house.feeds.append() for _ in range(20)])
    await house.open()
    assert names(tab) == ["Ada"] * 20
    assert house.cards.calls == []  # it came with the feed's position


async def test_it_is_read_again_after_a_change(house: House, tab: Tab) -> None:
    house.hear(house.feeds.append())
    house.cards.first_name = "Grace"
    house.hear(b"subscriber", b"subscriber", house.feeds.append(), house.feeds.append())
    await tab.delivered(3)
    assert names(tab) == ["Ada", "Grace", "Grace"]
    assert house.cards.calls == ["subscriber"]


async def test_it_is_read_again_after_a_break_that_may_have_lost_a_change(house: House, tab: Tab) -> None:
    house.cards.first_name = "Grace"
    house.feeds.append()
    house.restored()
    await tab.delivered(1)
    assert names(tab) == ["Grace"]


async def test_a_change_while_it_is_read_is_not_missed(house: House, tab: Tab) -> None:
    house.hear(b"subscriber")
    house.cards.hold.clear()
    house.hear(house.feeds.append())
    async with asyncio.timeout(5):
        while not house.cards.calls:  # the answer that is on its way is the old one
            await asyncio.sleep(0)
    house.cards.first_name = "Grace"
    house.hear(b"subscriber", house.feeds.append())
    house.cards.hold.set()
    await tab.delivered(2)
    assert names(tab) == ["Ada", "Grace"]


async def test_a_workflow_that_is_not_known_yet_is_read_first(house: House, tab: Tab) -> None:
    house.cards.workflows_known = False
    house.hear(house.feeds.append(), house.feeds.append())
    assert tab.deliveries == []
    await tab.delivered(2)
    assert tab.told == ["received 1", "received 2"]
    assert names(tab) == ["Ada", "Ada"]


async def test_a_message_waits_for_a_store_that_is_away(house: House, tab: Tab) -> None:
    house.cards.workflows_known, house.cards.away = False, 3
    house.hear(house.feeds.append(), house.feeds.append())
    await tab.delivered(1)  # a repair brings both
    assert tab.told == ["received 1", "received 2"]


async def test_a_subscriber_that_is_gone_has_no_card(house: House, tab: Tab) -> None:
    house.cards.first_name = None
    house.hear(b"subscriber", house.feeds.append())
    assert await tab.was_ended() == SUBSCRIBER_DELETED
    assert tab.deliveries == []
