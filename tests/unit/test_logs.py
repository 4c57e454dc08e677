"""Log lines: their form, and what may never be in one."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from inbox.logs import configure_logging, redact, toggle_debug
from inbox.masking import MASK
from inbox.settings import LogFormat, LogLevel
from inbox.tracing import log_fields

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJfaWQiOiIxIn0.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def restore_logging() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("root", "inbox", "uvicorn.error")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    yield
    logging.captureWarnings(False)
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


def test_a_text_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "text")
    logging.getLogger("inbox.x").info("opened %d", 1, extra={"action": "connect", "subscriber_id": "ada l", "other": 1})
    logging.getLogger("inbox.x").debug("not shown")
    time, rest = capsys.readouterr().err.split(" ", 1)
    assert time.endswith("Z")
    assert rest == 'INFO inbox.x opened 1 action=connect subscriber_id="ada l" other=1\n'


def test_a_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("inbox.x").exception("failed", extra={"action": "a", "connection_id": "c1"})
    entry = json.loads(capsys.readouterr().err)
    assert entry.pop("time").endswith("Z")
    assert "ValueError: no" in entry.pop("exception")
    assert entry == {
        "level": "error",
        "logger": "inbox.x",
        "message": "failed",
        "action": "a",
        "connection_id": "c1",
    }


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_every_field_of_ours_is_written_and_none_of_a_library(
    capsys: pytest.CaptureFixture[str], log_format: LogFormat
) -> None:
    configure_logging("info", log_format)
    fields = {"path": "/v1/x", "topic": "t", "entry": "1-0", "count": 3, "names": ["a", f"?token={JWT}"], "none": None}
    logging.getLogger("inbox").info("ours", extra=fields)
    logging.getLogger("library").info("theirs", extra={"websocket": object()})
    ours, theirs = capsys.readouterr().err.splitlines()
    if log_format == "text":
        assert ours.endswith(f"""ours path=/v1/x topic=t entry=1-0 count=3 names="['a', '?token={MASK}']\"""")
    else:
        entry = json.loads(ours)
        assert {name: entry.get(name) for name in fields} == {**fields, "names": f"['a', '?token={MASK}']"}
        assert "none" not in entry
    assert "websocket" not in theirs


@pytest.mark.parametrize(
    "text",
    [
        f'1.2.3.4:5 - "WebSocket /ws?a=1&token={JWT}" [accepted]',
        "/ws?token=opaque-hidden",
        "/x?subscriberHash=hidden&b=1",
        "GET /socket.io/?ticket=hidden&EIO=4",
        "Authorization: ApiKey hidden",
        "authorization: bearer hidden",
        f"unexpected {JWT} in the text",
    ],
)
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_secrets_are_masked(capsys: pytest.CaptureFixture[str], text: str, log_format: LogFormat) -> None:
    configure_logging("debug", log_format)
    logging.getLogger("uvicorn.error").info("%s", text)
    logging.getLogger("inbox").debug("fine", extra={"reason": text})
    try:
        raise RuntimeError(text)
    except RuntimeError:
        logging.getLogger("library").exception("trouble")
    written = capsys.readouterr().err
    assert written.count(MASK) >= 3
    assert "hidden" not in written
    assert JWT not in written
    assert "eyJ" not in written


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("?TOKEN=hidden", f"?TOKEN={MASK}"),
        ("&Api_Key=hidden", f"&Api_Key={MASK}"),
        ("APIKEY hidden", f"APIKEY {MASK}"),
        ("Api\u212aey hidden", f"Api\u212aey {MASK}"),  # the sign of a kelvin is a k in another case
        ("BEARER\thidden", f"BEARER\t{MASK}"),
        (f"a {JWT.upper()} b", f"a {MASK} b"),
    ],
)
def test_secrets_are_masked_in_any_case(text: str, masked: str) -> None:
    assert redact(text) == masked


def test_a_line_has_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "text")
    record = logging.makeLogRecord({"name": "inbox", "levelno": logging.INFO, "levelname": "INFO", "msg": "then"})
    record.created = 1_790_000_000.294
    logging.getLogger("inbox").handle(record)
    assert capsys.readouterr().err == "2026-09-21T14:13:20.294Z INFO inbox then\n"


def test_the_rest_of_a_url_is_kept() -> None:
    assert redact("/ws?a=1&token=x&b=2 [accepted]") == f"/ws?a=1&token={MASK}&b=2 [accepted]"


def test_no_line_can_be_forged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "text")
    forged = "ada\n2026-01-01T00:00:00.000Z ERROR inbox forged\x1b[31m"
    logging.getLogger("inbox").info("hello %s", forged, extra={"subscriber_id": forged})
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert "\x1b" not in written


def test_libraries_never_log_below_info(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("debug", "text")
    for name in ("uvicorn.error", "websockets.server", "redis", "asyncio"):
        logging.getLogger(name).debug("> TEXT content of a frame")
    assert capsys.readouterr().err == ""


def test_calling_it_again_writes_no_line_twice(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "text")
    configure_logging("info", "text")
    logging.getLogger("inbox").info("once")
    assert capsys.readouterr().err.count("once") == 1


def test_lines_of_a_request_have_its_ids_and_lines_of_libraries_do_not(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "text", 2)
    token = log_fields.set({"request_id": "r1", "connection_id": "c1"})
    try:
        logging.getLogger("inbox.x").info("one")
        logging.getLogger("inbox.x").info("two", extra={"connection_id": "c2"})
        logging.getLogger("library").info("three")
    finally:
        log_fields.reset(token)
    logging.getLogger("inbox.x").info("four")
    assert [line.split(" ", 3)[3] for line in capsys.readouterr().err.splitlines()] == [
        "one request_id=r1 connection_id=c1 worker=2",
        "two connection_id=c2 request_id=r1 worker=2",
        "three",
        "four worker=2",
    ]


@pytest.mark.parametrize("level", ["warning", "info", "debug"])
def test_debug_lines_are_turned_on_and_off(capsys: pytest.CaptureFixture[str], level: LogLevel) -> None:
    configure_logging(level, "text")
    logger = logging.getLogger("inbox.x")
    before = logger.isEnabledFor(logging.DEBUG)
    toggle_debug(level)
    assert logger.isEnabledFor(logging.DEBUG) != before
    toggle_debug(level)
    assert logger.isEnabledFor(logging.DEBUG) == before
    assert [line.rpartition("are ")[2] for line in capsys.readouterr().err.splitlines()] == (
        ["off action=log_level", "on action=log_level"] if before else ["on action=log_level", "off action=log_level"]
    )
