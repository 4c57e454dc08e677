"""`/openapi.json`, `/docs`, and who may call what."""

from __future__ import annotations

import re

import httpx
import pytest

from inbox.openapi.document import encoded_document
from inbox.routes import API_ROUTES
from tests.support.server import Server

from .hostile import check_error

CLOSED = [(route.method, re.sub(r"\{\w+\}", "x", route.path)) for route in API_ROUTES if not route.operation.is_open]
CREDENTIALS = [None, "ApiKey wrong", "Bearer wrong", "Basic eDp5", "ApiKey", ""]


async def test_the_document_is_served(shared_server: Server) -> None:
    async with httpx.AsyncClient(base_url=shared_server.url, trust_env=False) as client:
        answer = await client.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.content == encoded_document()


async def test_the_page_asks_nobody_else(shared_server: Server) -> None:
    async with httpx.AsyncClient(base_url=shared_server.url, trust_env=False) as client:
        page = await client.get("/docs")
        assert page.headers["Content-Security-Policy"] == "default-src 'self'; img-src 'self' data:"
        for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
            assert not address.startswith(("/", "http")), "relative, so that it holds below a base path"
            assert (await client.get(f"/{address}")).status_code == 200


@pytest.mark.parametrize("credential", CREDENTIALS)
async def test_no_route_answers_without_valid_credentials(shared_server: Server, credential: str | None) -> None:
    headers = {} if credential is None else {"Authorization": credential}
    async with httpx.AsyncClient(base_url=shared_server.url, headers=headers, trust_env=False) as client:
        for method, path in CLOSED:
            check_error(await client.request(method, path, json={} if method != "GET" else None), 401)
