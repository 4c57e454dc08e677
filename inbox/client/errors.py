"""What goes wrong in a client: an answer other than success, no answer, the end of a feed.

ClientError
  ApiError           the service answered with an error
  Unreachable        no answer came
  RequestRefused     a request over the socket was answered with an error
  Disconnected       the socket ended before the answer, or there is none
  FeedClosed         the service refuses this feed for good
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEMPORARY = (408, 425, 429)


class ClientError(Exception):
    """Something failed between this client and the service.

    `is_temporary` says whether the same attempt may succeed later, `retry_after` in how many seconds, if the service
    has said so.
    """

    is_temporary = False
    retry_after: float | None = None


class ApiError(ClientError):
    """The service answered with an error.

    `body` is its whole answer, `error_id` what the log of the service has about a 5xx, `fields` the messages about each
    wrong field of a 422.
    """

    def __init__(self, status: int, body: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.status = status
        self.body = body
        self.message = str(body.get("message") or f"The service answered {status}")
        self.code: str | None = body.get("code")
        self.error_id: str | None = body.get("errorId")
        self.fields: Mapping[str, Any] = body["errors"] if isinstance(body.get("errors"), dict) else {}
        self.retry_after = retry_after
        self.is_temporary = is_temporary(status)
        super().__init__(f"{status}: {self.message}")


class Unreachable(ClientError):
    """No answer came. A change may have been carried out all the same."""

    is_temporary = True


class RequestRefused(ClientError):
    """The service answered a request over the socket with an error: `code` and `message`."""

    def __init__(self, code: str, message: str, *, is_temporary: bool) -> None:
        self.code = code
        self.message = message
        self.is_temporary = is_temporary
        super().__init__(f"{code}: {message}")


class Disconnected(ClientError):
    """The connection ended before the answer, or there is none. A change may have been carried out all the same."""

    is_temporary = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class FeedClosed(ClientError):
    """The service refuses this feed, and will refuse it again: wrong token, deleted subscriber, wrong address.

    `code` is the close code of the socket, or the HTTP status of the handshake.
    """

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code}: {reason}")


def is_temporary(status: int) -> bool:
    """Return whether a request that was answered with this HTTP status may succeed later."""
    return status >= 500 or status in _TEMPORARY
