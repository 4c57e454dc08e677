"""`/v1/subscribers` and `/v2/subscribers`: lists, bulk and credentials, shape by shape, on a real service."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from tests.support.client import Api, Json, segment
from tests.support.server import Server

from .hostile import check_error

V1, V2 = "/v1/subscribers", "/v2/subscribers"


@pytest.fixture
async def api(shared_server: Server) -> AsyncIterator[Api]:
    async with Api.open(shared_server) as api:
        yield api


@pytest.fixture
async def own(fresh_server: Server) -> AsyncIterator[Api]:
    """A service whose subscribers are this test's only."""
    async with Api.open(fresh_server) as api:
        yield api


@pytest.fixture
def name() -> str:
    return f"s-{secrets.token_hex(5)}"


async def ids(api: Api, **query: str | int) -> tuple[list[str], str | None, str | None]:
    page = await api.call("GET", V2, 200, **query)
    assert set(page) == {"data", "next", "previous", "totalCount", "totalCountCapped"}
    return [one["subscriberId"] for one in page["data"]], page["next"], page["previous"]


async def test_lists_in_order_and_search(own: Api) -> None:
    people = [("ada", "Ada", "Lovelace", "ada@example.org"), ("bob", "Bob", "Ada-Smith", "bob@example.com")]
    for subscriber_id, first, last, email in people:
        await own.create_subscriber(subscriber_id, firstName=first, lastName=last, email=email, phone=f"+1{first}")
    for number in range(5):
        await own.create_subscriber(f"s{number}")
    newest = ["s4", "s3", "s2", "s1", "s0", "bob", "ada"]
    assert await ids(own) == (newest, None, None)
    assert (await ids(own, orderDirection="ASC"))[0] == newest[::-1]

    first, after, before = await ids(own, limit=3)
    assert (first, before) == (newest[:3], None)
    assert after is not None
    second, further, back = await ids(own, limit=3, after=after)
    assert second == newest[3:6]
    assert further is not None
    assert back is not None
    assert await ids(own, limit=3, before=back) == (newest[:3], after, None)
    assert (await ids(own, limit=3, after=further))[:2] == (newest[6:], None)
    assert (await ids(own, limit=1, after=after, includeCursor="true"))[0] == [newest[2]]
    assert await ids(own, after="0" * 24) == ([], None, None)
    assert await ids(own, after="no cursor") == ([], None, None)

    page = await own.call("GET", V1, 200, page=1, limit=3)
    assert [one["subscriberId"] for one in page.pop("data")] == newest[3:6]
    assert page == {"page": 1, "hasMore": True, "pageSize": 3}
    assert (await own.call("GET", V1, 200, page=2, limit=3))["hasMore"] is False

    assert (await ids(own, name="aDa"))[0] == ["bob", "ada"]
    assert (await ids(own, name="ada", email="example.ORG"))[0] == ["ada"]
    assert (await ids(own, name="lovelace", limit=1)) == (["ada"], None, None)
    assert (await ids(own, phone="+1b"))[0] == ["bob"]
    assert (await ids(own, subscriberId="s3"))[0] == ["s3"]
    assert (await ids(own, subscriberId="s3", name="ada"))[0] == []
    shown, after, _ = await ids(own, name="ada", limit=1)
    assert shown == ["bob"]
    assert after is not None
    assert (await ids(own, name="ada", limit=1, after=after))[0] == ["ada"]

    await own.data("PATCH", f"{V2}/s1", 200, {"firstName": "S"})
    assert (await ids(own, orderBy="updatedAt"))[0][0] == "s1"
    await own.data("DELETE", f"{V2}/s4", 200)
    assert (await ids(own))[0] == newest[1:]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{V1}?limit=0", 422),
        (f"{V1}?limit=101", 422),
        (f"{V1}?page=-1", 422),
        (f"{V1}?page=x", 422),
        (f"{V2}?limit=101", 422),
        (f"{V2}?orderBy=email", 422),
        (f"{V2}?orderDirection=up", 422),
        (f"{V2}?after={'0' * 24}&before={'0' * 24}", 400),
    ],
)
async def test_a_list_that_cannot_be(api: Api, path: str, status: int) -> None:
    check_error(await api.client.get(path), status)


async def test_bulk_tells_what_became_of_each(api: Api, name: str) -> None:
    await api.create_subscriber(f"{name}-known", firstName="Old", lastName="Kept")
    sent: list[Json] = [
        {"subscriberId": f"{name}-known", "firstName": "New"},
        {"subscriberId": f"{name}-new", "email": "a@example.org"},
        {"subscriberId": f"{name}-new", "phone": "+1"},
        {"subscriberId": f"{name}-bad", "email": "nobody"},
        {"firstName": "Nameless"},
    ]
    outcome = await api.data("POST", f"{V1}/bulk", 201, {"subscribers": sent})
    assert outcome["created"] == [{"subscriberId": f"{name}-new"}]
    assert outcome["updated"] == [{"subscriberId": f"{name}-known"}, {"subscriberId": f"{name}-new"}]
    assert [each.get("subscriberId") for each in outcome["failed"]] == [f"{name}-bad", None]
    assert "email must be an email" in outcome["failed"][0]["message"]
    known, new = await api.subscriber(f"{name}-known"), await api.subscriber(f"{name}-new")
    assert (known["firstName"], known["lastName"], new["email"], new["phone"]) == ("New", "Kept", "a@example.org", "+1")
    check_error(await api.client.get(f"{V2}/{name}-bad"), 404)


