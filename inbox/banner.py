"""The banner of the demo: its addresses, its credentials, and two ways to send a first message."""

from __future__ import annotations

import json
import shlex

from inbox.routes.console import has_console
from inbox.services import Services

WORKFLOW = "welcome"
SUBSCRIBER = "alice"
PAYLOAD = {"subject": "Hello Alice", "body": "This came over the API."}


def print_banner(url: str, services: Services) -> None:
    environments = services.environments
    values = {
        "Demo": f"{url}/",
        **({"Console": f"{url}/console"} if has_console(services.settings) else {}),
        "API": f"{url}/docs",
        "API key": environments.api_key,
        "Application identifier": environments.current.identifier,
    }
    lines = "\n".join(f"  {name:<22}  {value}" for name, value in values.items())
    print(f"\n{lines}\n\n{first_message(url, environments.api_key)}", flush=True)


def first_message(url: str, api_key: str) -> str:
    return f"""\
  Send a message to {SUBSCRIBER}, from a shell:

{curl_line(url, api_key)}

  or from Python (pip install novu-py):

{python_snippet(url, api_key)}
"""


def curl_line(url: str, api_key: str) -> str:
    body = json.dumps({"name": WORKFLOW, "to": SUBSCRIBER, "payload": PAYLOAD})
    return (
        f"curl -X POST {url}/v1/events/trigger -H {shlex.quote(f'Authorization: ApiKey {api_key}')} "
        f"-H 'Content-Type: application/json' -d {shlex.quote(body)}"
    )


def python_snippet(url: str, api_key: str) -> str:
    """Return the same with the official SDK, in statements of one line, which an interactive interpreter takes too."""
    return f"""\
import novu_py
novu = novu_py.Novu(secret_key={api_key!r}, server_url={url!r})
event = novu_py.TriggerEventRequestDto(workflow_id={WORKFLOW!r}, to={SUBSCRIBER!r}, payload={PAYLOAD!r})
print(novu.trigger(trigger_event_request_dto=event).result)"""
