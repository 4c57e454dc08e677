"""`inbox send`: a message without a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from inbox.cli.outcomes import print_result, result_of
from inbox.cli.printing import AsJson, print_json
from inbox.cli.running import needs_services
from inbox.errors import BadRequest, StartupError

if TYPE_CHECKING:
    from inbox.models.environment import Environment
    from inbox.services import Services


@needs_services
async def send(
    services: Services,
    environment: Environment,
    body: Annotated[str, typer.Argument(metavar="TEXT", help="What the message says.")],
    to: Annotated[list[str], typer.Option("--to", help="A subscriberId; may be repeated.")],
    subject: Annotated[str, typer.Option(help="Its subject.")] = "",
    url: Annotated[str, typer.Option(help="Where a click leads: https://… or a path.")] = "",
    button: Annotated[str, typer.Option(help="The label of a button that leads there too.")] = "",
    json: AsJson = False,
) -> None:
    """Send a test message without a workflow, whatever the preferences. Open pages show it at once.

    A subscriber that does not exist yet is created. Prints and exits as `inbox trigger` does.
    """
    from inbox.service.trigger.direct_message import direct_request, direct_workflow

    if not body.strip():
        raise BadRequest("TEXT should not be empty")
    request = direct_request(to, body, subject=subject, url=url, action=button)
    result = await result_of(
        services, environment, await services.triggers.send(environment, direct_workflow(), request)
    )
    if json:
        print_json(result.view())
    else:
        print_result(result)
    if reason := result.why_nothing(nobody="there are no recipients"):
        raise StartupError(f"nothing is delivered: {reason}")
