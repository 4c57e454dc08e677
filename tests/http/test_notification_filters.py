"""Lists and counts of notifications on both faces: each filter, its echo, pages, and what is refused."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.client import Json
from tests.support.server import Server

from .faces import Face, open_face

UNKNOWN = "0" * 24


@pytest.fixture(params=["page", "backend"])
async def face(request: pytest.FixtureRequest, shared_server: Server) -> AsyncIterator[Face]:
    async with open_face(shared_server, request.param) as face:
        yield face


@pytest.fixture
async def mixed(face: Face) -> Face:
    """0 read order, 1 archived news, 2 snoozed without tags, 3 seen and high, 4 untouched, low and of another kind."""
    await face.send()
    await face.send(workflow="n-news")
    await face.send(workflow="n-plain")
    await face.send(overrides={"severity": "high"})
    await face.api.trigger(face.subscriber_id, {"kind": "other"}, workflow="n-orders", overrides={"severity": "low"})
    face.ids.append((await face.page(limit=1))["data"][0]["id"])
    await face.change(0, "read")
    await face.change(1, "archive")
    await face.change(2, "snooze", {"snoozeUntil": soon()})
    await face.bulk("seen", notificationIds=[face.ids[3]])
    return face


def soon() -> str:
    return datetime.fromtimestamp(int(datetime.now().timestamp()) + 3600).astimezone().isoformat()


NEWS_AND_ORDERS = {"and": [{"or": ["news"]}, {"or": ["orders"]}]}
FILTERS: list[tuple[str, Json, list[int]]] = [
    ("", {}, [4, 3, 2, 1, 0]),
    ("read=true", {"read": True}, [1, 0]),
    ("read=false&snoozed=false", {"read": False, "snoozed": False}, [4, 3]),
    ("seen=false", {"seen": False}, [4]),
    ("archived=true", {"archived": True}, [1]),
    ("archived=false&snoozed=false", {"archived": False, "snoozed": False}, [4, 3, 0]),
    ("snoozed=true", {"snoozed": True}, [2]),
    ("severity=high", {"severity": "high"}, [3]),
    ("severity=high&severity=low", {"severity": ["high", "low"]}, [4, 3]),
    ("severity%5B%5D=none", {"severity": ["none"]}, [2, 1, 0]),
    ("tags=orders", {"tags": ["orders"]}, [4, 3, 0]),
    ("tags[]=orders&tags[]=news", {"tags": ["orders", "news"]}, [4, 3, 1, 0]),
    ("tags%5B0%5D%5B%5D=orders&tags[0][]=news&tags[1][]=all", {"tags": [["orders", "news"], ["all"]]}, [4, 3, 1, 0]),
    ("tags[or][]=news", {"tags": {"or": ["news"]}}, [1]),
    ("tags[and][0][or][]=news&tags[and][1][or][]=orders", {"tags": NEWS_AND_ORDERS}, []),
    ('data={"kind":"other"}', {"data": {"kind": "other"}}, [4]),
    ('data={"fixed":{"one":1},"kind":"k"}', {"data": {"fixed": {"one": 1}, "kind": "k"}}, [3, 2, 1, 0]),
    ('data={"fixed.one":2}', {"data": {"fixed.one": 2}}, []),
    ("data={}", {"data": {}}, [4, 3, 2, 1, 0]),
    ("tags=orders&read=false&severity=low", {"tags": ["orders"], "read": False, "severity": "low"}, [4]),
]


@pytest.mark.parametrize(("query", "echo", "expected"), FILTERS, ids=[query or "none" for query, *_ in FILTERS])
async def test_each_filter(mixed: Face, query: str, echo: Json, expected: list[int]) -> None:
    page = await mixed.page(query)
    assert [mixed.ids.index(item["id"]) for item in page["data"]] == expected
    assert page["filter"] == echo, "just what was received, typed"
    assert page["hasMore"] is False
    assert await mixed.counts(echo, {}, echo) == [len(expected), 5, len(expected)]
    found = [number for offset in range(6) for number in await mixed.listed(query, limit=1, offset=offset)]
    assert found == expected, "the same one by one"


def milliseconds(date: str) -> int:
    return round(datetime.fromisoformat(date).timestamp() * 1000)


async def test_by_time(face: Face) -> None:
    """Both ends are included."""
    await face.send(6)
    created = [milliseconds((await face.item(number))["createdAt"]) for number in range(6)]
    for low, high in ((0, 5), (2, 3), (3, 3), (4, 2)):
        expected = [number for number in reversed(range(6)) if created[low] <= created[number] <= created[high]]
        page = await face.page(createdGte=created[low], createdLte=created[high])
        assert [face.ids.index(item["id"]) for item in page["data"]] == expected
        assert page["filter"] == {"createdGte": created[low], "createdLte": created[high]}
    assert await face.listed(createdGte=created[4] + 60_000) == []
    assert await face.listed(createdLte=created[0] - 1) == []
    assert await face.listed(createdGte=f"{created[1]}.0", limit=2) == [5, 4]
    assert (await face.listed(createdLte=created[3], tags="orders"))[-1] == 0


async def test_page_by_page(face: Face) -> None:
    await face.send(5)
    first = await face.page(limit=2)
    assert first["hasMore"] is True
    second = await face.page(limit=2, after=first["data"][-1]["id"])
    third = await face.page(limit=2, after=second["data"][-1]["id"], offset=3)
    assert (second["hasMore"], third["hasMore"]) == (True, False)
    found = [face.ids.index(item["id"]) for page in (first, second, third) for item in page["data"]]
    assert found == [4, 3, 2, 1, 0], "with `after` the offset is ignored"
    assert await face.listed(limit=2, offset=1) == [3, 2]
    exact = await face.page(limit=5)
    assert (len(exact["data"]), exact["hasMore"]) == (5, False)
    await face.change(2, "archive")
    assert await face.listed(archived="false", after=face.ids[2]) == [1, 0]
    assert await face.page(after=face.ids[0]) == {"data": [], "hasMore": False, "filter": {}}


async def test_a_list_goes_on_after_a_deleted_message(face: Face) -> None:
    await face.send(3)
    await face.delete(1)
    assert await face.listed(after=face.ids[1]) == [0]
    await face.refused(400, "GET", face.base, after=UNKNOWN)
    await face.refused(422, "GET", face.base, after="nonsense")


@pytest.mark.parametrize(
    ("status", "query"),
    [
        (422, "limit=0"),
        (422, "limit=101"),
        (422, "limit=x"),
        (422, "offset=-1"),
        (400, "read=false&archived=true"),
        (422, "severity=urgent"),
        (422, "severity[]=low&severity[]=urgent"),
        (400, "data={"),
        (400, "data=[]"),
        (400, 'data={"a":[1]}'),
        (400, 'data={"a":{"b":{"c":1}}}'),
        (400, 'data={"a":"' + "x" * 257 + '"}'),
        (422, "tags=a&tags[0][]=b"),
        (422, "tags[nor][]=a"),
        (422, "&".join(["tags=t"] * 101)),
        (422, "&".join(f"tags[{number}][]=t" for number in range(31))),
        (422, "createdGte=-1"),
        (422, "createdLte=soon"),
    ],
)
async def test_a_list_refuses(face: Face, status: int, query: str) -> None:
    await face.refused(status, "GET", f"{face.base}?{query}")


@pytest.mark.parametrize(
    ("status", "filters"),
    [
        (400, "{"),
        (422, "{}"),
        (422, "[1]"),
        (422, json.dumps([{}] * 31)),
        (422, '[{"read":"true"}]'),
        (422, '[{"severity":"urgent"}]'),
        (422, '[{"tags":"a"}]'),
        (400, '[{"read":false,"archived":true}]'),
        (400, '[{"data":[]}]'),
    ],
)
async def test_a_count_refuses(face: Face, status: int, filters: str) -> None:
    await face.refused(status, "GET", f"{face.base}/count", filters=filters)


async def test_counts_stop_at_a_hundred_and_echo_what_they_ignore(face: Face) -> None:
    for _ in range(102):
        await face.api.trigger(face.subscriber_id, {"kind": "k"}, workflow="n-orders")
    filters: list[dict[str, Any]] = [{}, {"tags": ["orders"]}, {"data": {"kind": "k"}}, {"createdGte": 1, "x": None}]
    assert await face.counts(*filters, {"tags": ["news"]}) == [100, 100, 100, 100, 0]
    await face.counts(*[{"read": False}] * 30)


async def test_counts_by_content_follow_every_change(face: Face) -> None:
    """What is known of messages is remembered from one count to the next; it must not outlive a change."""
    filters: list[Json] = [
        {"data": {"kind": "k"}},
        {"data": {"kind": "k"}, "read": False},
        {"data": {"kind": "k", "fixed.one": 1}, "seen": True},
        {"tags": ["orders"], "archived": False},
        {"tags": ["news"], "snoozed": True},
        {"tags": [["news", "orders"], ["all"]], "data": {"none": None}},
    ]
    dice = random.Random(7)

    async def change() -> None:
        verb = dice.choice(["send", "send", "read", "unread", "archive", "unarchive", "snooze", "delete", "delete all"])
        if verb == "send" or not await face.listed(limit=100):
            await face.send(dice.randint(1, 4), workflow=dice.choice(["n-orders", "n-news", "n-plain"]))
        elif verb == "delete all":
            await face.bulk("delete", tags=["news"])
        elif verb == "delete":
            await face.delete(dice.choice(await face.listed(limit=100)))
        else:
            body = {"snoozeUntil": in_an_hour()} if verb == "snooze" else None
            await face.change(dice.choice(await face.listed(limit=100)), verb, body)

    for _ in range(30):
        await change()
        counts = await face.counts(*filters)
        for wanted, count in zip(filters, counts, strict=True):
            query = {name: str(value).lower() for name, value in wanted.items() if name not in ("tags", "data")}
            by_data = {"data": json.dumps(wanted["data"])} if "data" in wanted else {}
            assert count == len(await face.listed(tags_query(wanted.get("tags", [])), limit=100, **query, **by_data))


def tags_query(tags: list[Any]) -> str:
    groups = tags if tags and isinstance(tags[0], list) else [tags] if tags else []
    return "&".join(f"tags[{place}][]={tag}" for place, group in enumerate(groups) for tag in group)


def in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()
