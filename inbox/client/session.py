"""The session of one person: what makes a token from credentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from inbox.client.http import Http, present


async def open_session(
    url: str,
    application_identifier: str,
    subscriber_id: str,
    *,
    subscriber_hash: str | None = None,
    context: Mapping[str, Any] | None = None,
    context_hash: str | None = None,
    http: httpx.AsyncClient | None = None,
) -> str:
    """Open a session and return its token. Production requires the hash: see `subscriber_hash`.

    Raise ApiError when the service refuses it, Unreachable when no answer came.
    """
    body = present(
        applicationIdentifier=application_identifier,
        subscriber={"subscriberId": subscriber_id},
        subscriberHash=subscriber_hash,
        context=context,
        contextHash=context_hash,
    )
    async with Http(url, client=http) as service:
        token: str = (await service.call("POST", "/v1/inbox/session", body))["token"]
        return token
