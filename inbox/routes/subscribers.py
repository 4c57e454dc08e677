"""`/v1/subscribers` and `/v2/subscribers`: subscribers and their profiles (rest-server.md §3-4)."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, NotFound
from inbox.ids import parse_subscriber_id
from inbox.models.subscriber import Profile, subscriber_view
from inbox.routes.access import authenticate, services_of
from inbox.routes.reading import query_bool, read_body, subscriber_param
from inbox.routes.replies import data


class CreateSubscriber(Profile, kw_only=True):
    """A new subscriber."""

    subscriber_id: Any


class OnlineStatus(msgspec.Struct, rename="camel"):
    """The body of the online-status call."""

    is_online: bool


async def create(request: Request) -> Response:
    """POST /v1/subscribers → 201: creates the subscriber, or changes the fields sent."""
    return await _create(request, may_exist=True)


async def create_v2(request: Request) -> Response:
    """POST /v2/subscribers?failIfExists= → 201: as v1, but 409 for a known one when asked to."""
    return await _create(request, may_exist=not query_bool(request, "failIfExists"))


async def get(request: Request) -> Response:
    """GET /v1|v2/subscribers/:subscriberId → 200, 404."""
    caller = await authenticate(request)
    subscriber = await services_of(request).subscribers.get(caller.environment, subscriber_param(request))
    return data(subscriber_view(subscriber, caller.environment))


async def update(request: Request) -> Response:
    """PUT /v1/subscribers/:subscriberId → 200: changes the fields sent; 400 (not 404) when unknown."""
    try:
        return await _update(request)
    except NotFound as error:
        raise BadRequest(error.message) from None


async def patch(request: Request) -> Response:
    """PATCH /v2/subscribers/:subscriberId → 200: changes the fields sent; 404 when unknown."""
    return await _update(request)


async def delete(request: Request) -> Response:
    """DELETE /v1|v2/subscribers/:subscriberId → 200: with feeds and sessions; open sockets end."""
    caller = await authenticate(request)
    await services_of(request).subscribers.delete(caller.environment, subscriber_param(request))
    return data({"acknowledged": True, "status": "deleted"})


async def set_online_status(request: Request) -> Response:
    """PATCH /v1/subscribers/:subscriberId/online-status → 200 the subscriber."""
    caller = await authenticate(request)
    body = await read_body(request, OnlineStatus)
    subscribers = services_of(request).subscribers
    subscriber = await subscribers.set_online(caller.environment, subscriber_param(request), body.is_online)
    return data(subscriber_view(subscriber, caller.environment))


async def _create(request: Request, *, may_exist: bool) -> Response:
    caller = await authenticate(request)
    body = await read_body(request, CreateSubscriber)
    subscriber_id, changes = parse_subscriber_id(body.subscriber_id), body.changes()
    subscribers = services_of(request).subscribers
    write = subscribers.upsert if may_exist else subscribers.create
    subscriber = await write(caller.environment, subscriber_id, changes)
    return data(subscriber_view(subscriber, caller.environment), 201)


async def _update(request: Request) -> Response:
    caller = await authenticate(request)
    changes = (await read_body(request, Profile)).changes()
    subscriber = await services_of(request).subscribers.update(caller.environment, subscriber_param(request), changes)
    return data(subscriber_view(subscriber, caller.environment))
