"""The head of a request for a WebSocket: what is refused, and the answer to what is not."""

from __future__ import annotations

import orjson
import pytest

from inbox.errors import TooManyConnections
from inbox.http.upgrade import UpgradeRequest

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
HEADERS = [
    (b"host", b"inbox.example"),
    (b"connection", b"Upgrade"),
    (b"upgrade", b"websocket"),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-key", KEY),
]


def request(*added: tuple[bytes, bytes], without: bytes = b"", method: str = "GET") -> UpgradeRequest:
    return UpgradeRequest(
        method, "/ws?token=a&a=%20b&token=c", [one for one in HEADERS if one[0] != without] + [*added]
    )


def test_the_answer_to_the_example_of_rfc_6455() -> None:
    assert request().find_problem() is None
    assert request().accept([(b"date", b"today")]) == (
        b"HTTP/1.1 101 Switching Protocols\r\ndate: today\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    )


def test_path_query_and_headers() -> None:
    one = request((b"origin", b"https://a.example"), (b"origin", b"https://b.example"))
    assert (one.path, one.query) == ("/ws", {"token": "c", "a": " b"})
    assert (one.header(b"origin"), one.header(b"cookie")) == ("https://a.example", None)


@pytest.mark.parametrize("value", [b"keep-alive, Upgrade", b"upgrade", b"Upgrade ,\tkeep-alive", b",, Upgrade,"])
def test_other_options_of_the_connection_are_allowed(value: bytes) -> None:
    assert request((b"connection", value), without=b"connection").find_problem() is None


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ((b"connection", b"Upgrade, @"), "Connection"),
        ((b"connection", b"Upgrade, a b"), "Connection"),
        ((b"upgrade", b"h2c"), "Upgrade"),
        ((b"sec-websocket-version", b"13"), "Sec-WebSocket-Version"),
        ((b"sec-websocket-key", KEY), "Sec-WebSocket-Key"),
        ((b"sec-websocket-protocol", b""), "Sec-WebSocket-Protocol"),
        ((b"sec-websocket-protocol", b"a b"), "Sec-WebSocket-Protocol"),
        ((b"content-length", b"1"), "handshake"),
        ((b"transfer-encoding", b"chunked"), "handshake"),
    ],
)
def test_one_header_more_is_a_problem(header: tuple[bytes, bytes], problem: str) -> None:
    assert request(header).find_problem() == problem


@pytest.mark.parametrize("value", [b"", b"c2hvcnQ=", KEY[:-1], KEY + b"=", b"\xff" * 24, KEY.replace(b"d", b"!")])
def test_a_key_has_sixteen_bytes(value: bytes) -> None:
    assert request((b"sec-websocket-key", value), without=b"sec-websocket-key").find_problem() == "Sec-WebSocket-Key"


@pytest.mark.parametrize("header", [(b"content-length", b"0"), (b"sec-websocket-protocol", b"a, b"), (b"cookie", b"a")])
def test_one_header_more_may_be_none(header: tuple[bytes, bytes]) -> None:
    assert request(header).find_problem() is None


def test_only_a_get_opens_a_socket() -> None:
    assert request(method="POST").find_problem() == "handshake"


def test_a_refusal_is_a_whole_answer_in_the_usual_shape_and_tells_no_token() -> None:
    head, _, body = request().refuse(TooManyConnections()).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 503 Service Unavailable"
    assert {"Connection: close", "Retry-After: 10", f"Content-Length: {len(body)}"} <= set(lines)
    error = orjson.loads(body)
    assert (error["statusCode"], error["path"], "errorId" in error) == (503, "/ws", False)
