"""A process of the service under the load of a scenario: every answer is checked, whoever sent the request."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self

import httpx

from tests.support.client import PAGE, Json
from tests.support.model import Finding
from tests.support.server import Server

BOUND_SECONDS = 20.0
"""No request may take longer. A silent store takes 5 s of it; the machine may stand still for a while."""

HUNG, WRONG_ANSWER, BROKEN = "hung", "wrong answer", "broken connection"


class Unanswered(Exception):
    """No answer came, or a 503. The request may have had its effect."""


class Process:
    """One process of the service and its findings."""

    def __init__(self, server: Server, client: httpx.AsyncClient) -> None:
        self.server = server
        self._client = client
        self._excuses = 0
        self._is_excused = False
        self.start_over()

    @classmethod
    @asynccontextmanager
    async def of(cls, server: Server) -> AsyncIterator[Self]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=server.url, timeout=BOUND_SECONDS, limits=limits, trust_env=False, verify=False
        ) as client:
            yield cls(server, client)

    def start_over(self) -> None:
        """Forget the findings of an earlier scenario."""
        self.findings: list[Finding] = []
        self.statuses: Counter[int] = Counter()
        self.longest_seconds = 0.0
        self._log_read = len(self.server.log())

    @contextmanager
    def excused(self) -> Iterator[None]:
        """Excuse requests that get no answer meanwhile: the scenario stops the process itself."""
        self._is_excused = True
        self._excuses += 1
        yield
        self._is_excused = False

    @property
    def port(self) -> int:
        return self.server.port

    async def send(self, method: str, path: str, body: Any = None, *, token: str = "", **query: Any) -> httpx.Response:
        """Send a request and return its answer, of any status below 500. Raise Unanswered.

        It carries the API key unless a session token is given.
        """
        authorization = f"Bearer {token}" if token else f"ApiKey {self.server.api_key}"
        content = {"json": body} if body is not None else {}
        must_answer, excuses, start = not self._is_excused, self._excuses, time.monotonic()
        try:
            answer = await self._client.request(
                method, path, params=query or None, headers={"Authorization": authorization}, **content
            )
        except httpx.TransportError as error:
            if must_answer and excuses == self._excuses:
                kind = HUNG if isinstance(error, httpx.TimeoutException) else BROKEN
                self.findings.append(Finding(kind, f"{method} {path} at {self.port}: {error!r}"))
            raise Unanswered from error
        if must_answer and excuses == self._excuses:
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - start)
        self.statuses[answer.status_code] += 1
        if answer.status_code < 500:
            return answer
        if answer.status_code != 503 or "Retry-After" not in answer.headers:
            self.findings.append(
                Finding(WRONG_ANSWER, f"{method} {path} at {self.port}: {answer.status_code} {answer.text}")
            )
        raise Unanswered

    async def read(self, path: str, *, token: str = "", **query: Any) -> Json:
        """Return the body of a GET, which must succeed. Raise Unanswered."""
        answer = await self.send("GET", path, token=token, **query)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        body: Json = answer.json()
        return body

    async def notifications(self, token: str) -> list[Json]:
        """Return all notifications of a person, newest first. Raise Unanswered."""
        notifications: list[Json] = []
        after: Json = {}
        while True:
            page = await self.read("/v1/inbox/notifications", token=token, limit=PAGE, **after)
            notifications += page["data"]
            if not page["hasMore"]:
                return notifications
            after = {"after": notifications[-1]["id"]}

    def check_log(self) -> None:
        """Add a finding if the log has a traceback since the scenario began."""
        log = self.server.log()[self._log_read :]
        if "Traceback" in log:
            self.findings.append(
                Finding(WRONG_ANSWER, f"a traceback in the log:\n{log[log.index('Traceback') :][:4000]}")
            )
