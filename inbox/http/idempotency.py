"""The Idempotency-Key header of requests by backends that change something."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inbox.errors import InboxError
from inbox.http.auth import CALLER, ApiCaller, count_request, services_of
from inbox.http.requests import MIB
from inbox.http.responses import error_reply
from inbox.models.environment import Environment
from inbox.service.environments.idempotency import MAX_ANSWER_BYTES, IdempotencyService, check_key
from inbox.store.idempotent_responses import Answer

METHODS = ("POST", "PATCH")
TRIGGERS = "/v1/events/"
MAX_BODY_BYTES = MIB
KEY, REPLAY = "Idempotency-Key", "Idempotency-Replay"


class Idempotency:
    """The middleware that answers a repeated POST or PATCH of a backend as it answered the first."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        key = request.headers.get(KEY)
        if scope["method"] not in METHODS or not key:
            return await self._app(scope, receive, send)
        try:
            check_key(key)
            environment = await _environment_of(request)
            if environment is None:
                return await self._app(scope, receive, send)
            body = BufferedBody(receive)
            await body.read()
            if body.is_whole:
                fingerprint = _fingerprint(scope, body)
                return await self._once(request, environment, key, fingerprint, body.receive, send)
        except InboxError as error:
            return await error_reply(request, error)(scope, receive, send)
        await self._app(scope, body.receive, send)

    async def _once(
        self, request: Request, environment: Environment, key: str, fingerprint: bytes, receive: Receive, send: Send
    ) -> None:
        idempotency: IdempotencyService = services_of(request).idempotency
        first_answer = await idempotency.begin(environment, key, fingerprint)
        if first_answer is not None:
            return await _repeat(first_answer, key)(request.scope, receive, send)
        captured = Captured(send, key, fingerprint)
        try:
            await self._app(request.scope, receive, captured.send)
        finally:
            await idempotency.finish(environment, key, captured.answer)
            await captured.flush()


async def _environment_of(request: Request) -> Environment | None:
    """Return the environment of a backend's change; None for triggers, pages and a key that the handler refuses.

    Count the request against the limit here, since a repetition does not reach its handler. Raise TooManyRequests.
    """
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "apikey" or request.scope["path"].startswith(TRIGGERS):
        return None
    environment = await services_of(request).environments.find_by_key(secret.strip())
    if environment is not None:
        request.scope[CALLER] = ApiCaller(environment)  # the request log shows it for a repetition too
        await count_request(request, "key", environment, secret.strip())
    return environment


def _fingerprint(scope: Scope, body: BufferedBody) -> bytes:
    target = b"%s %s?%s\n" % (scope["method"].encode(), scope["path"].encode("latin-1"), scope["query_string"])
    return hashlib.blake2b(target + b"".join(body.parts), digest_size=16).digest()


def _repeat(answer: Answer, key: str) -> Response:
    headers = {KEY: key, REPLAY: "true"}
    return Response(answer.body, answer.status, headers, media_type=answer.media_type or None)


@dataclass(slots=True)
class BufferedBody:
    """A request's body, read in advance. `receive` gives it to the application. Over 1 MiB it is not whole."""

    _receive: Receive
    parts: list[bytes] = field(default_factory=list)
    is_whole: bool = False
    _messages: list[Message] = field(default_factory=list)

    async def read(self) -> None:
        size = 0
        while size <= MAX_BODY_BYTES and not self.is_whole:
            message = await self._receive()
            self._messages.append(message)
            if message["type"] != "http.request":
                return
            self.parts.append(message.get("body", b""))
            size += len(self.parts[-1])
            self.is_whole = size <= MAX_BODY_BYTES and not message.get("more_body", False)

    async def receive(self) -> Message:
        return self._messages.pop(0) if self._messages else await self._receive()


class Captured:
    """A response that is buffered until it is stored; one larger than MAX_ANSWER_BYTES is sent without storing."""

    def __init__(self, send: Send, key: str, fingerprint: bytes) -> None:
        self._send = send
        self._key = key
        self._fingerprint = fingerprint
        self._messages: list[Message] = []
        self._size = 0
        self.answer: Answer | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (KEY.lower().encode(), self._key.encode("latin-1"))]}
        self._messages.append(message)
        self._size += len(message.get("body", b""))
        if self._size > MAX_ANSWER_BYTES:
            await self.flush()
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self.answer = self._whole()

    async def flush(self) -> None:
        """Send what is buffered."""
        messages, self._messages = self._messages, []
        for message in messages:
            await self._send(message)

    def _whole(self) -> Answer | None:
        start, *parts = self._messages
        if start["type"] != "http.response.start":
            return None
        media_type = dict(start["headers"]).get(b"content-type", b"").decode("latin-1")
        return Answer(self._fingerprint, start["status"], media_type, b"".join(part.get("body", b"") for part in parts))
