"""`/v1/subscribers` and `/v2/subscribers`: subscribers and their profiles."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, InboxError, NotFound, ValidationFailed, invalid
from inbox.http.auth import ApiCaller, services_of
from inbox.http.operation import operation
from inbox.http.queries import ORDER_BY, CursorPageQuery, FailIfExists, Flag, NamePart, OfSubscriber, PageQuery
from inbox.http.requests import MIB, path_param, subscriber_param
from inbox.http.responses import Bare, Data, bare, data, no_content
from inbox.ids import SubscriberId, parse_subscriber_id
from inbox.models import wire
from inbox.models.credentials import ChannelCredentials
from inbox.models.documented import SUBSCRIBER_ID, documented
from inbox.models.json_values import JsonObject
from inbox.models.subscriber import Profile, subscriber_view
from inbox.service.subscribers.listing import SubscriberFilter

MAX_BULK = 500
BULK_LIMIT_BYTES = MIB


class CreateSubscriber(Profile, kw_only=True):
    """A new subscriber, or what changes of a known one."""

    subscriber_id: Annotated[Any, SUBSCRIBER_ID]


class OnlineStatus(msgspec.Struct, rename="camel"):
    """The body of the online-status call; `online` is what the older JavaScript SDK (@novu/node 2.6) sends."""

    is_online: bool | msgspec.UnsetType = msgspec.UNSET
    online: bool | msgspec.UnsetType = msgspec.UNSET

    def is_set(self) -> bool:
        """Return the status. Raise ValidationFailed if neither field is there."""
        chosen = self.online if self.is_online is msgspec.UNSET else self.is_online
        if chosen is msgspec.UNSET:
            raise invalid("isOnline", "isOnline must be a boolean value")
        return chosen


class SearchSubscribers(CursorPageQuery):
    order_by: Annotated[Literal["_id", "updatedAt"], ORDER_BY] = "_id"
    email: Annotated[str, Meta(description="Anywhere in the e-mail address")] = ""
    phone: Annotated[str, Meta(description="Anywhere in the phone number")] = ""
    name: NamePart = ""
    subscriber_id: OfSubscriber = ""
    online: Annotated[Flag, Meta(description="Only those with an open socket, or (false) only those without")] = None

    def filter(self) -> SubscriberFilter:
        """Return the filter. Raise ValidationFailed or BadRequest for a malformed subscriberId."""
        subscriber_id = parse_subscriber_id(self.subscriber_id) if self.subscriber_id else None
        return SubscriberFilter(self.order_by, subscriber_id, self.email, self.phone, self.name, self.online)


class GetSubscriber(msgspec.Struct, rename="camel"):
    include_topics: Annotated[Flag, Meta(description="Whether the keys of the subscriber's topics are listed")] = None


class BulkCreate(msgspec.Struct):
    """The body of the bulk call; each item is checked by itself."""

    subscribers: Annotated[
        list[Annotated[Any, documented(CreateSubscriber)]],
        Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_BULK}),
    ]


@operation("GET /v1/subscribers", "listSubscribers")
async def list_numbered(
    request: Request, caller: ApiCaller, query: PageQuery
) -> Bare[wire.PageReply[wire.SubscriberReply]]:
    """List subscribers, page by page. The newest come first; `hasMore` says that the page is full."""
    listed = await services_of(request).subscriber_list.newest(caller.environment, query.page, query.limit)
    views = [subscriber_view(subscriber, caller.environment) for subscriber in listed]
    return bare({"page": query.page, "hasMore": len(views) == query.limit, "pageSize": query.limit, "data": views})


@operation("GET /v2/subscribers", "searchSubscribers")
async def search(
    request: Request, caller: ApiCaller, query: SearchSubscribers
) -> Bare[wire.CursorPageReply[wire.SubscriberReply]]:
    """Search subscribers. Both cursors at once are 400.

    `online` is ours: `true` lists those with an open socket, by `_id`, `false` the others, with their number.
    """
    listed = await services_of(request).subscriber_list.find(caller.environment, query.cursor(), query.filter())
    return bare(listed.view([subscriber_view(one, caller.environment) for one in listed.rows]))


@operation("POST /v1/subscribers/bulk", "createSubscribersInBulk", status=201, limit=BULK_LIMIT_BYTES)
async def create_many(request: Request, caller: ApiCaller, body: BulkCreate) -> Data[wire.BulkSubscribersReply]:
    """Create or change up to 500 subscribers.

    No subscribers, or more than 500, are 422; each item is checked by itself.
    """
    items = body.subscribers
    if not items:
        raise invalid("subscribers", "subscribers must contain at least 1 elements", items)
    if len(items) > MAX_BULK:
        raise invalid("subscribers", f"subscribers must contain no more than {MAX_BULK} elements")
    accepted: list[tuple[SubscriberId, JsonObject]] = []
    failed: list[wire.FailedSubscriber] = []
    for item in items:
        try:
            accepted.append(_parse_item(item))
        except InboxError as error:
            failed.append(_failure(item, error))
    outcome = await services_of(request).subscribers.upsert_many(caller.environment, accepted)
    reply: wire.BulkSubscribersReply = {
        "created": [{"subscriberId": one} for one in outcome.created],
        "updated": [{"subscriberId": one} for one in outcome.updated],
        "failed": failed,
    }
    return data(reply, 201)


@operation("POST /v1/subscribers", "upsertSubscriber", status=201)
async def create(request: Request, caller: ApiCaller, body: CreateSubscriber) -> Data[wire.SubscriberReply]:
    """Create a subscriber or change a known one. A known one keeps the fields that are not sent."""
    return await _create(request, caller, body, may_exist=True)


@operation("POST /v2/subscribers", "createSubscriber", status=201, errors=[409])
async def create_v2(
    request: Request, caller: ApiCaller, query: FailIfExists, body: CreateSubscriber
) -> Data[wire.SubscriberReply]:
    """Create a subscriber. As in v1 a known one is changed, unless `failIfExists` makes that 409."""
    return await _create(request, caller, body, may_exist=not query.fail_if_exists)


@operation(["GET /v1/subscribers/{subscriberId}", "GET /v2/subscribers/{subscriberId}"], "get{}")
async def get(request: Request, caller: ApiCaller, query: GetSubscriber) -> Data[wire.SubscriberReply]:
    """Get a subscriber. The keys of its topics are there on request."""
    services = services_of(request)
    subscriber = await services.subscribers.get(caller.environment, subscriber_param(request))
    view = subscriber_view(subscriber, caller.environment)
    if query.include_topics:
        view["topics"] = [*await services.topics.keys_of(caller.environment, subscriber)]
    return data(view)


@operation("PUT /v1/subscribers/{subscriberId}", "updateSubscriber")
async def update(request: Request, caller: ApiCaller, body: Profile) -> Data[wire.SubscriberReply]:
    """Change a subscriber's profile. Only the fields sent are changed; an unknown subscriber is 400, not 404."""
    try:
        return await _update(request, caller, body)
    except NotFound as error:
        raise BadRequest(error.message) from None