@pytest.mark.parametrize("count", [0, 501])
async def test_a_bulk_of_the_wrong_size_is_422(api: Api, name: str, count: int) -> None:
    sent = [{"subscriberId": f"{name}-{number}"} for number in range(count)]
    answer = await api.client.post(f"{V1}/bulk", json={"subscribers": sent})
    check_error(answer, 422)
    assert answer.json()["errors"]["subscribers"]["messages"]
    check_error(await api.client.get(f"{V2}/{name}-0"), 404)


async def test_a_bulk_of_500(api: Api, name: str) -> None:
    sent = [{"subscriberId": f"{name}-{number}"} for number in range(500)]
    outcome = await api.data("POST", f"{V1}/bulk", 201, {"subscribers": sent})
    assert outcome == {"created": sent, "updated": [], "failed": []}


async def test_credentials_are_kept_replaced_added_to_and_dropped(api: Api, name: str) -> None:
    path = f"{V1}/{segment(name)}/credentials"
    await api.create_subscriber(name)
    sent = {"providerId": "fcm", "credentials": {"deviceTokens": ["a", "b", "a"]}, "integrationIdentifier": "one"}
    [stored] = (await api.data("PUT", path, 200, sent))["channels"]
    assert len(stored.pop("_integrationId")) == 24
    assert stored == {**sent, "credentials": {"deviceTokens": ["a", "b"]}}

    added = {**sent, "credentials": {"deviceTokens": ["b", "c"], "title": "T"}}
    [stored] = (await api.data("PATCH", path, 200, added))["channels"]
    assert stored["credentials"] == {"deviceTokens": ["a", "b", "c"], "title": "T"}

    other = {"providerId": "slack", "credentials": {"webhookUrl": "https://example.org"}}
    channels = (await api.data("PATCH", path, 200, other))["channels"]
    assert [channel["providerId"] for channel in channels] == ["fcm", "slack"]
    replaced = (await api.data("PUT", path, 200, {**sent, "credentials": {"deviceTokens": ["z"]}}))["channels"]
    assert [channel["credentials"] for channel in replaced] == [{"deviceTokens": ["z"]}, other["credentials"]]

    assert (await api.client.delete(f"{path}/fcm")).status_code == 204
    assert (await api.client.delete(f"{path}/fcm")).status_code == 204
    assert [channel["providerId"] for channel in (await api.subscriber(name))["channels"]] == ["slack"]


async def test_credentials_that_cannot_be(api: Api, name: str) -> None:
    path = f"{V1}/{name}/credentials"
    sent = {"providerId": "fcm", "credentials": {"deviceTokens": ["a"]}}
    for method in ("PUT", "PATCH"):
        check_error(await api.client.request(method, path, json=sent), 400)
    check_error(await api.client.delete(f"{path}/fcm"), 404)
    await api.create_subscriber(name)
    wrong: list[tuple[Json, int]] = [
        ({**sent, "providerId": "pigeon"}, 422),
        ({"providerId": "fcm"}, 422),
        ({**sent, "credentials": {"deviceTokens": "a"}}, 422),
        ({**sent, "credentials": {"deviceTokens": [str(number) for number in range(101)]}}, 400),
    ]
    for body, status in wrong:
        check_error(await api.client.put(path, json=body), status)
    assert (await api.subscriber(name))["channels"] == []


async def test_channels_of_a_profile_are_merged_by_provider(api: Api, name: str) -> None:
    fcm = {"providerId": "fcm", "credentials": {"deviceTokens": ["a"]}}
    slack = {"providerId": "slack", "credentials": {"channel": "general"}}
    await api.data("POST", V1, 201, {"subscriberId": name, "channels": [fcm]})
    changed = await api.data("PUT", f"{V1}/{name}", 200, {"channels": [slack], "firstName": "Ada"})
    assert [channel["providerId"] for channel in changed["channels"]] == ["fcm", "slack"]
    assert changed["firstName"] == "Ada"
    cleared = await api.data("PUT", f"{V1}/{name}", 200, {"channels": None})
    assert cleared["channels"] == []


async def test_without_a_key_nothing_is_told(api: Api, name: str) -> None:
    await api.create_subscriber(name)
    calls = [("GET", V1), ("GET", V2), ("POST", f"{V1}/bulk"), ("PUT", f"{V1}/{name}/credentials")]
    for method, path in [*calls, ("DELETE", f"{V1}/{name}/credentials/fcm")]:
        check_error(await api.client.request(method, path, headers={"Authorization": "ApiKey wrong"}), 401)
