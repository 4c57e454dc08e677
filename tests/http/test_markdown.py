"""A body in Markdown on the faces: its format, its links, and edits of it."""

from __future__ import annotations

import secrets

import pytest

from tests.support.client import Api, InboxApi


@pytest.fixture
async def workflow(api: Api) -> str:
    """A workflow whose body is Markdown, with a link from the payload."""
    name = f"markdown-{secrets.token_hex(4)}"
    await api.create_workflow(name, body="**Hello** [there]({{payload.url}})", bodyFormat="markdown")
    return name


async def test_pages_learn_the_format(api: Api, inbox: InboxApi, known: str, workflow: str) -> None:
    await api.trigger(known, {"url": "/orders"}, workflow=workflow)
    newest = (await inbox.notifications())[0]
    assert (newest["body"], newest["bodyFormat"]) == ("**Hello** [there](/orders)", "markdown")
    assert (await api.feed(known))[0]["bodyFormat"] == "markdown"


async def test_a_body_is_text_by_default(api: Api, inbox: InboxApi, known: str) -> None:
    await api.create_workflow(name := f"text-{secrets.token_hex(4)}", body="**a**", bodyFormat="text")
    await api.trigger(known, {}, workflow=name)
    assert "bodyFormat" not in (await inbox.notifications())[0]


async def test_an_unsafe_link_is_left_out_and_noted(api: Api, inbox: InboxApi, known: str, workflow: str) -> None:
    sent = await api.trigger(known, {"url": "javascript:alert`1`"}, workflow=workflow)
    assert (await inbox.notifications())[0]["body"] == "**Hello** there"
    page = await api.call("GET", "/v1/notifications", 200, transactionId=sent["transactionId"])
    assert "body: a link of a body must begin with" in str(page)


async def test_an_edit_may_not_bring_an_unsafe_link(api: Api, inbox: InboxApi, known: str, workflow: str) -> None:
    await api.trigger(known, {"url": "/a"}, workflow=workflow)
    message_id = (await inbox.notifications())[0]["id"]
    refused = await api.call("PATCH", f"/v1/messages/{message_id}", 422, {"body": "[x](data:y)"})
    assert "body" in refused["errors"]
    await api.call("PATCH", f"/v1/messages/{message_id}", 200, {"body": "[x](/b)"})
    newest = (await inbox.notifications())[0]
    assert (newest["body"], newest["bodyFormat"]) == ("[x](/b)", "markdown")


@pytest.mark.parametrize(
    "controls", [{"body": "[x](javascript:y)", "bodyFormat": "markdown"}, {"body": "x", "bodyFormat": "html"}]
)
async def test_a_workflow_is_refused(api: Api, controls: dict[str, str]) -> None:
    step = {"name": "In-app", "type": "in_app", "controlValues": controls}
    body = {"name": "Refused", "workflowId": "refused-markdown", "steps": [step]}
    refused = await api.call("POST", "/v2/workflows", 422, body)
    assert "bodyFormat" in str(refused["errors"]) or "must begin with" in str(refused["errors"])
