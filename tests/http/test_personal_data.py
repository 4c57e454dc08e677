"""What is held of one person: taken away as a document, and erased."""

from __future__ import annotations

import secrets

import httpx

from tests.support.client import Api, segment

from .conftest import WELCOME, deliver, deliver_many
from .hostile import check_error
from .shapes import MESSAGE, SUBSCRIBER, check


def path_of(subscriber_id: str) -> str:
    return f"/v2/subscribers/{segment(subscriber_id)}/data"


async def test_the_export_is_one_document(api: Api, known: str) -> None:
    ids = await deliver(api, known, 3, workflow=WELCOME)
    await api.mark_as(known, ids[0], "read")
    answer = await api.client.get(path_of(known))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="subscriber.json"'
    assert answer.headers["cache-control"] == "private, no-store"
    document = answer.json()
    assert list(document) == [
        *("format", "exportedAt", "environment", "subscriber", "preferences"),
        *("subscriptions", "feeds", "messages", "activity"),
    ]
    check(document["subscriber"], SUBSCRIBER, "firstName")
    for message in document["messages"]:
        assert set(message) >= MESSAGE
    assert [message["_id"] for message in document["messages"]] == ids
    assert [message["read"] for message in document["messages"]] == [True, False, False]
    assert [row["_messageId"] for row in document["activity"]] == ids[::-1]


async def test_a_long_feed_is_exported_whole(api: Api, known: str) -> None:
    await deliver_many(api, known, 230)
    document = await api.call("GET", path_of(known), 200)
    assert len({message["_id"] for message in document["messages"]}) == 230
    assert document["feeds"] == [{"contextKeys": [], "unseen": 230, "unread": 230}]
    assert len(document["activity"]) == 230


async def test_erasing_tells_what_it_removed_and_what_it_cannot_reach(api: Api, known: str) -> None:
    await deliver(api, known, 3)
    erased = await api.data("DELETE", path_of(known), 200)
    assert set(erased) == {"status", "removed", "appendOnlyFile", "outOfReach"}
    assert erased["status"] == "erased"
    assert erased["appendOnlyFile"] in ("requested", "busy")
    assert erased["removed"] == {
        **{"subscribers": 1, "feeds": 1, "messages": 3, "preferences": 0, "subscriptions": 0},
        **{"activities": 3, "transactions": 3, "answers": 0, "timers": 0, "events": 0},
    }
    assert any("backups" in one for one in erased["outOfReach"])
    assert known not in str(erased)


async def test_one_erased_is_as_unknown_as_any(api: Api, known: str) -> None:
    await deliver(api, known)
    await api.data("DELETE", path_of(known), 200)
    for method in ("GET", "DELETE"):
        check_error(await api.client.request(method, path_of(known)), 404)
    await api.call("GET", f"/v2/subscribers/{segment(known)}", 404)
    activity = await api.call("GET", "/v1/notifications", 200, limit=50)
    assert known not in str(activity)


async def test_no_answer_that_names_the_person_is_kept_for_repetitions(api: Api, known: str) -> None:
    """Those of before go, and a repeated erasure is carried out again."""
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    changed = f"/v2/subscribers/{segment(known)}"
    assert (await api.client.patch(changed, json={"firstName": "B"}, headers=headers)).status_code == 200
    first = await api.client.delete(path_of(known), headers=headers)
    assert first.json()["data"]["removed"]["answers"] == 1
    assert (await api.client.delete(path_of(known), headers=headers)).status_code == 404
    assert (await api.client.patch(changed, json={"firstName": "B"}, headers=headers)).status_code == 404


async def test_both_need_an_api_key(api: Api, known: str) -> None:
    async with httpx.AsyncClient(base_url=api.client.base_url, trust_env=False) as stranger:
        for method in ("GET", "DELETE"):
            check_error(await stranger.request(method, path_of(known)), 401)
    await api.call("GET", path_of(known), 200)
