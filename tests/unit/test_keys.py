"""Key names: which slot, which bucket, and nothing in them that a caller chose."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, product
from string import ascii_lowercase, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from inbox.store.connection.slots import SLOTS, slot_of
from inbox.store.keys import BUCKETS, TAGS, Keys, bucket_of

KEYS = Keys("p:")
TRICKY = ["a:b{c}*", "a/b", "ä 💥", "}{", "{aaa}", "a b", "x" * 255, "?[h]"]
OID = "0123456789abcdef01234567"


def keys_of(subscriber_id: str, environment: int = 1) -> list[str]:
    """Every key that holds something of this subscriber and of a transaction with the same text."""
    bucket = KEYS.bucket(environment, bucket_of(subscriber_id))
    feed = bucket.feed(7)
    return [
        *(bucket.feed_counter, bucket.subscribers, bucket.times, bucket.erasing, bucket.subscriber(OID)),
        *(bucket.delivered(subscriber_id, subscriber_id, 7), bucket.transaction(subscriber_id)),
        *(*feed.all(), feed.scratch, KEYS.held(bucket_of(subscriber_id), "process")),
    ]


def test_there_are_256_distinct_tags() -> None:
    assert len(TAGS) == len(set(TAGS)) == BUCKETS == 256


def test_a_tag_is_the_first_one_nearest_to_the_middle_of_its_part_of_the_slots() -> None:
    by_slot: dict[int, str] = {}
    for letters in product(digits + ascii_lowercase, repeat=3):
        by_slot.setdefault(slot_of("".join(letters)), "".join(letters))
    step = SLOTS // BUCKETS
    for bucket, tag in enumerate(TAGS):
        middle = bucket * step + step // 2
        around = (slot for distance in range(step // 2) for slot in (middle + distance, middle - distance))
        assert tag == next(by_slot[slot] for slot in around if slot in by_slot)


@pytest.mark.parametrize("primaries", range(3, 17))
def test_buckets_lie_evenly_over_the_primaries(primaries: int) -> None:
    bounds = [SLOTS * part // primaries for part in range(primaries + 1)]
    slots = [key_slot(tag.encode()) for tag in TAGS]
    shares = [sum(low <= slot < high for slot in slots) for low, high in pairwise(bounds)]
    assert max(shares) - min(shares) <= 1


def test_no_two_buckets_share_a_slot() -> None:
    assert len({key_slot(tag.encode()) for tag in TAGS}) == BUCKETS


@given(st.text(st.characters(codec="utf-8", exclude_characters="{}"), min_size=1, max_size=20))
def test_slot_of_is_that_of_the_redis_client(tag: str) -> None:
    assert slot_of(tag) == key_slot(f"before{{{tag}}}after".encode())


@pytest.mark.parametrize("subscriber_id", TRICKY)
def test_all_keys_of_a_subscriber_share_a_slot(subscriber_id: str) -> None:
    slots = {key_slot(key.encode()) for key in keys_of(subscriber_id)}
    assert slots == {slot_of(TAGS[bucket_of(subscriber_id)])}


@pytest.mark.parametrize("subscriber_id", TRICKY)
def test_no_key_shows_what_a_caller_chose(subscriber_id: str) -> None:
    tag = TAGS[bucket_of(subscriber_id)]
    for key in keys_of(subscriber_id):
        assert subscriber_id not in key
        assert key.startswith(f"p:{{{tag}}}")
        assert set(key.removeprefix(f"p:{{{tag}}}")).isdisjoint("{}*?[]/ ")


def test_no_two_things_share_a_key() -> None:
    names = Counter(key for name in TRICKY for environment in (1, 2) for key in keys_of(name, environment))
    per_bucket = {KEYS.bucket(1, bucket_of(name)).feed_counter for name in TRICKY}
    held = {KEYS.held(bucket_of(name), "process") for name in TRICKY}
    shared = {key for key, times in names.items() if times > 1}
    assert shared == per_bucket | held  # the two that environments have in common


def test_feeds_have_keys_of_their_own() -> None:
    bucket = KEYS.bucket(1, 0)
    keys = [key for number in (1, 11, 111) for key in (*bucket.feed(number).all(), bucket.feed(number).scratch)]
    assert len(keys) == len(set(keys)) == 33


def test_a_channel_is_the_state_key() -> None:
    feed = KEYS.bucket(1, 0).feed(1)
    assert feed.channel == feed.state


def test_a_delivery_is_told_apart_by_transaction_step_and_feed() -> None:
    bucket = KEYS.bucket(1, 0)
    keys = {bucket.delivered(txn, step, feed) for txn in ("a", "b", "ab") for step in ("a", "b") for feed in (1, 11)}
    assert len(keys) == 12


def test_every_key_begins_with_the_prefix() -> None:
    everything = [*keys_of("a"), KEYS.workflows(1), KEYS.version(1), KEYS.layout, KEYS.environments, KEYS.secrets]
    everything += [KEYS.processes, KEYS.probe("process"), KEYS.write_probe("process")]
    assert all(key.startswith("p:{") for key in everything)
    assert len(set(everything)) == len(everything)


@given(st.text())
def test_a_bucket_is_one_of_256(text: str) -> None:
    assert 0 <= bucket_of(text) < BUCKETS


def test_ids_spread_over_the_buckets() -> None:
    shares = Counter(bucket_of(f"subscriber-{number}") for number in range(25_600))
    assert len(shares) == BUCKETS
    assert max(shares.values()) < 160  # 100 on average


def test_buckets_and_tags_never_change() -> None:
    """Stored data is found by them: another hash or tag would lose it."""
    assert [bucket_of(text) for text in ("ada", "a/b", "ä 💥")] == [253, 193, 109]
    assert (TAGS[0], TAGS[128], TAGS[255]) == ("021", "20w", "qmh")
    assert KEYS.bucket(1, 0).transaction("t") == "p:{021}1:t:aJzYHnL0e99Sxasm"
