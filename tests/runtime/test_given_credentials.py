"""Commands beside a service that was given its key and identifier: they neither make others nor show them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import httpx
import pytest

from .conftest import Service, run_inbox
from .test_cli import failure, read_keys

pytestmark = pytest.mark.needs("valkey")

KEY, IDENTIFIER = "key-of-the-backend", "identifier-of-the-page"
GIVEN = {"INBOX_API_KEY": KEY, "INBOX_APPLICATION_IDENTIFIER": IDENTIFIER}
LACKING = (
    "the service of Production was started with an INBOX_API_KEY that this command was not given, and the store does "
    "not keep it: set the same variables here as there"
)


@pytest.fixture
async def service(make_service: Callable[..., Service]) -> Service:
    made = make_service(**GIVEN)
    await made.start()
    return made


def data_of(service: Service) -> dict[str, str]:
    return {"INBOX_DATA_DIR": str(service.data)}


def test_a_shell_without_the_variables_is_told(service: Service) -> None:
    shown = run_inbox("keys", **data_of(service))
    assert shown.stdout == f"INBOX_APPLICATION_IDENTIFIER={IDENTIFIER}\n"
    assert shown.stderr == f"environment: Production\ninbox: {LACKING}\n"
    assert failure("hash", "--subscriber", "ada", **data_of(service)) == LACKING
    other = {**data_of(service), "INBOX_API_KEY": "another", "INBOX_APPLICATION_IDENTIFIER": "others"}
    assert run_inbox("keys", **other).stdout == shown.stdout
    assert failure("hash", "--subscriber", "ada", **other) == LACKING
    listed = run_inbox("environments", "list", **data_of(service)).stdout
    assert f"Production\t{IDENTIFIER}\t" in listed
    assert listed.endswith("\t1 key\n")


def test_a_shell_with_the_variables_shows_what_the_service_takes(service: Service) -> None:
    same = {**data_of(service), **GIVEN}
    shown = run_inbox("keys", **same)
    assert (read_keys(shown.stdout), shown.stderr) == (GIVEN, "environment: Production\n")
    digest = hmac.new(KEY.encode(), b"ada", hashlib.sha256).hexdigest()
    assert run_inbox("hash", "--subscriber", "ada", **same).stdout == f"{digest}\n"


async def test_the_given_key_is_the_only_one_and_is_not_stored(service: Service) -> None:
    async with httpx.AsyncClient(base_url=service.url, trust_env=False) as client:
        answer = await client.get("/v1/environments/api-keys", headers={"Authorization": f"ApiKey {KEY}"})
    assert [one["key"] for one in answer.json()["data"]] == [KEY]
    assert failure("keys", "revoke", KEY, **data_of(service)) == (
        "This is the INBOX_API_KEY of the service of Production: give it another there"
    )
    await service.stop()
    assert all(KEY.encode() not in file.read_bytes() for file in (service.data / "appendonlydir").iterdir())


def test_a_stored_key_beside_the_given_one_can_be_revoked(service: Service) -> None:
    made = run_inbox("keys", "create", **data_of(service)).stdout.strip()
    assert read_keys(run_inbox("keys", **data_of(service), **GIVEN).stdout) == {**GIVEN, "API_KEY_2": made}
    assert run_inbox("keys", "revoke", made, **data_of(service)).returncode == 0
    assert "INBOX_API_KEY" not in run_inbox("keys", **data_of(service)).stdout


async def test_another_given_key_ends_the_sessions_of_the_one_before(service: Service) -> None:
    token = run_inbox("token", "--subscriber", "ada", **data_of(service), **GIVEN).stdout.strip()

    async def status() -> int:
        async with httpx.AsyncClient(base_url=service.url, trust_env=False) as client:
            headers = {"Authorization": f"Bearer {token}"}
            return (await client.get("/v1/inbox/notifications", headers=headers)).status_code

    statuses = [await status()]
    for key in (KEY, "another-key"):
        await service.stop()
        service.settings["INBOX_API_KEY"] = key
        await service.start()
        statuses.append(await status())
    assert statuses == [200, 200, 401]


async def test_a_key_is_made_once_none_is_given_any_more(service: Service) -> None:
    made = run_inbox("keys", "create", **data_of(service)).stdout.strip()
    assert run_inbox("keys", "revoke", made, **data_of(service)).returncode == 0
    await service.stop()
    for name in GIVEN:
        del service.settings[name]
    await service.start()
    shown = run_inbox("keys", **data_of(service))
    keys = read_keys(shown.stdout)
    assert shown.stderr == "environment: Production\n"
    assert keys["INBOX_API_KEY"] not in (KEY, made)
    assert keys["INBOX_APPLICATION_IDENTIFIER"] != IDENTIFIER
    async with httpx.AsyncClient(base_url=service.url, trust_env=False) as client:
        by_key = {"Authorization": f"ApiKey {keys['INBOX_API_KEY']}"}
        assert (await client.get("/v1/environments/me", headers=by_key)).status_code == 200


async def test_a_key_that_is_stored_and_given_is_shown_once(make_service: Callable[..., Service]) -> None:
    service = make_service()
    await service.start()
    kept = read_keys(run_inbox("keys", **data_of(service)).stdout)
    await service.stop()
    service.settings |= kept
    await service.start()
    assert read_keys(run_inbox("keys", **data_of(service), **kept).stdout) == kept
    assert read_keys(run_inbox("keys", **data_of(service)).stdout) == kept
