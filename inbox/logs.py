"""How the service logs: one configuration of the standard library, as text or as one JSON object a line.

A line carries named fields through `extra`, e.g. `log.info("connection opened", extra={"action": "connect",
"connection_id": "c1", "subscriber_id": "ada"})`. Whatever reaches a line by accident, tokens, keys and hashes are
masked when it is written, in messages of libraries and in tracebacks too.
"""

from __future__ import annotations

import logging
import math
import re
import sys
import time
from datetime import UTC, datetime
from typing import Any

import orjson

from inbox.settings import MASK, LogFormat, LogLevel

PACE_SECONDS = 1.0
FIELDS = (
    "action",
    "connection_id",
    "subscriber_id",
    "workflow_id",
    "step_id",
    "topic",
    "transaction_id",
    "message_id",
    "status",
    "reason",
    "duration_ms",
)

_SECRETS = re.compile(
    r"""
    (?P<keep>
        [?&](?:token|ticket|subscriberHash|subscriber-hash|hash|secret|password|api_?key)=  # in a URL
      | \b(?:ApiKey|Bearer)\s+                                                               # in a header
    )
    [^&\s"'\\]+
    | \beyJ[\w-]+\.[\w-]+\.[\w-]*                                                            # a JWT anywhere
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


def configure_logging(level: LogLevel, log_format: LogFormat) -> None:
    """Sends every log line to standard error in the given format; calling it again replaces the former set-up.

    `debug` is for this package alone: at that level libraries would log frames and headers, contents included.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    own_level = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(handlers=[handler], level=max(own_level, logging.INFO), force=True)
    logging.getLogger("inbox").setLevel(own_level)
    # uvicorn has a line per socket, at INFO, and one per unreadable request, at WARNING; ours say more and are paced
    uvicorn_level = logging.INFO if level == "debug" else max(own_level, logging.ERROR)
    logging.getLogger("uvicorn.error").setLevel(uvicorn_level)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line per event sent to a webhook
    logging.captureWarnings(True)


class PacedLog:
    """At most one line a second about what clients can repeat without end; each counts those left out before it."""

    def __init__(self, logger: logging.Logger, text: str, level: int = logging.INFO) -> None:
        self._logger = logger
        self._text = f"{text} (%d more since the last line)"
        self._level = level
        self._written_at = -math.inf
        self._left_out = 0

    def write(self, **fields: Any) -> None:
        """Write a line with these fields, or count it for the next one."""
        now = time.monotonic()
        if now - self._written_at < PACE_SECONDS:
            self._left_out += 1
            return
        self._logger.log(self._level, self._text, self._left_out, extra=fields)
        self._written_at, self._left_out = now, 0


def redact(text: str) -> str:
    """The text with the values of tokens, keys and hashes replaced by a mask."""
    return _SECRETS.sub(lambda found: (found["keep"] or "") + MASK, text)


class TextFormatter(logging.Formatter):
    """`2026-11-22T21:38:01.123Z INFO inbox.server serving action=start`, then a traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        head = f"{_timestamp(record)} {record.levelname} {record.name} {_one_line(record.getMessage())}"
        fields = "".join(f" {name}={_quoted(value)}" for name, value in _fields(record).items())
        trace = _trace(self, record)
        return redact(f"{head}{fields}" + (f"\n{trace}" if trace else ""))


class JsonFormatter(logging.Formatter):
    """One object a line: time, level, logger, message, the line's fields, and `exception` if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
            **{name: redact(value) if isinstance(value, str) else value for name, value in _fields(record).items()},
        }
        if trace := _trace(self, record):
            entry["exception"] = redact(trace)
        return orjson.dumps(entry, default=str).decode()


def _timestamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in FIELDS if getattr(record, name, None) is not None}


def _one_line(text: str) -> str:
    """A subscriber's id or a URL may hold line breaks: they must not forge a line."""
    return text.rstrip("\n").translate(_CONTROL)


def _quoted(value: Any) -> str:
    text = _one_line(str(value))
    if text and not any(char in ' "=' for char in text):
        return text
    return '"' + text.replace('"', '\\"') + '"'


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""