@operation("PATCH /v2/subscribers/{subscriberId}", "patchSubscriber")
async def patch(request: Request, caller: ApiCaller, body: Profile) -> Data[wire.SubscriberReply]:
    """Change a subscriber's profile. Only the fields sent are changed."""
    return await _update(request, caller, body)


@operation(["DELETE /v1/subscribers/{subscriberId}", "DELETE /v2/subscribers/{subscriberId}"], "delete{}")
async def delete(request: Request, caller: ApiCaller) -> Data[wire.Acknowledged]:
    """Delete a subscriber and all its messages. Feeds and sessions go with it, and open sockets end."""
    await services_of(request).subscribers.delete(caller.environment, subscriber_param(request))
    return data({"acknowledged": True, "status": "deleted"})


@operation("PATCH /v1/subscribers/{subscriberId}/online-status", "setSubscriberOnlineStatus")
async def set_online_status(request: Request, caller: ApiCaller, body: OnlineStatus) -> Data[wire.SubscriberReply]:
    """Set whether a subscriber is online."""
    subscribers = services_of(request).subscribers
    subscriber = await subscribers.set_online(caller.environment, subscriber_param(request), body.is_set())
    return data(subscriber_view(subscriber, caller.environment))


@operation("PUT /v1/subscribers/{subscriberId}/credentials", "setSubscriberCredentials")
async def set_credentials(request: Request, caller: ApiCaller, body: ChannelCredentials) -> Data[wire.SubscriberReply]:
    """Set a provider's credentials. An unknown subscriber is 400, an unknown provider 422."""
    subscribers = services_of(request).subscribers
    subscriber = await subscribers.set_credentials(caller.environment, subscriber_param(request), body)
    return data(subscriber_view(subscriber, caller.environment))


@operation("PATCH /v1/subscribers/{subscriberId}/credentials", "addSubscriberCredentials")
async def add_credentials(request: Request, caller: ApiCaller, body: ChannelCredentials) -> Data[wire.SubscriberReply]:
    """Add to a provider's credentials. Device tokens are added to those that are there."""
    subscribers = services_of(request).subscribers
    subscriber = await subscribers.add_credentials(caller.environment, subscriber_param(request), body)
    return data(subscriber_view(subscriber, caller.environment))


@operation("DELETE /v1/subscribers/{subscriberId}/credentials/{providerId}", "deleteSubscriberCredentials")
async def drop_credentials(request: Request, caller: ApiCaller) -> Response:
    """Delete a provider's credentials."""
    subscribers = services_of(request).subscribers
    await subscribers.drop_credentials(caller.environment, subscriber_param(request), path_param(request, "providerId"))
    return no_content()


def _parse_item(item: Any) -> tuple[SubscriberId, JsonObject]:
    try:
        body = msgspec.convert(item, CreateSubscriber)
    except msgspec.ValidationError as error:
        raise ValidationFailed({"general": str(error)}, str(error)) from None
    return parse_subscriber_id(body.subscriber_id), body.changes()


@wire.without_nulls
def _failure(item: Any, error: InboxError) -> wire.FailedSubscriber:
    subscriber_id = item.get("subscriberId") if isinstance(item, dict) else None
    return {"message": error.reason, "subscriberId": subscriber_id if isinstance(subscriber_id, str) else None}


async def _create(
    request: Request, caller: ApiCaller, body: CreateSubscriber, *, may_exist: bool
) -> Data[wire.SubscriberReply]:
    subscriber_id, changes = parse_subscriber_id(body.subscriber_id), body.changes()
    subscribers = services_of(request).subscribers
    write = subscribers.upsert if may_exist else subscribers.create
    subscriber = await write(caller.environment, subscriber_id, changes)
    return data(subscriber_view(subscriber, caller.environment), 201)


async def _update(request: Request, caller: ApiCaller, body: Profile) -> Data[wire.SubscriberReply]:
    subscribers = services_of(request).subscribers
    subscriber = await subscribers.update(caller.environment, subscriber_param(request), body.changes())
    return data(subscriber_view(subscriber, caller.environment))
