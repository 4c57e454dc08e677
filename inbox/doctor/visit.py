"""A visit to the service at one address, as a backend and as the page of a person."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import quote

import httpx
from websockets.exceptions import InvalidStatus

from inbox import __version__
from inbox.doctor.answers import NotAnswered, json_of, shown, text_of
from inbox.doctor.listeners import ANSWER_SECONDS, LISTENERS, Site, Texts
from inbox.doctor.pages import check_origin, check_own_page, check_widget
from inbox.doctor.report import CheckedPart
from inbox.errors import InboxError
from inbox.ids import parse_subscriber_id
from inbox.models.environment import Environment
from inbox.service.trigger.direct_message import direct_request, direct_workflow
from inbox.services import Services

CERTIFICATE_DAYS = 14
BODY_BYTES = 2 * 1024 * 1024
"""More than proxies take by default; nginx takes 1 MiB."""
OTHER_STORE = (
    "it does not know what this command has stored: give the command the variables of the service (INBOX_REDIS_URL or "
    "INBOX_DATA_DIR, INBOX_KEY_PREFIX, INBOX_SECRET_KEY, INBOX_MODE)"
)
LOGS = "look at the log of the proxy and of the service"
UPGRADE = "let the proxy pass the upgrade on: HTTP/1.1 and the headers Upgrade and Connection (docs/deploying.md)"
UNBUFFERED = "let the proxy pass on what comes at once: no buffering, no caching, no compression of text/event-stream"


@dataclass(frozen=True, slots=True)
class Visitor:
    """The subscriber that the doctor is during a visit, with what it needs to call."""

    services: Services
    environment: Environment
    subscriber_id: str
    token: str

    @property
    def api_key(self) -> str | None:
        """The key of the service, or None if this command was not given it."""
        environments = self.services.environments
        if environments.lacks_given_key(self.environment):
            return None
        return environments.live_keys(self.environment)[0]


@dataclass(frozen=True, slots=True)
class Guest:
    """An environment of the store that the service should have. `origins` are those of pages that call."""

    services: Services
    environment: Environment
    origins: Sequence[str]


async def visit(url: str, guest: Guest | None, part: CheckedPart) -> None:
    """Check the service at an address, without a guest only whether it answers.

    The subscriber that this takes is deleted at the end.
    """
    tls = ssl.create_default_context()
    async with httpx.AsyncClient(base_url=url, timeout=ANSWER_SECONDS, verify=tls, trust_env=False) as http:
        site = Site(url, http, tls)
        if not await _check_address(site, part):
            return
        try:
            if await _check_ready(site, part):
                await _check_as_guest(site, guest, part)
        except httpx.HTTPError as error:
            part.fail("address", f"{error.request.url}: {text_of(error)}", LOGS)


async def _check_as_guest(site: Site, guest: Guest | None, part: CheckedPart) -> None:
    if guest is None:
        part.warn("messages", "not checked, since the store is not usable", "look at what was found of Redis first")
        return
    async with _visitor(guest.services, guest.environment, part) as visitor:
        if visitor and await _check_backend(site, visitor, part):
            await _check_pushes(site, visitor, part)
            await check_own_page(site, visitor.token, part)
            for origin in guest.origins:
                await check_origin(site, origin, part)
            await check_widget(site, part)


@asynccontextmanager
async def _visitor(services: Services, environment: Environment, part: CheckedPart) -> AsyncIterator[Visitor | None]:
    """Yield a new subscriber, whose id has a slash: some proxies decode it. None if it cannot be stored."""
    subscriber_id = f"inbox-doctor/{secrets.token_hex(6)}"
    try:
        token = await services.sessions.issue_token(environment, subscriber_id)
    except InboxError as error:
        part.fail("visitor", error.reason, "see what was found of Redis")
        yield None
        return
    try:
        yield Visitor(services, environment, subscriber_id, token)
    finally:
        with suppress(InboxError):
            await services.subscribers.delete(environment, parse_subscriber_id(subscriber_id))


async def _check_address(site: Site, part: CheckedPart) -> bool:
    try:
        answer = await site.http.get("/health")
    except httpx.ConnectError as error:
        part.fail("address", f"{site.url}: {error}", _advice_for(error))
        return False
    except httpx.HTTPError as error:
        part.fail("address", f"{site.url}: {text_of(error)}", LOGS)
        return False
    body = json_of(answer)
    if answer.is_redirect:
        part.fail("address", f"{site.url} redirects to {answer.headers.get('location')}", "name that address")
        return False
    if answer.status_code != 200 or not isinstance(body, dict) or "version" not in body:
        detail = f"{site.url}/health is not answered by inbox: {shown(answer)}"
        part.fail("address", detail, "check address, path (INBOX_BASE_PATH) and where the proxy sends it")
        return False
    part.ok("address", site.url)
    _check_version(body["version"], part)
    _check_certificate(answer, part)
    return True


def _advice_for(error: httpx.ConnectError) -> str:
    if "CERTIFICATE" in str(error):
        return "browsers refuse it too: install a certificate of this name, with its chain, from a known authority"
    return "start `inbox serve` with the variables that this command has, and check host, port and firewall"


def _check_version(version: str, part: CheckedPart) -> None:
    if version == __version__:
        part.ok("release", version)
    else:
        part.warn("release", f"{version}, this command is {__version__}", "run the command of the same release")


def _check_certificate(answer: httpx.Response, part: CheckedPart) -> None:
    stream = answer.extensions.get("network_stream")
    if (tls := stream.get_extra_info("ssl_object") if stream else None) is None:
        return
    days = (ssl.cert_time_to_seconds(tls.getpeercert()["notAfter"]) - time.time()) / 86_400
    if days < CERTIFICATE_DAYS:
        part.warn("certificate", f"it ends in {days:.0f} days", "renew it")
    else:
        part.ok("certificate", f"valid for {days:.0f} days")


async def _check_ready(site: Site, part: CheckedPart) -> bool:
    answer = await site.http.get("/ready")
    body = json_of(answer)
    status = body.get("status") if isinstance(body, dict) else None
    if answer.status_code == 200 and status == "ready":
        part.ok("ready", "the service works with its Redis")
        return True
    if answer.status_code == 200:
        part.fail("ready", f"{status}: {body.get('reason')}", "see what was found of Redis")
        return False
    part.fail("ready", shown(answer), "look at the log of the service: action=store_failing names the cause")
    return False


async def _check_backend(site: Site, visitor: Visitor, part: CheckedPart) -> bool:
    """Check what a backend needs. Return whether the service knows the visitor."""
    if (key := visitor.api_key) is None:
        part.warn("backend", "not checked: the API key of the service is unknown here", "set INBOX_API_KEY")
        return True
    headers = {"Authorization": f"ApiKey {key}"}
    answer = await site.http.get(f"/v1/subscribers/{quote(visitor.subscriber_id, safe='')}", headers=headers)
    if answer.status_code == 200:
        part.ok("backend", "an API key and an id with a slash arrive as they were sent")
    elif answer.status_code == 401:
        advice = f"let the proxy pass the header Authorization on; if there is none, {OTHER_STORE}"
        part.fail("backend", f"the API key is refused: {shown(answer)}", advice)
        return False
    elif _knows_no(visitor.subscriber_id, answer):
        part.fail("backend", f"the subscriber of this check is unknown to the service: {shown(answer)}", OTHER_STORE)
        return False
    else:
        advice = "let the proxy pass the path on as it came: nginx decodes it when proxy_pass has a path"
        part.fail("backend", f"the path of an id with a slash is changed on its way: {shown(answer)}", advice)
    await _check_body(site, headers, part)
    return True


def _knows_no(subscriber_id: str, answer: httpx.Response) -> bool:
    """Return whether the service itself says that there is no such subscriber."""
    body = json_of(answer)
    return isinstance(body, dict) and body.get("externalSubscriberId") == subscriber_id


async def _check_body(site: Site, headers: dict[str, str], part: CheckedPart) -> None:
    body = {"events": [], "padding": "x" * BODY_BYTES}
    try:
        answer = await site.http.post("/v1/events/trigger/bulk", json=body, headers=headers)
    except httpx.HTTPError as error:
        part.fail("large body", text_of(error), "let the proxy take bodies of 26 MiB (nginx: client_max_body_size 26m)")
        return
    if answer.status_code == 201:
        part.ok("large body", f"{BODY_BYTES // 2**20} MiB arrive")
    else:
        part.fail("large body", shown(answer), "let the proxy take bodies of 26 MiB (nginx: client_max_body_size 26m)")


async def _check_pushes(site: Site, visitor: Visitor, part: CheckedPart) -> None:
    """Open a listener of each face, send a message, and wait until each has heard it."""
    marker = secrets.token_hex(8)
    async with AsyncExitStack() as stack:
        opened: dict[str, Texts] = {}
        for name, listener in LISTENERS.items():
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    opened[name] = await stack.enter_async_context(listener(site, visitor.token))
            except NotAnswered as error:
                part.fail(name, _why_closed(error), _advice_for_push(error, name))
        if not opened:
            return
        start = time.perf_counter()
        request = direct_request([visitor.subscriber_id], marker, subject="inbox doctor")
        await visitor.services.triggers.send(visitor.environment, direct_workflow(), request)
        for name, texts in opened.items():
            await _check_heard(name, texts, marker, start, part)


async def _check_heard(name: str, texts: Texts, marker: str, start: float, part: CheckedPart) -> None:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            async for text in texts:
                if marker in text:
                    part.ok(name, f"a message arrives after {(time.perf_counter() - start) * 1000:.0f} ms")
                    return
        part.fail(name, "it ended before the message came", LOGS)
    except NotAnswered as error:
        advice = UNBUFFERED if name == "event stream" else f"if Redis is well, {OTHER_STORE}"
        part.fail(name, f"no message arrives: {text_of(error)}", advice)


def _why_closed(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        answer = error.response
        return f"refused with {answer.status_code}: {bytes(answer.body or b'')[:200].decode(errors='replace')}"
    if isinstance(error, httpx.HTTPStatusError):
        return f"refused with {shown(error.response)}"
    return text_of(error)


def _advice_for_push(error: Exception, name: str) -> str:
    if isinstance(error, InvalidStatus | httpx.HTTPStatusError):
        status = error.response.status_code
    else:
        return UNBUFFERED if name == "event stream" else UPGRADE
    if status == 401:
        return OTHER_STORE
    return "too many sockets: look at INBOX_MAX_SOCKETS and the limit of descriptors" if status == 503 else UPGRADE
