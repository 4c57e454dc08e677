"""Topics and subscriptions: both sides agree, whoever writes at the same time and wherever a crash cuts."""

from __future__ import annotations

import asyncio
import time

import pytest

from inbox.errors import Conflict
from inbox.ids import SubscriberId, new_ordered_id
from inbox.models.topic import Preference, Subscription, Topic
from inbox.store.listing import ListCursor
from inbox.store.subscriptions import SubscriptionResult, SubscriptionStore, as_they_are
from inbox.store.topics import TopicStore

from .conftest import ENVIRONMENT, Stores


@pytest.fixture
def topics(stores: Stores) -> TopicStore:
    return TopicStore(stores.client, stores.keys)


@pytest.fixture
def subscriptions(stores: Stores) -> SubscriptionStore:
    return SubscriptionStore(stores.client, stores.keys)


async def make_topic(topics: TopicStore, key: str = "news", name: str | None = None) -> Topic:
    written = await topics.write(ENVIRONMENT, key, name, "upsert")
    assert written is not None
    return written[0]


async def make_subscriber(stores: Stores, subscriber_id: str = "ada") -> str:
    written = await stores.subscribers.write(ENVIRONMENT, SubscriberId(subscriber_id), {})
    assert written is not None
    return written[0].oid


def subscription(subscriber_oid: str, identifier: str, *, oid: str | None = None) -> Subscription:
    now = time.time_ns() // 1_000_000
    return Subscription(oid or new_ordered_id(), identifier, subscriber_oid, now, now)


async def joined_ids(subscriptions: SubscriptionStore, subscriber_oid: str) -> list[str]:
    found = await subscriptions.joined(ENVIRONMENT, subscriber_oid, "asc", 100, as_they_are)
    assert found is not None
    return [one.identifier for _, one in found.records]


async def topic_ids(subscriptions: SubscriptionStore, topic: Topic) -> list[str]:
    found = await subscriptions.page(ENVIRONMENT, topic.oid, "asc", 100, as_they_are)
    assert found is not None
    return [one.identifier for one in found.records]


async def test_topics_are_found_by_their_exact_name_newest_first(topics: TopicStore) -> None:
    for key, name in (("a", "News"), ("b", "news"), ("c", "News"), ("d", ""), ("e", None), ("f", "News and more")):
        await make_topic(topics, key, name)

    async def keys(name: str, limit: int = 10, skip: int = 0) -> tuple[list[str], int]:
        found, total = await topics.named(ENVIRONMENT, name, limit, skip)
        return [topic.key for topic in found], total

    assert await keys("News") == (["c", "a"], 2)
    assert await keys("News", 1) == (["c"], 2)
    assert await keys("News", 1, 1) == (["a"], 2)
    assert await keys("News", 1, 2) == ([], 2)
    assert await keys("") == (["d"], 1)
    await make_topic(topics, "b", "News")
    await make_topic(topics, "c", "Other")
    await make_topic(topics, "c", "Other")
    await topics.write(ENVIRONMENT, "a", None, "delete")
    assert (await keys("News"), await keys("news"), await keys("Other")) == ((["b"], 1), ([], 0), (["c"], 1))
    for key in "bcdf":
        await topics.write(ENVIRONMENT, key, None, "delete")
    assert await topics._client.execute("ZCARD", topics._keys.topics(ENVIRONMENT)[4]) == 0


async def test_a_topic_is_made_once_renamed_and_deleted(topics: TopicStore) -> None:
    made = await topics.write(ENVIRONMENT, "news", "Näws", "create")
    assert made is not None
    topic, is_new = made
    assert (topic.key, topic.name, topic.created_ms, is_new) == ("news", "Näws", topic.updated_ms, True)
    with pytest.raises(Conflict):
        await topics.write(ENVIRONMENT, "news", "Other", "create")
    assert await topics.write(ENVIRONMENT, "news", None, "upsert") == (topic, False)
    renamed = await topics.write(ENVIRONMENT, "news", "", "update")
    assert renamed is not None
    assert (renamed[0].oid, renamed[0].name, renamed[0].created_ms) == (topic.oid, "", topic.created_ms)
    assert await topics.get(ENVIRONMENT, "news") == renamed[0]
    assert await topics.get_many(ENVIRONMENT, [topic.oid, "0" * 24]) == {topic.oid: renamed[0]}
    assert await topics.get(ENVIRONMENT + 1, "news") is None
    assert await topics.write(ENVIRONMENT, "none", "x", "update") is None
    assert await topics.write(ENVIRONMENT, "news", None, "delete") == (renamed[0], False)
    assert await topics.write(ENVIRONMENT, "news", None, "delete") is None
    assert await topics.get(ENVIRONMENT, "news") is None
    page = await topics.page(ENVIRONMENT, "created", "desc", 10)
    assert page is not None
    assert (page.records, page.total) == ([], 0)


