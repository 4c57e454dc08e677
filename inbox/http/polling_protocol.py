"""The HTTP protocol, with answers to polls that come again byte for byte (`StandingPolls`)."""

from __future__ import annotations

from time import monotonic
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from inbox import metrics
from inbox.http.exchange import Exchange
from inbox.http.protocol import DRAINING, InboxHttpProtocol
from inbox.http.standing_polls import MAX_HEAD_BYTES, KeptPoll
from inbox.store.client import PendingReplies
from inbox.tracing import REQUEST_ID, new_request_id


class PollingHttpProtocol(InboxHttpProtocol):
    """Answers a poll whose 304 still stands. All else goes the usual way, also a poll whose answer has changed."""

    _replies: PendingReplies | None = None
    """Those that decide on the poll `_poll`, whose head is `received`. What comes meanwhile waits in `_waiting`."""
    _poll: KeptPoll
    _began = 0.0
    _waiting = b""

    def data_received(self, data: bytes) -> None:
        if self._replies is not None:
            self._waiting += data
            self.flow.pause_reading()
            return
        if data.startswith(b"GET ") and len(data) <= MAX_HEAD_BYTES and super().is_at_rest:
            self.received = data
            if (kept := Exchange.polls.get(data)) and self._may_answer:
                self._replies = kept.poll.begin()
                if self._replies is not None:
                    self._poll, self._began = kept, monotonic()
                    self._stop_timer("head")
                    self._replies.call_back(self._decide)
                    return
        elif self.received:
            self.received = b""
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        if self._replies is not None:
            self._let_application_answer()
        super().shutdown()

    @property
    def is_at_rest(self) -> bool:
        return self._replies is None and super().is_at_rest

    @property
    def expects_request(self) -> bool:
        return self._replies is not None or super().expects_request

    @property
    def _may_answer(self) -> bool:
        """Whether the connection goes on after an answer, and takes it at once."""
        return not (self._is_over_limit or self.flow.write_paused or DRAINING in self.app_state)

    def _decide(self, replies: list[Any] | None) -> None:
        """Answer 304 if it still stands."""
        _, poll, headers = self._poll
        if replies is None or not self._may_answer or not poll.stands(replies):
            self._let_application_answer()
            return
        lines = b"".join([b"%b: %b\r\n" % header for header in self.server_state.default_headers])
        metrics.REQUESTS.add(("GET", poll.route, 304))
        metrics.REQUEST_SECONDS.observe(monotonic() - self._began, ("GET", poll.route))
        request_id = b"%b: %b\r\n" % (REQUEST_ID, new_request_id().encode())
        self.transport.write(b"%b%b%b%b\r\n" % (STATUS_LINE[304], lines, headers, request_id))
        self.server_state.total_requests += 1
        self._begin_idling()
        self._go_on()

    def _let_application_answer(self) -> None:
        """Parse the head after all."""
        super().data_received(self.received)
        self._go_on()

    def _go_on(self) -> None:
        """Take what has come meanwhile."""
        waiting = self._waiting
        self._forget()
        if waiting:
            self.flow.resume_reading()
            self.data_received(waiting)

    def _forget(self) -> None:
        if self._replies is not None:
            self._replies.drop()
        self._replies, self._waiting = None, b""
