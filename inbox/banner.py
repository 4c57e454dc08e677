"""The banner of the demo: its address, its credentials, and two ways to send a first message."""

from __future__ import annotations

import json
import shlex

from inbox.services import Services

WORKFLOW = "welcome"
SUBSCRIBER = "alice"
PAYLOAD = {"subject": "Hello Alice", "body": "This came over the API."}


def print_banner(url: str, services: Services) -> None:
    environments = services.environments
    print(render_banner(url, environments.api_key, environments.current.identifier), flush=True)


def render_banner(url: str, api_key: str, identifier: str) -> str:
    return f"""
  Demo                    {url}/
  API key                 {api_key}
  Application identifier  {identifier}

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
