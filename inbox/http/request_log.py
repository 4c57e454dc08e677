"""A log line for each request, with INBOX_LOG_REQUESTS, and for slow ones."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Scope

from inbox.http.auth import CALLER, SessionCaller
from inbox.http.client_address import ClientAddress
from inbox.logs import PacedLog

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RequestLog:
    """Logs requests: method, path, status, time until the answer, and caller; the query may hold a token.

    `slow_seconds`: a request that took longer has a line at WARNING, at most one a second; 0: none has. `clients` finds
    the address of the client, if lines are to have it.
    """

    logs_all: bool = False
    slow_seconds: float = 0.0
    clients: ClientAddress | None = None
    _slow: PacedLog = field(default_factory=lambda: PacedLog(log, "slow request", logging.WARNING))

    @property
    def notes_all(self) -> bool:
        """Whether `note` has to see every request, also a poll whose 304 could come again without the application."""
        return self.logs_all

    def note(self, scope: Scope, status: int, seconds: float) -> None:
        """Log an answered request if it is to be logged."""
        is_slow = 0 < self.slow_seconds < seconds
        if not is_slow and not self.logs_all:
            return
        fields = {"method": scope["method"], "path": scope["path"], "status": status}
        fields |= {"duration_ms": round(seconds * 1_000, 1), **_caller_fields(scope)}
        if self.clients and (address := self.clients.of(scope)):
            fields["client"] = address
        if self.logs_all:
            log.info("request", extra={"action": "request", **fields})
        if is_slow:
            self._slow.write(action="slow_request", **fields)


def _caller_fields(scope: Scope) -> dict[str, Any]:
    caller = scope.get(CALLER)
    if caller is None:
        return {}
    subscriber = {"subscriber_id": caller.subscriber.subscriber_id} if isinstance(caller, SessionCaller) else {}
    return {"environment": caller.environment.name, **subscriber}
