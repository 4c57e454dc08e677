"""`inbox messages`: list, show and delete messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from inbox.cli.printing import AsJson, count_of, one_line, print_either, print_fields, print_json, print_table
from inbox.cli.running import confirm, needs_services
from inbox.errors import BadRequest
from inbox.ids import parse_object_id, parse_subscriber_id
from inbox.models.dates import iso

if TYPE_CHECKING:
    from inbox.models.environment import Environment
    from inbox.models.message import Message
    from inbox.services import Services

MAX_SHOWN_TEXT = 60

messages_cli = typer.Typer(help="Messages: list, show and delete them.", no_args_is_help=True)

OneSubscriber = Annotated[str | None, typer.Option("--subscriber", help="Only of this subscriberId.")]
OneTransaction = Annotated[str | None, typer.Option("--transaction", help="Only of this transactionId.")]


@messages_cli.command("list")
@needs_services
async def list_messages(
    services: Services,
    environment: Environment,
    subscriber: OneSubscriber = None,
    transaction: OneTransaction = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many, the newest.")] = 20,
    json: AsJson = False,
) -> None:
    """List messages, newest first: all of a subscriber, or those of the last 30 days."""
    from inbox.models.message_views import entity

    transactions = [transaction] if transaction else []
    if subscriber is None:
        rows, _ = await services.activity.messages(environment, transactions, 0, limit)
        listed = [(feed.subscriber_id, message) for feed, message in rows]
    else:
        owner = await services.subscribers.get(environment, parse_subscriber_id(subscriber))
        found, _ = await services.message_list.find(environment, owner, transactions, None, 0, limit)
        listed = [(owner.subscriber_id, message) for message in found]
    if json:
        print_json([{**entity(message, environment), "subscriberId": name} for name, message in listed])
        return
    names = ("ID", "CREATED", "SUBSCRIBER", "WORKFLOW", "STATE", "TEXT")
    print_table(names, (_columns(name, message) for name, message in listed), empty="there are no such messages")


@messages_cli.command("show")
@needs_services
async def show_message(
    services: Services,
    environment: Environment,
    message_id: Annotated[str, typer.Argument(metavar="ID", help="The `_id` of the message.")],
    json: AsJson = False,
) -> None:
    """Show a message: what it says, and its state."""
    from inbox.models.message_views import entity

    feed, message = await services.revisions.find(environment, parse_object_id(message_id, "ID"))
    view = {**entity(message, environment), "subscriberId": feed.subscriber_id}
    if json:
        print_json(view)
        return
    stored = message.stored
    fields = {
        "id": message.id,
        "subscriber": feed.subscriber_id,
        "contexts": message.contexts,
        "workflow": stored.template_identifier,
        "step": stored.step_id,
        "transaction": stored.transaction_id,
        "created": iso(message.created_ms),
        "state": _state(message),
        "severity": stored.severity,
        "tags": ", ".join(stored.tags),
        "subject": one_line(stored.subject or ""),
        "text": one_line(stored.content),
    }
    print_fields(fields)


@messages_cli.command("delete")
@needs_services
async def delete_messages(
    services: Services,
    environment: Environment,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="The `_id`s of messages.")] = None,
    transaction: Annotated[str | None, typer.Option("--transaction", help="All of this transactionId.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """Delete messages for good, or all of a transaction of the last 30 days. Open pages drop them at once."""
    if bool(ids) == (transaction is not None):
        raise BadRequest("name messages by ID, or all of a transaction by --transaction")
    parsed = [parse_object_id(message_id, "ID") for message_id in ids or []]
    what = f"all messages of the transaction {transaction}" if transaction else count_of(len(parsed), "message")
    confirm(f"Delete {what}?", yes=yes)
    if transaction is None:
        for message_id in parsed:
            await services.revisions.retract(environment, message_id)
    deleted = len(parsed) or await services.revisions.retract_transaction(environment, transaction or "")
    print_either({"deleted": deleted}, f"{count_of(deleted, 'message')} deleted", as_json=json)


def _columns(subscriber_id: str, message: Message) -> tuple[str, ...]:
    stored = message.stored
    text = one_line(stored.subject or stored.content, MAX_SHOWN_TEXT)
    return message.id, iso(message.created_ms), subscriber_id, stored.template_identifier, _state(message), text


def _state(message: Message) -> str:
    """Return the state of a message as one word or several, joined by commas."""
    states = {
        "archived": message.archived,
        "snoozed": bool(message.snoozed_until_ms),
        "done": message.action is not None and message.action.status == "done",
    }
    main = "read" if message.read else "seen" if message.seen else "unseen"
    return ",".join([main, *(name for name, holds in states.items() if holds)])
