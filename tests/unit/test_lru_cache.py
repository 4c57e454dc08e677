"""What a bounded cache keeps, and in which order it forgets."""

from __future__ import annotations

from inbox.lru_cache import LruCache


def test_the_least_recently_used_leaves_first() -> None:
    cache: LruCache[str, int] = LruCache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert [cache.get(key) for key in "abc"] == [1, None, 3]


def test_sizes_add_up_and_a_replaced_value_counts_once() -> None:
    cache: LruCache[str, bytes] = LruCache(10, len)
    cache.put("a", b"1234")
    cache.put("b", b"1234")
    cache.put("a", b"123456")
    assert [cache.get(key) for key in "ab"] == [b"123456", b"1234"]
    cache.put("c", b"1")
    assert [cache.get(key) for key in "abc"] == [None, b"1234", b"1"], "`a` was used before `b`"


def test_a_dropped_value_gives_its_room_back() -> None:
    cache: LruCache[str, bytes] = LruCache(4, len)
    cache.put("a", b"1234")
    cache.drop("a")
    cache.drop("a")
    cache.put("b", b"1234")
    assert (cache.get("a"), cache.get("b")) == (None, b"1234")


def test_a_value_larger_than_the_whole_cache_is_not_kept() -> None:
    cache: LruCache[str, bytes] = LruCache(4, len)
    cache.put("a", b"12")
    cache.put("b", b"12345")
    assert (cache.get("a"), cache.get("b")) == (b"12", None), "nor does it drive out the others"