async def test_concurrent_upserts_make_one_topic(topics: TopicStore) -> None:
    written = await asyncio.gather(*(topics.write(ENVIRONMENT, "news", f"n{turn}", "upsert") for turn in range(20)))
    made = [one for one in written if one]
    assert len({topic.oid for topic, _ in made}) == 1
    assert sum(is_new for _, is_new in made) == 1


async def test_pages_follow_creation_and_change(topics: TopicStore) -> None:
    for number in range(5):
        await make_topic(topics, f"t{number}")
        await asyncio.sleep(0.002)
    await topics.write(ENVIRONMENT, "t1", "changed", "update")

    async def keys(order_by: str, order: str, **where: object) -> list[str]:
        found = await topics.page(ENVIRONMENT, order_by, order, 2, **where)  # type: ignore[arg-type]
        assert found is not None
        return [topic.key for topic in found.records]

    assert await keys("created", "desc") == ["t4", "t3"]
    assert await keys("created", "asc") == ["t0", "t1"]
    assert await keys("updated", "desc") == ["t1", "t4"]
    third = await topics.get(ENVIRONMENT, "t2")
    assert third is not None
    assert await keys("created", "desc", cursor=ListCursor(third.oid.encode())) == ["t1", "t0"]
    assert await keys("created", "desc", cursor=ListCursor(third.oid.encode(), "before")) == ["t4", "t3"]
    assert await topics.page(ENVIRONMENT, "created", "desc", 2, ListCursor(b"0" * 24)) is None
    scanned = [[topic.key for topic in part] async for part in topics.scan(ENVIRONMENT, "created", "asc", 4, 2)]
    assert scanned == [["t0", "t1"], ["t2", "t3"]]


async def test_a_subscription_stands_on_both_sides(
    stores: Stores, topics: TopicStore, subscriptions: SubscriptionStore
) -> None:
    topic, ada = await make_topic(topics), await make_subscriber(stores)
    wanted = subscription(ada, "tk_news:si_ada")
    assert await subscriptions.create(ENVIRONMENT, topic.oid, wanted) == SubscriptionResult("created", wanted)
    again = await subscriptions.create(ENVIRONMENT, topic.oid, subscription(ada, "tk_news:si_ada"))
    assert again == SubscriptionResult("known", wanted)
    assert await subscriptions.find(ENVIRONMENT, topic.oid, "tk_news:si_ada") == wanted
    assert await subscriptions.of_subscriber(ENVIRONMENT, topic.oid, ada) == [wanted]
    assert await topic_ids(subscriptions, topic) == await joined_ids(subscriptions, ada) == ["tk_news:si_ada"]
    assert await subscriptions.topics_of(ENVIRONMENT, ada) == [topic.oid]
    assert await subscriptions.delete(ENVIRONMENT, topic.oid, [wanted]) == 1
    assert await subscriptions.delete(ENVIRONMENT, topic.oid, [wanted]) == 0
    assert await topic_ids(subscriptions, topic) == await joined_ids(subscriptions, ada) == []
    assert await subscriptions.find(ENVIRONMENT, topic.oid, "tk_news:si_ada") is None


async def test_an_identifier_belongs_to_one_and_ten_are_the_most(
    stores: Stores, topics: TopicStore, subscriptions: SubscriptionStore
) -> None:
    topic, ada, bob = await make_topic(topics), await make_subscriber(stores), await make_subscriber(stores, "bob")
    made = await asyncio.gather(
        *(subscriptions.create(ENVIRONMENT, topic.oid, subscription(ada, f"a{number}")) for number in range(14))
    )
    assert sorted(one.outcome for one in made) == ["created"] * 10 + ["full"] * 4
    kept = sorted(await topic_ids(subscriptions, topic))
    assert sorted(await joined_ids(subscriptions, ada)) == kept
    assert len(kept) == 10
    taken = await subscriptions.create(ENVIRONMENT, topic.oid, subscription(bob, kept[0]))
    assert taken.outcome == "taken"
    gone = await subscriptions.create(ENVIRONMENT, topic.oid, subscription("0" * 24, "x"))
    assert gone.outcome == "gone"
    assert await joined_ids(subscriptions, bob) == []


async def test_concurrent_subscribers_of_one_identifier_share_one_subscription(
    stores: Stores, topics: TopicStore, subscriptions: SubscriptionStore
) -> None:
    topic, ada = await make_topic(topics), await make_subscriber(stores)
    made = await asyncio.gather(
        *(subscriptions.create(ENVIRONMENT, topic.oid, subscription(ada, "one")) for _ in range(20))
    )
    assert sorted(one.outcome for one in made) == ["created"] + ["known"] * 19
    assert len({one.subscription.id for one in made if one.subscription}) == 1
    assert await topic_ids(subscriptions, topic) == await joined_ids(subscriptions, ada) == ["one"]
    assert await subscriptions.count(ENVIRONMENT, topic.oid) == 1


