"""Environments and their API keys: listed, made, revoked and replaced by the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from inbox.errors import BadRequest
from inbox.routes.environments import MAX_ENVIRONMENTS
from inbox.store.environments import key_digest, key_id_of
from tests.conftest import RunServer
from tests.support.client import Api, Json
from tests.support.environments import services_of
from tests.support.server import Server

from .hostile import check_error, check_never_broken, mutations
from .test_two_environments import client_of

PATH = "/v1/environments"
REGENERATE = f"{PATH}/api-keys/regenerate"


@pytest.fixture
async def server(run_server: RunServer, valkey_url: str, key_prefix: str) -> Server:
    return await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix)


@pytest.fixture
async def api(server: Server) -> AsyncIterator[Api]:
    async with Api.open(server) as api:
        yield api


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def as_caller(stack: AsyncExitStack, server: Server, api_key: str) -> Api:
    return Api(await stack.enter_async_context(client_of(server, api_key)))


async def create(api: Api, name: str = "Staging") -> Json:
    created: Json = await api.data("POST", PATH, 201, {"name": name, "color": "#0070f3"})
    return created


async def test_an_environment_is_made_and_its_key_shown_once(server: Server, api: Api, stack: AsyncExitStack) -> None:
    made = await create(api)
    [key] = made["apiKeys"]
    of_staging = await as_caller(stack, server, key["key"])
    assert await of_staging.data("GET", f"{PATH}/me", 200) == made
    names = [(one["name"], "apiKeys" in one) for one in await api.data("GET", PATH, 200)]
    assert names == [("Production", True), ("Development", False), ("Staging", False)]
    names = [(one["name"], "apiKeys" in one) for one in await of_staging.data("GET", PATH, 200)]
    assert names == [("Staging", True), ("Development", False), ("Production", False)]
    await of_staging.create_subscriber("ada")
    check_error(await api.client.get("/v2/subscribers/ada"), 404)
    for taken in ("Staging", "staging ", "production"):
        check_error(await api.client.post(PATH, json={"name": taken}), 400)


async def test_keys_are_listed_masked_made_and_revoked(server: Server, api: Api, stack: AsyncExitStack) -> None:
    made = await create(api)
    first = made["apiKeys"][0]["key"]
    path = f"/v2/environments/{made['_id']}/api-keys"
    check_error(await api.client.get(path), 404)
    of_staging = await as_caller(stack, server, first)
    [listed] = await of_staging.data("GET", path, 200)
    assert (listed["lastFour"], listed["setting"], listed["isCaller"]) == (first[-4:], None, True)
    check_error(await of_staging.client.delete(f"{path}/{listed['id']}"), 400)
    second = await of_staging.data("POST", path, 201)
    both = await of_staging.data("GET", f"/v2/environments/{made['identifier']}/api-keys", 200)
    assert [(one["id"], one["isCaller"]) for one in both] == [(listed["id"], True), (second["id"], False)]
    assert first not in str(both)
    assert second["key"] not in str(both)
    check_error(await of_staging.client.post(path), 400)
    by_second = await as_caller(stack, server, second["key"])
    assert [one["isCaller"] for one in await by_second.data("GET", path, 200)] == [False, True]
    listed_in_the_clear = (
        (await by_second.data("GET", PATH, 200))[0]["apiKeys"],
        (await by_second.data("GET", f"{PATH}/me", 200))["apiKeys"],
        await by_second.data("GET", f"{PATH}/api-keys", 200),
    )
    for keys in listed_in_the_clear:
        assert {one["key"] for one in keys} == {first, second["key"]}
    await by_second.call("DELETE", f"{path}/{listed['id']}", 204)
    check_error(await of_staging.client.get(path), 401)
    check_error(await by_second.client.delete(f"{path}/{listed['id']}"), 404)
    assert [one["id"] for one in await by_second.data("GET", path, 200)] == [second["id"]]


async def test_a_key_of_the_settings_stays(server: Server, api: Api) -> None:
    own = await api.data("GET", f"{PATH}/me", 200)
    path = f"/v2/environments/{own['_id']}/api-keys"
    [given] = await api.data("GET", path, 200)
    assert (given["id"], given["setting"], given["createdAt"]) == (
        key_id_of(key_digest(server.api_key)),
        "INBOX_API_KEY",
        None,
    )
    refused = await api.client.delete(f"{path}/{given['id']}")
    check_error(refused, 400)
    assert refused.json()["message"] == (
        "This is the INBOX_API_KEY of the service of Production: give it another there"
    )
    refused = await api.client.post(REGENERATE)
    check_error(refused, 400)
    assert refused.json()["message"] == (
        "The key of Production is the INBOX_API_KEY of its service: give it another there"
    )
    stored = await api.data("POST", path, 201)
    await api.call("DELETE", f"{path}/{stored['id']}", 204)
    assert await api.data("GET", path, 200) == [given], "the stored one was not the last key"


async def test_a_former_key_of_the_settings_stays_too(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    settings = {"INBOX_KEY_PREFIX": key_prefix, "INBOX_FORMER_API_KEY": "the-key-before-it"}
    server = await run_server(redis_url=valkey_url, **settings)
    async with Api.open(server) as api:
        path = "/v2/environments/{}/api-keys".format((await api.data("GET", f"{PATH}/me", 200))["_id"])
        keys = await api.data("GET", path, 200)
        assert [(one["setting"], one["isCaller"]) for one in keys] == [
            ("INBOX_API_KEY", True),
            ("INBOX_FORMER_API_KEY", False),
        ]
        refused = await api.client.delete(f"{path}/{keys[1]['id']}")
        check_error(refused, 400)
        assert refused.json()["message"].endswith("remove it there")


@pytest.mark.parametrize("count", [1, 2])
async def test_all_keys_are_replaced_by_one(server: Server, api: Api, stack: AsyncExitStack, count: int) -> None:
    made = await create(api)
    keys = [made["apiKeys"][0]["key"]]
    of_staging = await as_caller(stack, server, keys[0])
    if count == 2:
        keys.append((await of_staging.data("POST", f"/v2/environments/{made['_id']}/api-keys", 201))["key"])
    caller = await as_caller(stack, server, keys[-1])
    [new] = await caller.data("POST", REGENERATE, 201)
    for key in keys:
        check_error(await (await as_caller(stack, server, key)).client.get(f"{PATH}/me"), 401)
    of_new = await as_caller(stack, server, new["key"])
    assert (await of_new.data("GET", f"{PATH}/me", 200))["apiKeys"] == [new]


async def test_one_key_outlives_all_that_are_revoked_at_once(server: Server, api: Api, stack: AsyncExitStack) -> None:
    for turn in range(4):
        made = await create(api, f"Staging {turn}")
        keys = [made["apiKeys"][0]["key"]]
        path = f"/v2/environments/{made['_id']}/api-keys"
        first = await as_caller(stack, server, keys[0])
        keys.append((await first.data("POST", path, 201))["key"])
        callers = [first, await as_caller(stack, server, keys[1])]
        ids = [one["id"] for one in await first.data("GET", path, 200)]
        # each caller revokes the other's key, so that none is refused as the caller
        calls = [caller.client.delete(f"{path}/{key_id}") for caller, key_id in zip(callers, ids[::-1], strict=True)]
        answers = [answer.status_code for answer in await asyncio.gather(*calls)]
        assert answers.count(204) == 1, answers
        left = [(await caller.client.get(path)).status_code for caller in callers]
        assert sorted(left) == [200, 401]


async def test_keys_made_at_once_are_as_many_as_there_may_be(server: Server, api: Api) -> None:
    async with services_of(server) as one, services_of(server) as other:
        environment = await one.environments.create("Staging")
        for _ in range(4):
            made = await asyncio.gather(
                *(process.environments.keys.create(environment) for process in (one, other) * 3),
                return_exceptions=True,
            )
            new = [key for key in made if isinstance(key, str)]
            assert (len(new), {type(error) for error in made if error not in new}) == (1, {BadRequest})
            assert len(await other.environments.keys.list_live(environment)) == 2
            await other.environments.keys.revoke(environment, new[0])


async def test_all_keys_replaced_twice_at_once_leave_one(server: Server, api: Api, stack: AsyncExitStack) -> None:
    made = await create(api)
    caller = await as_caller(stack, server, made["apiKeys"][0]["key"])
    answers = await asyncio.gather(*(caller.client.post(REGENERATE) for _ in range(3)))
    new = [answer.json()["data"][0]["key"] for answer in answers if answer.status_code == 201]
    states = [(await (await as_caller(stack, server, key)).client.get(f"{PATH}/me")).status_code for key in new]
    assert states.count(200) == 1, "the others were replaced in their turn"


async def test_environments_made_at_once_are_all_made(server: Server, api: Api, stack: AsyncExitStack) -> None:
    bodies = [{"name": name} for name in ("A", "B", "C", "D", "a")]
    answers = await asyncio.gather(*(api.client.post(PATH, json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 201, 201, 400]
    for made in (answer.json()["data"] for answer in answers if answer.status_code == 201):
        caller = await as_caller(stack, server, made["apiKeys"][0]["key"])
        assert await caller.data("GET", f"{PATH}/me", 200) == made


async def test_no_key_and_no_secret_is_kept_for_a_repetition(server: Server, api: Api) -> None:
    """What an Idempotency-Key keeps would stand in the store in the clear."""
    own = await api.data("GET", f"{PATH}/me", 200)
    await api.data("PUT", "/v2/webhook", 200, {"url": "https://hooks.example/"})
    calls = [
        (PATH, {"name": "Staging"}),
        (f"/v2/environments/{own['_id']}/api-keys", None),
        ("/v2/webhook/rotate-secret", None),
    ]
    for number, (path, body) in enumerate(calls):
        answer = await api.client.post(path, json=body, headers={"Idempotency-Key": f"once-{number}"})
        assert answer.status_code in (200, 201), answer.text
        assert answer.headers["idempotency-key"] == f"once-{number}"
        again = await api.client.post(path, json=body, headers={"Idempotency-Key": f"once-{number}"})
        assert again.headers.get("idempotency-replay") is None


async def test_there_is_a_limit(server: Server, api: Api) -> None:
    async with services_of(server) as services:
        for number in range(len(services.environments.all()), MAX_ENVIRONMENTS):
            await services.environments.create(f"E{number}")
        refused = await api.client.post(PATH, json={"name": "one more"})
        check_error(refused, 400)
        assert refused.json()["message"].startswith(f"There are {MAX_ENVIRONMENTS} environments already")
        await services.environments.create("by command")


async def test_nothing_breaks_it(api: Api) -> None:
    path = "/v2/environments/{}/api-keys".format((await api.data("GET", f"{PATH}/me", 200))["_id"])
    for number, wrong in enumerate(mutations({"name": "N", "color": "#fff", "parentId": "0" * 24})):
        named = isinstance(wrong, dict) and wrong.get("name") == "N"
        check_never_broken(await api.client.post(PATH, json={**wrong, "name": f"N{number}"} if named else wrong))
    for name in ("", " ", "x" * 65, "a\nb", 7, None):
        check_error(await api.client.post(PATH, json={"name": name}), 422)
    for key_id in ("x", "0" * 24, "%00", "..%2f", "a" * 500):
        check_error(await api.client.delete(f"{path}/{key_id}"), 404, 400)
    for method, where in (("GET", ""), ("POST", ""), ("DELETE", "/" + "0" * 24)):
        check_error(await api.client.request(method, f"/v2/environments/{'0' * 24}/api-keys{where}"), 404)
