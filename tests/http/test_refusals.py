"""The documented refusals that no other test asks for, and lists beyond their ends."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.support.client import Api

from .conftest import PLAIN
from .hostile import check_error

NOBODY = "0" * 24  # well-formed, and nobody's
Refused = tuple[str, str, int, Any]

CREDENTIALS: list[Refused] = [
    ("PATCH", "/v1/subscribers/{known}/credentials", 422, {"providerId": "nope", "credentials": {}}),
    ("PATCH", "/v1/subscribers/{known}/credentials", 422, {"providerId": "fcm"}),
    ("PATCH", "/v1/subscribers/{known}/credentials", 422, {}),
]
TOPICS: list[Refused] = [
    ("PATCH", "/v2/topics/{topic}", 422, {}),
    ("PATCH", "/v2/topics/{topic}", 422, {"name": 7}),
    ("PATCH", "/v2/topics/{topic}", 422, {"name": "x" * 101}),
    ("DELETE", "/v2/topics/nope/subscriptions", 404, {"subscriptions": ["ada"]}),
    ("DELETE", "/v2/topics/{topic}/subscriptions", 422, {}),
    ("DELETE", "/v2/topics/{topic}/subscriptions", 422, {"subscriptions": []}),
    ("DELETE", "/v2/topics/{topic}/subscriptions", 422, {"subscriptions": ["ada"] * 101}),
    ("DELETE", "/v2/topics/{topic}/subscriptions", 422, {"subscriberIds": 7}),
    ("PATCH", "/v2/topics/{topic}/subscriptions/{subscription}", 422, {"name": 7}),
    ("PATCH", "/v2/topics/{topic}/subscriptions/{subscription}", 422, {"preferences": 7}),
    ("PATCH", "/v2/topics/{topic}/subscriptions/nope", 404, {"name": "x"}),
    ("PATCH", "/v2/topics/nope/subscriptions/nope", 404, {"name": "x"}),
    ("GET", "/v2/topics/{topic}/subscriptions?limit=0", 422, None),
    ("GET", "/v2/topics/{topic}/subscriptions?limit=101", 422, None),
    ("GET", f"/v2/topics/{{topic}}/subscriptions?after={NOBODY}&before={NOBODY}", 400, None),
]
BULK_CHANGES: list[Refused] = [
    refused
    for verb in ("seen", "read", "archive", "read-archive", "delete")
    for refused in (
        ("POST", f"/v2/subscribers/nobody-at-all/notifications/{verb}", 404, {}),
        ("POST", f"/v2/subscribers/{{known}}/notifications/{verb}", 422, {"tags": 7}),
        ("POST", f"/v2/subscribers/{{known}}/notifications/{verb}", 400, {"data": "{"}),
    )
]
WORKFLOWS: list[Refused] = [
    ("PATCH", "/v2/workflows/nope", 404, {"name": "x"}),
    ("PATCH", f"/v2/workflows/{PLAIN}", 422, {"active": "x"}),
    ("PATCH", f"/v2/workflows/{PLAIN}", 422, {"name": 7}),
    ("PATCH", f"/v2/workflows/{PLAIN}", 422, {"tags": "x"}),
    ("PUT", "/v1/workflows/{workflow}", 422, {"steps": 7}),
    ("PUT", "/v1/workflows/{workflow}", 422, {"name": 7}),
    ("PUT", "/v1/workflows/{workflow}/status", 422, {}),
    ("PUT", "/v1/workflows/{workflow}/status", 422, {"active": "x"}),
    *(("GET", f"/v1/workflows?{query}", 422, None) for query in ("page=-1", "limit=0", "limit=x", "page=1e9")),
    ("PUT", "/v1/workflow-overrides/{override}", 422, {"active": "x"}),
    ("PUT", "/v1/workflow-overrides/{override}", 422, {"preferenceSettings": 7}),
    ("PUT", "/v1/workflow-overrides/workflows/nope/tenants/{tenant}", 404, {"active": True}),
    ("PUT", f"/v1/workflow-overrides/workflows/{PLAIN}/tenants/nope", 404, {"active": True}),
    *(("GET", f"/v1/workflow-overrides?{query}", 422, None) for query in ("page=-1", "limit=0", "limit=x")),
]
SMALL_FAMILIES: list[Refused] = [
    ("PATCH", "/v1/organizations", 422, {}),
    ("PATCH", "/v1/organizations", 422, {"name": 7}),
    ("POST", f"/v1/integrations/{NOBODY}/set-primary", 404, {}),
    ("PUT", "/v1/integrations/{integration}", 422, {"credentials": {"hmac": "yes"}}),
    ("PATCH", "/v2/contexts/{kind}/one", 422, {}),
    ("PATCH", "/v2/contexts/{kind}/one", 422, {"data": 7}),
    ("PATCH", "/v2/contexts/{kind}/one", 422, {"data": {"x": "y" * 70_000}}),
    *(("GET", f"/v2/contexts?{query}", 422, None) for query in ("limit=0", "limit=101", "orderDirection=UP")),
    ("GET", f"/v2/contexts?after={NOBODY}&before={NOBODY}", 400, None),
    ("PATCH", "/v1/tenants/{tenant}", 422, {"name": 7}),
    ("PATCH", "/v1/tenants/{tenant}", 422, {"data": 7}),
    *(("GET", f"/v1/tenants?{query}", 422, None) for query in ("limit=0", "limit=101", "page=-1", "limit=x")),
]


@pytest.fixture
async def names(api: Api, known: str) -> dict[str, str]:
    """One of each, by what the paths call it."""
    key = secrets.token_hex(6)
    await api.data("POST", f"/v2/topics/{key}/subscriptions", 201, {"subscriptions": [known]})
    step = {"template": {"type": "in_app", "content": "x"}}
    workflow = await api.data("POST", "/v1/workflows", 201, {"name": key, "steps": [step]})
    tenant = await api.data("POST", "/v1/tenants", 201, {"identifier": key, "name": key})
    override = {"workflowId": workflow["_id"], "tenantId": tenant["_id"], "active": True}
    await api.data("POST", "/v2/contexts", 201, {"type": f"k{key}", "id": "one"})
    return {
        "known": known,
        "topic": key,
        "subscription": f"tk_{key}:si_{known}",
        "workflow": workflow["_id"],
        "tenant": key,
        "override": (await api.data("POST", "/v1/workflow-overrides", 201, override))["_id"],
        "integration": (await api.data("GET", "/v1/integrations", 200))[0]["_id"],
        "kind": f"k{key}",
    }


@pytest.mark.parametrize("table", [CREDENTIALS, TOPICS, BULK_CHANGES, WORKFLOWS, SMALL_FAMILIES])
async def test_what_cannot_be_is_refused(api: Api, names: dict[str, str], table: list[Refused]) -> None:
    for method, path, status, body in table:
        content = {} if body is None else {"json": body}
        check_error(await api.client.request(method, path.format(**names), **content), status)


@pytest.mark.parametrize("side", ["after", "before"])
@pytest.mark.parametrize(
    "path",
    [
        "/v2/subscribers",
        "/v2/topics",
        "/v2/contexts",
        "/v2/topics/{topic}/subscriptions",
        "/v2/topics/{topic}/subscriptions?subscriberId={known}",
        "/v2/subscribers/{known}/subscriptions",
        "/v2/subscribers/{known}/subscriptions?key={topic}",
    ],
)
async def test_an_unknown_cursor_gives_an_empty_page(api: Api, names: dict[str, str], path: str, side: str) -> None:
    where = path.format(**names)
    assert (await api.call("GET", where, 200))["data"] != []
    page = await api.call("GET", f"{where}{'&' if '?' in where else '?'}{side}={NOBODY}", 200)
    assert (page["data"], page["next"], page["previous"]) == ([], None, None)