async def test_members_are_given_whole_and_once(
    stores: Stores, topics: TopicStore, subscriptions: SubscriptionStore
) -> None:
    topic = await make_topic(topics)
    oids = [await make_subscriber(stores, f"s{number}") for number in range(130)]
    for oid in oids:
        await subscriptions.create(ENVIRONMENT, topic.oid, subscription(oid, f"i-{oid}"))
    slices = [list(members) async for members in subscriptions.members(ENVIRONMENT, topic.oid)]
    assert [len(members) for members in slices] == [100, 30]
    assert sorted(oid for members in slices for oid in members) == sorted(oids)


async def test_a_change_keeps_what_another_wrote(
    stores: Stores, topics: TopicStore, subscriptions: SubscriptionStore
) -> None:
    topic, ada = await make_topic(topics), await make_subscriber(stores)
    wanted = subscription(ada, "one")
    await subscriptions.create(ENVIRONMENT, topic.oid, wanted)

    def add(number: int) -> object:
        def change(before: Subscription) -> Subscription:
            preferences = [*before.preferences, Preference(str(number))]
            return Subscription(before.id, before.identifier, ada, 0, 0, preferences=preferences)

        return subscriptions.change(ENVIRONMENT, topic.oid, wanted.id, change)

    await asyncio.gather(*(add(number) for number in range(4)))  # type: ignore[call-overload]
    found = await subscriptions.find(ENVIRONMENT, topic.oid, "one")
    assert found is not None
    assert sorted(preference.workflow_id for preference in found.preferences) == ["0", "1", "2", "3"]
    assert await subscriptions.change(ENVIRONMENT, topic.oid, "0" * 24, lambda before: before) is None


async def test_a_half_written_subscription_is_left_out_and_removed_when_old(
    stores: Stores, topics: TopicStore, subscriptions: SubscriptionStore
) -> None:
    """The crash: the subscriber's side is written, the topic's is not."""
    topic, ada = await make_topic(topics), await make_subscriber(stores)
    bucket = stores.keys.bucket(ENVIRONMENT, int(ada[8:10], 16))
    old, young = f"{int(time.time()) - 100:08x}{'0' * 16}", new_ordered_id()
    for one in (old, young):
        await stores.client.execute("ZADD", bucket.joined(ada), 1, one)
        await stores.client.execute("HSET", bucket.joined_topics(ada), one, topic.oid)
    assert await joined_ids(subscriptions, ada) == []
    assert await subscriptions.topics_of(ENVIRONMENT, ada) == []
    assert await stores.client.execute("ZRANGE", bucket.joined(ada), 0, -1) == [young.encode()]
    made = await subscriptions.create(ENVIRONMENT, topic.oid, subscription(ada, "one", oid=young))
    assert made.outcome == "created"
    assert await joined_ids(subscriptions, ada) == ["one"]


async def test_making_it_again_heals_a_lost_subscriber_side(
    stores: Stores, topics: TopicStore, subscriptions: SubscriptionStore
) -> None:
    topic, ada = await make_topic(topics), await make_subscriber(stores)
    await subscriptions.create(ENVIRONMENT, topic.oid, subscription(ada, "one"))
    await stores.client.execute("UNLINK", stores.keys.bucket(ENVIRONMENT, int(ada[8:10], 16)).joined(ada))
    assert await joined_ids(subscriptions, ada) == []
    assert (await subscriptions.create(ENVIRONMENT, topic.oid, subscription(ada, "one"))).outcome == "known"
    assert await joined_ids(subscriptions, ada) == ["one"]


async def test_nothing_is_left_of_a_deleted_topic_or_subscriber(
    stores: Stores, topics: TopicStore, subscriptions: SubscriptionStore
) -> None:
    news, alerts = await make_topic(topics, "news"), await make_topic(topics, "alerts")
    ada, bob = await make_subscriber(stores), await make_subscriber(stores, "bob")
    for topic in (news, alerts):
        for oid in (ada, bob):
            await subscriptions.create(ENVIRONMENT, topic.oid, subscription(oid, f"{topic.key}-{oid}"))
    await topics.write(ENVIRONMENT, "news", None, "delete")
    await subscriptions.delete_topic(ENVIRONMENT, news.oid)
    assert await joined_ids(subscriptions, ada) == [f"alerts-{ada}"]
    await subscriptions.delete_subscriber(ENVIRONMENT, ada)
    assert await topic_ids(subscriptions, alerts) == [f"alerts-{bob}"]
    await topics.write(ENVIRONMENT, "alerts", None, "delete")
    await subscriptions.delete_topic(ENVIRONMENT, alerts.oid)
    # but for the places of what was listed, which end by themselves
    used = [key for key in await stores.keys_in_use() if "}gone:" not in key]
    left = {key.removeprefix(stores.keys.prefix) for key in used}
    assert not {key for key in left if "topics" in key or "}j:" in key or "k:" in key.partition("}")[2]}
    assert not {key for key in left if news.oid in key or alerts.oid in key}
