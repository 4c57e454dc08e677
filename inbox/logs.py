"""Logging with the standard library, as text or as one JSON object a line.

A line carries named fields in `extra`, e.g. `log.info("socket opened", extra={"action": "connection_opened"})`. Tokens,
keys and hashes that reach a line by accident are masked, in messages of libraries and in tracebacks too.
"""

from __future__ import annotations

import logging
import math
import re
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from inbox.masking import MASK
from inbox.settings import LogFormat, LogLevel
from inbox.tracing import log_fields

PACE_SECONDS = 1.0
CACHED_SECONDS = 4
OWN_LOGGERS = "inbox"
"""Only fields of these are written; libraries attach objects of their own to lines."""
_STANDARD_FIELDS = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})

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


def configure_logging(level: LogLevel, log_format: LogFormat, worker: int | None = None) -> None:
    """Send every log line to standard error in this format; calling it again replaces the former configuration.

    `worker` is a field of every line: the number of this process among those on one port.
    `debug` is for this package alone: at that level libraries would log frames and headers with their content.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    handler.addFilter(_AddFields({} if worker is None else {"worker": worker}))
    own_level = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(handlers=[handler], level=max(own_level, logging.INFO), force=True)
    logging.getLogger("inbox").setLevel(own_level)
    # uvicorn has a line per socket, at INFO, and one per unreadable request, at WARNING; ours say more and are paced
    uvicorn_level = logging.INFO if level == "debug" else max(own_level, logging.ERROR)
    logging.getLogger("uvicorn.error").setLevel(uvicorn_level)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line per event sent to a webhook
    logging.captureWarnings(True)
    # what no line of ours shows is not looked up (the library's own advice): caller, thread, process
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def toggle_debug(level: LogLevel) -> None:
    """Log at `debug` from now on; if that is so already, at `level` again, or at `info` if that is `debug`."""
    logger = logging.getLogger(OWN_LOGGERS)
    is_on = logger.level != logging.DEBUG
    usual = max(logging.getLevelNamesMapping()[level.upper()], logging.INFO)
    logger.setLevel(logging.DEBUG if is_on else usual)
    logger.critical("debug lines are %s", "on" if is_on else "off", extra={"action": "log_level"})


class _AddFields(logging.Filter):
    """Adds the fields of this process, and those of the request or connection that a line is about, if it has none."""

    def __init__(self, own: Mapping[str, object]) -> None:
        super().__init__()
        self._own = own

    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in (*log_fields.get().items(), *self._own.items()):
            record.__dict__.setdefault(name, value)
        return True


class PacedLog:
    """At most one line a second about what clients can repeat without end. A line counts those suppressed before it."""

    def __init__(self, logger: logging.Logger, text: str, level: int = logging.INFO) -> None:
        self._logger = logger
        self._text = f"{text} (%d more since the last line)"
        self._level = level
        self._written_at = -math.inf
        self._suppressed = 0

    def write(self, **fields: Any) -> None:
        """Write a line with these fields, or count it for the next one."""
        now = time.monotonic()
        if now - self._written_at < PACE_SECONDS:
            self._suppressed += 1
            return
        self._logger.log(self._level, self._text, self._suppressed, extra=fields)
        self._written_at, self._suppressed = now, 0


def redact(text: str) -> str:
    """Return the text with the values of tokens, keys and hashes masked."""
    lowered = text.lower()
    # the pattern takes ten times as long as this, for most lines in vain; one of these is in all that it matches
    if "?" in text or "&" in text or "eyj" in lowered or "key" in lowered or "bearer" in lowered:
        return _SECRETS.sub(lambda match: (match["keep"] or "") + MASK, text)
    return text


class TextFormatter(logging.Formatter):
    """`2026-11-22T21:38:01.123Z INFO inbox.server serving action=start`, then a traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        head = f"{_timestamp(record)} {record.levelname} {record.name} {escape_controls(record.getMessage())}"
        fields = "".join(f" {name}={_quoted(value)}" for name, value in _fields(record))
        trace = _trace(self, record)
        return redact(f"{head}{fields}" + (f"\n{trace}" if trace else ""))


class JsonFormatter(logging.Formatter):
    """One object a line: time, level, logger, message, the line's fields, and `exception` if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: v if isinstance(v, int | float) else redact(str(v)) for name, v in _fields(record)}
        entry: dict[str, Any] = {
            "time": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
            **fields,
        }
        if trace := _trace(self, record):
            entry["exception"] = redact(trace)
        return orjson.dumps(entry).decode()


def _timestamp(record: logging.LogRecord) -> str:
    seconds, ms = divmod(int(record.created * 1_000), 1_000)
    return f"{_second(seconds)}.{ms:03d}Z"


@lru_cache(CACHED_SECONDS)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00")


def _fields(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    """Yield the fields of `extra`."""
    if record.name.partition(".")[0] == OWN_LOGGERS:
        fields = vars(record).items()
        yield from ((name, value) for name, value in fields if name not in _STANDARD_FIELDS and value is not None)


def escape_controls(text: str) -> str:
    """Return the text with control characters as `\\x1b`.

    People's texts hold them too: they must not forge a line, or change what a terminal shows.
    """
    return text if text.isprintable() else text.rstrip("\n").translate(_CONTROL)


def _quoted(value: Any) -> str:
    text = escape_controls(str(value))
    if text and " " not in text and '"' not in text and "=" not in text:
        return text
    return '"' + text.replace('"', '\\"') + '"'


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""
