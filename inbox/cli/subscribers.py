"""`inbox subscribers`: list and show them, who is online, and what is stored of one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inbox.cli.personal_data import SubscriberArgument, erase, export
from inbox.cli.printing import AsJson, count_of, one_line, print_fields, print_json, print_row, print_table
from inbox.cli.running import needs_services
from inbox.models.cursor_page import CursorQuery
from inbox.models.dates import iso, iso_or_none

if TYPE_CHECKING:
    from inbox.models.environment import Environment
    from inbox.models.subscriber import Subscriber
    from inbox.service.subscribers.listing import SubscriberFilter
    from inbox.services import Services

PAGE = 100

subscribers_cli = typer.Typer(
    help="Subscribers: list and show them, who is online; export or erase what is held of one.", no_args_is_help=True
)
subscribers_cli.command("export")(export)
subscribers_cli.command("erase")(erase)

ListLimit = Annotated[int, typer.Option(min=1, max=100_000, help="How many, at the most.")]


@subscribers_cli.command("list")
@needs_services
async def list_subscribers(
    services: Services,
    environment: Environment,
    email: Annotated[str, typer.Option(help="Anywhere in the e-mail address.")] = "",
    phone: Annotated[str, typer.Option(help="Anywhere in the phone number.")] = "",
    name: Annotated[str, typer.Option(help="Anywhere in first and last name.")] = "",
    limit: ListLimit = 20,
    json: AsJson = False,
) -> None:
    """List subscribers, the newest first."""
    from inbox.service.subscribers.listing import SubscriberFilter

    filter_ = SubscriberFilter(email=email, phone=phone, name=name)
    _show_list(environment, *await _find(services, environment, filter_, limit), json=json)


@subscribers_cli.command("online")
@needs_services
async def list_online(
    services: Services, environment: Environment, limit: ListLimit = 20, json: AsJson = False
) -> None:
    """List who has an open socket, and how many they are."""
    from inbox.service.subscribers.listing import SubscriberFilter

    found, total = await _find(services, environment, SubscriberFilter(is_online=True), limit)
    _show_list(environment, found, total, json=json)


@subscribers_cli.command("show")
@needs_services
async def show_subscriber(
    services: Services, environment: Environment, subscriber_id: SubscriberArgument, json: AsJson = False
) -> None:
    """Show a subscriber: profile, presence, topics, and what each of its feeds counts."""
    from inbox.models.subscriber import subscriber_view

    subscriber = await services.subscribers.get(environment, subscriber_id)
    view: dict[str, Any] = {**subscriber_view(subscriber, environment)}
    view["topics"] = [*await services.topics.keys_of(environment, subscriber)]
    view["feeds"] = [await _feed_row(services, environment, subscriber, name) for name in sorted(subscriber.feeds)]
    if json:
        print_json(view)
        return
    shown = {
        **{name: view.get(name) for name in ("subscriberId", "_id", "firstName", "lastName", "email", "phone")},
        **{name: view.get(name) for name in ("locale", "timezone", "createdAt")},
        "isOnline": "yes" if subscriber.is_online else "no",
        "lastOnlineAt": iso_or_none(subscriber.last_online_ms),
        "topics": ", ".join(view["topics"]),
    }
    print_fields(shown)
    for feed in view["feeds"]:
        contexts = f" of {', '.join(feed['contextKeys'])}" if feed["contextKeys"] else ""
        print_row(f"feed{contexts}", f"{feed['unseen']} unseen, {feed['unread']} unread")


async def _feed_row(
    services: Services, environment: Environment, subscriber: Subscriber, contexts: str
) -> dict[str, Any]:
    counts = await services.feed.counts(environment, subscriber, contexts)
    keys = contexts.split(",") if contexts else []
    return {"contextKeys": keys, "unseen": counts.unseen, "unread": counts.unread}


async def _find(
    services: Services, environment: Environment, filter_: SubscriberFilter, limit: int
) -> tuple[list[Subscriber], int]:
    """Return up to `limit` subscribers, page by page, and how many there are as far as the list knows."""
    found: list[Subscriber] = []
    cursor = None
    while True:
        query = CursorQuery(min(PAGE, limit - len(found)), "desc", cursor)
        page = await services.subscriber_list.find(environment, query, filter_)
        found += page.rows
        cursor = page.next
        if cursor is None or len(found) >= limit:
            return found, page.total


def _show_list(environment: Environment, found: list[Subscriber], total: int, *, json: bool) -> None:
    from inbox.models.subscriber import subscriber_view

    if json:
        views = [subscriber_view(one, environment) for one in found]
        print_json({"data": views, "totalCount": max(total, len(found))})
        return
    names = ("SUBSCRIBER", "NAME", "EMAIL", "CREATED", "PRESENCE")
    print_table(names, map(_columns, found), empty=f"{environment.name} has no such subscribers")
    if total > len(found):
        print(f"… of {count_of(total, 'subscriber')}: --limit shows more", file=sys.stderr)


def _columns(one: Subscriber) -> tuple[str, ...]:
    texts = one.texts("firstName", "lastName", "email")
    name = one_line(" ".join(filter(None, (texts.get("firstName"), texts.get("lastName")))))
    presence = "online" if one.is_online else f"since {iso(one.last_online_ms)}" if one.last_online_ms else "never"
    return one.subscriber_id, name or "-", one_line(texts.get("email") or "-"), iso(one.created_ms), presence
