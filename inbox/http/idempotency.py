"""The Idempotency-Key header of requests by backends that change something."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope

from inbox.errors import InboxError
from inbox.http.auth import CALLER, ApiCaller, count_request, services_of
from inbox.http.requests import MIB
from inbox.http.responses import SecretData, error_reply
from inbox.http.route_index import Endpoint
from inbox.models.environment import Environment
from inbox.service.environments.idempotency import MAX_ANSWER_BYTES, IdempotencyService, check_key
from inbox.store.idempotent_responses import Answer

METHODS = ("POST", "PATCH")
TRIGGERS = "/v1/events/"
MAX_BODY_BYTES = MIB
KEY, REPLAY = "Idempotency-Key", "Idempotency-Replay"


async def answer_once(request: Request, answer: Endpoint) -> Response:
    """Answer a repeated POST or PATCH of a backend as it was answered first, anything else by `answer`."""
    key = request.headers.get(KEY)
    if request.method not in METHODS or not key:
        return await answer(request)
    try:
        check_key(key)
        environment = await _environment_of(request)
        if environment is None:
            return await answer(request)
        body = BufferedBody(request.receive)
        await body.read()
        request = Request(request.scope, body.receive)
        if body.is_whole:
            return await _once(request, environment, key, _fingerprint(request.scope, body), answer)
    except InboxError as error:
        return error_reply(request, error)
    return await answer(request)


async def _once(request: Request, environment: Environment, key: str, fingerprint: bytes, answer: Endpoint) -> Response:
    idempotency: IdempotencyService = services_of(request).idempotency
    first_answer = await idempotency.begin(environment, key, fingerprint)
    if first_answer is not None:
        return _repeat(first_answer, key)
    stored: Answer | None = None
    try:
        response = await answer(request)
        stored = _stored(response, fingerprint)
    finally:
        await idempotency.finish(environment, key, stored)
    response.raw_headers.append((KEY.lower().encode(), key.encode("latin-1")))
    return response


def _stored(response: Response, fingerprint: bytes) -> Answer | None:
    """Return what is kept of an answer; None of one that is larger than MAX_ANSWER_BYTES or has a secret."""
    if len(response.body) > MAX_ANSWER_BYTES or isinstance(response, SecretData):
        return None
    media_type = dict(response.raw_headers).get(b"content-type", b"").decode("latin-1")
    return Answer(fingerprint, response.status_code, media_type, bytes(response.body))


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
