"""`/v1/subscribers` and `/v2/subscribers`: subscribers and their profiles (rest-server.md §3-4)."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, InboxError, NotFound, ValidationFailed, invalid
from inbox.ids import SubscriberId, parse_subscriber_id
from inbox.models.credentials import Channel
from inbox.models.subscriber import Profile, subscriber_view
from inbox.routes.access import authenticate, services_of
from inbox.routes.cursors import cursor_query
from inbox.routes.reading import MIB, path_param, query_bool, query_int, query_one_of, read_body, subscriber_param
from inbox.routes.replies import data, no_content, page
from inbox.service.subscribers.listing import SubscriberFilter
from inbox.store.subscribers import OrderBy

MAX_BULK = 500
MAX_PAGE = 1_000_000
BULK_LIMIT_BYTES = MIB


class CreateSubscriber(Profile, kw_only=True):
    """A new subscriber."""

    subscriber_id: Any


class OnlineStatus(msgspec.Struct, rename="camel"):
    """The body of the online-status call; `online` is what the older JavaScript SDK (@novu/node 2.6) sends."""

    is_online: bool | msgspec.UnsetType = msgspec.UNSET
    online: bool | msgspec.UnsetType = msgspec.UNSET

    def wanted(self) -> bool:
        """Raises ValidationFailed when neither is given."""
        chosen = self.online if self.is_online is msgspec.UNSET else self.is_online
        if chosen is msgspec.UNSET:
            raise invalid("isOnline", "isOnline must be a boolean value")
        return chosen


class BulkCreate(msgspec.Struct):
    """The body of the bulk call; each item is judged by itself."""

    subscribers: list[Any]


async def list_numbered(request: Request) -> Response:
    """GET /v1/subscribers → 200 `{page, hasMore, pageSize, data}`, newest first; `hasMore`: the page is full."""
    caller = await authenticate(request)
    number, limit = query_int(request, "page", 0, 0, MAX_PAGE), query_int(request, "limit", 10, 1, 100)
    found = await services_of(request).subscriber_list.newest(caller.environment, number, limit)
    views = [subscriber_view(subscriber, caller.environment) for subscriber in found]
    return page({"page": number, "hasMore": len(views) == limit, "pageSize": limit, "data": views})


async def search(request: Request) -> Response:
    """GET /v2/subscribers → 200 `{data, next, previous, totalCount, totalCountCapped}`; 400 for both cursors."""
    caller = await authenticate(request)
    query, wanted = cursor_query(request), _filter(request)
    found = await services_of(request).subscriber_list.find(caller.environment, query, wanted)
    return page(found.view([subscriber_view(one, caller.environment) for one in found.rows]))


async def create_many(request: Request) -> Response:
    """POST /v1/subscribers/bulk → 201 `{created, updated, failed}`; 422 for none or more than 500."""
    caller = await authenticate(request)
    items = (await read_body(request, BulkCreate, BULK_LIMIT_BYTES)).subscribers
    if not items:
        raise invalid("subscribers", "subscribers must contain at least 1 elements", items)
    if len(items) > MAX_BULK:
        raise invalid("subscribers", f"subscribers must contain no more than {MAX_BULK} elements")
    wanted: list[tuple[SubscriberId, dict[str, Any]]] = []
    failed: list[dict[str, Any]] = []
    for item in items:
        try:
            wanted.append(_parse_item(item))
        except InboxError as error:
            failed.append(_failure(item, error))
    outcome = await services_of(request).subscribers.upsert_many(caller.environment, wanted)
    body = {
        "created": [{"subscriberId": one} for one in outcome.created],
        "updated": [{"subscriberId": one} for one in outcome.updated],
        "failed": failed,
    }
    return data(body, 201)


async def create(request: Request) -> Response:
    """POST /v1/subscribers → 201: creates the subscriber, or changes the fields sent."""
    return await _create(request, may_exist=True)


async def create_v2(request: Request) -> Response:
    """POST /v2/subscribers?failIfExists= → 201: as v1, but 409 for a known one when asked to."""
    return await _create(request, may_exist=not query_bool(request, "failIfExists"))


async def get(request: Request) -> Response:
    """GET /v1|v2/subscribers/:subscriberId?includeTopics= → 200, with the keys of its topics if asked; 404."""
    caller, services = await authenticate(request), services_of(request)
    subscriber = await services.subscribers.get(caller.environment, subscriber_param(request))
    view = subscriber_view(subscriber, caller.environment)
    if query_bool(request, "includeTopics"):
        view["topics"] = await services.topics.keys_of(caller.environment, subscriber)
    return data(view)


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
    subscriber = await subscribers.set_online(caller.environment, subscriber_param(request), body.wanted())
    return data(subscriber_view(subscriber, caller.environment))


async def set_credentials(request: Request) -> Response:
    """PUT /v1/subscribers/:subscriberId/credentials → 200 the subscriber; 400 when unknown, 422 unknown provider."""
    caller = await authenticate(request)
    body = await read_body(request, Channel)
    subscribers = services_of(request).subscribers
    subscriber = await subscribers.set_credentials(caller.environment, subscriber_param(request), body)
    return data(subscriber_view(subscriber, caller.environment))


async def add_credentials(request: Request) -> Response:
    """PATCH /v1/subscribers/:subscriberId/credentials → 200 the subscriber; device tokens are added."""
    caller = await authenticate(request)
    body = await read_body(request, Channel)
    subscribers = services_of(request).subscribers
    subscriber = await subscribers.add_credentials(caller.environment, subscriber_param(request), body)
    return data(subscriber_view(subscriber, caller.environment))


async def drop_credentials(request: Request) -> Response:
    """DELETE /v1/subscribers/:subscriberId/credentials/:providerId → 204; 404 for an unknown subscriber."""
    caller = await authenticate(request)
    subscribers = services_of(request).subscribers
    await subscribers.drop_credentials(
        caller.environment, subscriber_param(request), path_param(request, "providerId")
    )
    return no_content()


def _filter(request: Request) -> SubscriberFilter:
    params = request.query_params
    wanted_id = params.get("subscriberId")
    return SubscriberFilter(
        order_by=cast(OrderBy, query_one_of(request, "orderBy", ("_id", "updatedAt"), "_id")),
        subscriber_id=parse_subscriber_id(wanted_id) if wanted_id else None,
        email=params.get("email", ""),
        phone=params.get("phone", ""),
        name=params.get("name", ""),
    )


def _parse_item(item: Any) -> tuple[SubscriberId, dict[str, Any]]:
    try:
        body = msgspec.convert(item, CreateSubscriber)
    except msgspec.ValidationError as error:
        raise ValidationFailed({"general": str(error)}, str(error)) from None
    return parse_subscriber_id(body.subscriber_id), body.changes()


def _failure(item: Any, error: InboxError) -> dict[str, Any]:
    texts = error.fields.values() if isinstance(error, ValidationFailed) else []
    message = "; ".join(text for messages in texts for text in messages) or error.message
    named = item.get("subscriberId") if isinstance(item, dict) else None
    return {"message": message, **({"subscriberId": named} if isinstance(named, str) else {})}


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
