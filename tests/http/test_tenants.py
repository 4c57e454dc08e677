"""`/v1/tenants`, shape by shape."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from tests.support.client import Api
from tests.support.server import Server

from .hostile import check_error, check_never_broken, mutations

PATH = "/v1/tenants"


@pytest.fixture
async def api(shared_server: Server) -> AsyncIterator[Api]:
    async with Api.open(shared_server) as api:
        yield api


@pytest.fixture
def name() -> str:
    return f"tenant-{secrets.token_hex(5)}"


async def test_a_tenant_is_made_changed_and_deleted(api: Api, name: str) -> None:
    made = await api.data("POST", PATH, 201, {"identifier": name, "name": "Acme", "data": {"plan": "pro"}})
    assert made == await api.data("GET", f"{PATH}/{name}", 200)
    assert (made["identifier"], made["name"], made["data"]) == (name, "Acme", {"plan": "pro"})
    assert {"_id", "_environmentId", "_organizationId", "createdAt", "updatedAt"} < made.keys()
    check_error(await api.client.post(PATH, json={"identifier": name}), 409)
    changed = await api.data("PATCH", f"{PATH}/{name}", 200, {"name": "Acme Ltd"})
    assert (changed["_id"], changed["name"], changed["data"]) == (made["_id"], "Acme Ltd", {"plan": "pro"})
    moved = await api.data("PATCH", f"{PATH}/{name}", 200, {"identifier": f"{name}-2", "data": None})
    assert (moved["_id"], moved["identifier"], moved["data"]) == (made["_id"], f"{name}-2", {})
    check_error(await api.client.get(f"{PATH}/{name}"), 404)
    await api.data("POST", PATH, 201, {"identifier": name})
    check_error(await api.client.patch(f"{PATH}/{name}", json={"identifier": f"{name}-2"}), 409)
    for one in (name, f"{name}-2"):
        assert (await api.client.delete(f"{PATH}/{one}")).status_code == 204
        check_error(await api.client.delete(f"{PATH}/{one}"), 404)
        check_error(await api.client.patch(f"{PATH}/{one}", json={"name": "x"}), 404)


async def test_the_list_is_newest_first(fresh_server: Server) -> None:
    async with Api.open(fresh_server) as api:
        for number in range(3):
            await api.data("POST", PATH, 201, {"identifier": f"t{number}"})
        page = await api.call("GET", PATH, 200, limit=2)
        assert [tenant["identifier"] for tenant in page["data"]] == ["t2", "t1"]
        assert (page["page"], page["pageSize"], page["hasMore"]) == (0, 2, True)
        page = await api.call("GET", PATH, 200, limit=2, page=1)
        assert ([tenant["identifier"] for tenant in page["data"]], page["hasMore"]) == (["t0"], False)


async def test_nothing_breaks_it(api: Api, name: str) -> None:
    for wrong in mutations({"identifier": name, "name": "N", "data": {"a": 1}}):
        for method, path in (("POST", PATH), ("PATCH", f"{PATH}/{name}")):
            answer = await api.client.request(method, path, json=wrong)
            if answer.status_code != 409:  # the identifier was taken by an earlier one
                check_never_broken(answer)
    check_error(await api.client.get(PATH, headers={"Authorization": "ApiKey wrong"}), 401)
