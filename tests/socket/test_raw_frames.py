"""Frame by frame: what RFC 6455 demands of a server, at each endpoint and with both protocol classes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.client import create_session
from tests.support.npm import install_packages
from tests.support.raw_sockets import (
    BINARY,
    CLOSE,
    CONTINUATION,
    ENDPOINTS,
    HEAD,
    PING,
    PONG,
    TEXT,
    Endpoint,
    RawSocket,
    frame,
)
from tests.support.server import Server, new_server

LIMIT = 64 * 1024
EURO = "\u20ac".encode()


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["inbox", "websockets"])
async def server(request: pytest.FixtureRequest, valkey_url: str) -> AsyncIterator[Server]:
    settings = {"INBOX_KEY_PREFIX": f"raw-{request.param}:", "INBOX_WEBSOCKETS": request.param}
    async with new_server(redis_url=valkey_url, **settings) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def token(server: Server) -> str:
    return str((await create_session(server, "ada"))["token"])


@pytest.fixture(params=ENDPOINTS, ids=lambda endpoint: endpoint.path.partition("?")[0])
def endpoint(request: pytest.FixtureRequest) -> Endpoint:
    chosen: Endpoint = request.param
    return chosen


@pytest.fixture
async def raw(server: Server, endpoint: Endpoint, token: str) -> AsyncIterator[RawSocket]:
    async with RawSocket.open(server, endpoint, token) as socket:
        yield socket


ignoring = pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if one.ignored is not None], indirect=True)
"""For a test of texts that are not answered, which the native protocol does not have."""


def is_inbox(server: Server) -> bool:
    return server.settings["INBOX_WEBSOCKETS"] == "inbox"


# messages


async def test_a_message_may_come_in_fragments(raw: RawSocket, endpoint: Endpoint) -> None:
    question = endpoint.question
    await raw.write(frame(TEXT, question[:1], final=False))
    await raw.write(frame(CONTINUATION, final=False))
    await raw.write(frame(CONTINUATION, question[1:], final=False) + frame(CONTINUATION))
    assert await raw.next() == (TEXT, endpoint.answer)


async def test_a_control_frame_between_fragments_is_answered_first(raw: RawSocket, endpoint: Endpoint) -> None:
    question = endpoint.question
    await raw.write(frame(TEXT, question[:2], final=False) + frame(PING, b"between") + frame(PONG))
    assert await raw.next() == (PONG, b"between")
    await raw.write(frame(CONTINUATION, question[2:]))
    assert await raw.next() == (TEXT, endpoint.answer)


async def test_frames_may_come_byte_by_byte(raw: RawSocket, endpoint: Endpoint) -> None:
    for byte in frame(PING, b"p" * 125) + frame(TEXT, endpoint.question, length_bytes=8):
        await raw.write(bytes((byte,)))
        await asyncio.sleep(0)
    assert await raw.next() == (PONG, b"p" * 125)
    assert await raw.next() == (TEXT, endpoint.answer)


async def test_many_frames_in_one_write_are_all_answered_in_order(raw: RawSocket, endpoint: Endpoint) -> None:
    await raw.write(b"".join(frame(PING, b"%d" % number) for number in range(400)))
    assert [await raw.next() for _ in range(400)] == [(PONG, b"%d" % number) for number in range(400)]
    await raw.answers(endpoint)


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\1\0\0\0", b"\0\0\0\1"])
async def test_any_mask_will_do(raw: RawSocket, endpoint: Endpoint, mask: bytes) -> None:
    await raw.write(frame(TEXT, endpoint.question, mask=mask))
    assert await raw.next() == (TEXT, endpoint.answer)


@pytest.mark.parametrize("length_bytes", [0, 2, 8])
async def test_a_length_may_be_written_longer_than_it_must(
    raw: RawSocket, endpoint: Endpoint, length_bytes: int
) -> None:
    await raw.write(frame(TEXT, endpoint.question, length_bytes=length_bytes))
    assert await raw.next() == (TEXT, endpoint.answer)


@ignoring
@pytest.mark.parametrize("size", [125, 126, 127, 65_535, 65_536])
async def test_every_size_up_to_the_limit_is_taken(raw: RawSocket, endpoint: Endpoint, size: int) -> None:
    await raw.send(TEXT, endpoint.ignored.ljust(size, b"x"))
    await raw.answers(endpoint)


@ignoring
async def test_fragments_up_to_the_limit_are_taken_with_pings_between(
    server: Server, raw: RawSocket, endpoint: Endpoint
) -> None:
    size = LIMIT // 2 if is_inbox(server) else LIMIT // 2 - 5  # the library adds the ping to the message
    await raw.send(TEXT, endpoint.ignored.ljust(size, b"x"), final=False)
    await raw.send(CONTINUATION, b"x" * size, final=False)
    await raw.send(PING, b"still")
    await raw.send(CONTINUATION)
    assert await raw.next() == (PONG, b"still")
    await raw.answers(endpoint)


@ignoring
async def test_frames_cut_anywhere_mean_the_same(raw: RawSocket, endpoint: Endpoint) -> None:
    source = random.Random(7)
    data = b"".join(
        frame(PING, bytes([number]) * source.randrange(126)) + frame(TEXT, endpoint.ignored + b"x" * number)
        for number in range(40)
    ) + frame(TEXT, endpoint.question)
    start = 0
    while start < len(data):
        part = source.randrange(1, 200)
        await raw.write(data[start : start + part])
        start += part
    answers = [await raw.next() for _ in range(41)]
    assert [(opcode, payload[:1]) for opcode, payload in answers[:40]] == [
        (PONG, bytes([number]) if answers[number][1] else b"") for number in range(40)
    ]
    assert answers[40] == (TEXT, endpoint.answer)


async def test_a_binary_message_is_none_of_the_protocol(raw: RawSocket, endpoint: Endpoint) -> None:
    """The plain flavour ignores it; to the others it is malformed."""
    await raw.send(BINARY, b"\xff\xfe")
    if endpoint.opening:
        assert (await raw.end())[1] == (1003 if endpoint.ignored is None else 1002)
    else:
        await raw.answers(endpoint)


# what breaks the protocol

MALFORMED = {
    "not masked": frame(TEXT, b"3", mask=None),
    "a ping that is not masked": frame(PING, mask=None),
    "RSV1": frame(TEXT, b"3", reserved=4),
    "RSV2": frame(TEXT, b"3", reserved=2),
    "RSV3": frame(PING, reserved=1),
    "opcode 3": frame(3, b"3"),
    "opcode 7": frame(7, b"3"),
    "opcode 11": frame(11),
    "opcode 15": frame(15),
    "a fragmented ping": frame(PING, final=False),
    "a fragmented close": frame(CLOSE, final=False),
    "a ping of 126 bytes": frame(PING, b"x" * 126),
    "a close of 126 bytes": frame(CLOSE, b"\x03\xe8" + b"x" * 124),
    "a continuation of nothing": frame(CONTINUATION, b"3"),
    "a continuation after the end": frame(TEXT, b"3") + frame(CONTINUATION, b"3"),
    "a message within a message": frame(TEXT, b"3", final=False) + frame(TEXT, b"3"),
    "a close of one byte": frame(CLOSE, b"\3"),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_frame_ends_the_socket_with_1002(raw: RawSocket, endpoint: Endpoint, data: bytes) -> None:
    await raw.write(data)
    codes = [1002]
    if endpoint.ignored is None and data.startswith(frame(TEXT, b"3")):
        codes.append(1007)  # to the native protocol this message is malformed itself, if it is read before the rest
    assert (await raw.end())[1] in codes


@pytest.mark.parametrize("data", [b"\x01\x00", b"\xc1\x80", b"\x83\x80", b"\x89\x00", b"\x80\x80"])
async def test_a_malformed_head_is_refused_without_its_rest(server: Server, raw: RawSocket, data: bytes) -> None:
    if not is_inbox(server):
        data = data.ljust(6, b"\0")  # the library reads the mask first
    await raw.write(data)
    assert (await raw.end())[1] == 1002


NO_TEXT = {
    "overlong": b"\xc0\xaf",
    "a surrogate": b"\xed\xa0\x80",
    "beyond Unicode": b"\xf4\x90\x80\x80",
    "cut": EURO[:2],
    "a byte that is never used": b"\xff",
}


@pytest.mark.parametrize("text", NO_TEXT.values(), ids=NO_TEXT)
@pytest.mark.parametrize("is_whole", [True, False])
async def test_a_text_that_is_none_ends_the_socket_with_1007(raw: RawSocket, text: bytes, is_whole: bool) -> None:
    await raw.write(
        frame(TEXT, text) if is_whole else frame(TEXT, text[:1], final=False) + frame(CONTINUATION, text[1:])
    )
    assert (await raw.end())[1] == 1007


@ignoring
async def test_a_character_may_be_cut_between_fragments(raw: RawSocket, endpoint: Endpoint) -> None:
    await raw.write(frame(TEXT, endpoint.ignored + EURO[:1], final=False) + frame(CONTINUATION, EURO[1:]))
    await raw.answers(endpoint)


TOO_LARGE = {
    "a frame": frame(TEXT, length=LIMIT + 1),
    "16 MiB": frame(BINARY, length=2**24),
    "the largest": frame(TEXT, length=2**63 - 1),
    "larger than RFC 6455 allows": frame(TEXT, length=2**64 - 1),
    "fragments": frame(TEXT, b"x" * 40_000, final=False) + frame(CONTINUATION, length=LIMIT - 40_000 + 1),
}


@pytest.mark.parametrize("data", TOO_LARGE.values(), ids=TOO_LARGE)
async def test_a_message_that_is_too_large_ends_the_socket_at_its_head(raw: RawSocket, data: bytes) -> None:
    await raw.write(data)
    assert (await raw.end())[1] == 1009


# control frames


@pytest.mark.parametrize("payload", [b"", b"x", b"\0\xff" * 62, b"x" * 125])
async def test_a_ping_is_answered_with_its_payload(raw: RawSocket, payload: bytes) -> None:
    await raw.send(PING, payload)
    assert await raw.next() == (PONG, payload)


async def test_a_pong_without_a_ping_changes_nothing(raw: RawSocket, endpoint: Endpoint) -> None:
    await raw.write(frame(PONG) + frame(PONG, b"x" * 125))
    await raw.answers(endpoint)


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4000, 4999])
async def test_a_close_is_answered_with_its_code(raw: RawSocket, code: int) -> None:
    payload = code.to_bytes(2, "big") + "why \u20ac".encode()
    await raw.send(CLOSE, payload)
    assert await raw.end() == ([(CLOSE, payload)], code)


async def test_a_close_without_a_code_is_answered_likewise(raw: RawSocket) -> None:
    await raw.send(CLOSE)
    assert (await raw.end())[0] == [(CLOSE, b"")]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535])
async def test_a_code_that_nobody_may_send_is_1002(raw: RawSocket, code: int) -> None:
    await raw.send(CLOSE, code.to_bytes(2, "big"))
    assert (await raw.end())[1] == 1002


async def test_a_reason_that_is_no_text_is_1007(raw: RawSocket) -> None:
    await raw.send(CLOSE, b"\x03\xe8\xff\xfe")
    assert (await raw.end())[1] == 1007


async def test_what_comes_after_a_close_is_ignored(raw: RawSocket, endpoint: Endpoint) -> None:
    await raw.write(frame(CLOSE, b"\x03\xe8") + frame(TEXT, endpoint.question) + frame(PING) + b"\xff" * 10)
    assert (await raw.end())[0] == [(CLOSE, b"\x03\xe8")]


async def test_a_close_within_a_message_ends_the_socket(raw: RawSocket) -> None:
    await raw.write(frame(TEXT, b"3", final=False) + frame(CLOSE, b"\x03\xe8"))
    assert (await raw.end())[1] is not None


@ignoring
async def test_the_server_waits_for_the_answer_to_its_close(raw: RawSocket, endpoint: Endpoint) -> None:
    """And ignores messages and pings until then."""
    await raw.write(frame(TEXT, endpoint.ignored) * 121)
    opcode, payload = await raw.next()
    assert (opcode, payload) == (CLOSE, (4529).to_bytes(2, "big") + b"too_many_frames")
    await raw.write(frame(TEXT, endpoint.question) + frame(PING) + frame(CLOSE, payload))
    frames, _ = await raw.end()
    assert TEXT not in [opcode for opcode, _ in frames]


async def test_a_client_that_ends_its_side_is_let_go(raw: RawSocket) -> None:
    raw.writer.write_eof()
    assert (await raw.end())[0] == []


async def test_a_client_that_vanishes_within_a_frame_holds_nothing(
    server: Server, endpoint: Endpoint, token: str
) -> None:
    for _ in range(3):
        async with RawSocket.open(server, endpoint, token) as socket:
            await socket.write(frame(TEXT, b"3" * 60_000)[:1_000])
    async with RawSocket.open(server, endpoint, token) as socket:
        await socket.answers(endpoint)


# floods

FLOODS = {
    "pongs": (b"", frame(PONG)),
    "pings": (b"", frame(PING)),
    "empty fragments": (frame(TEXT, final=False), frame(CONTINUATION, final=False)),
    "fragments of a byte": (frame(TEXT, final=False), frame(CONTINUATION, b"3", final=False)),
    "tiny messages": (b"", frame(TEXT, b"3")),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_a_flood_ends_the_socket_and_others_are_answered_meanwhile(
    server: Server, raw: RawSocket, endpoint: Endpoint, token: str, flood: tuple[bytes, bytes]
) -> None:
    beginning, one = flood
    async with RawSocket.open(server, endpoint, token) as other:
        raw.writer.write(beginning + one * 50_000)
        for _ in range(20):
            await other.answers(endpoint)
        _, code = await raw.end()
        if endpoint.ignored is None and one == frame(TEXT, b"3"):
            assert code in (1007, None)  # no JSON object, which ends the native protocol before any limit
        else:
            assert code == 4529 if is_inbox(server) else code in (4529, None)  # the other one cuts off who still sends


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_a_flood_without_a_token_ends_likewise(server: Server, token: str, flood: tuple[bytes, bytes]) -> None:
    beginning, one = flood
    endpoint = ENDPOINTS[-1]
    async with RawSocket.connected(server) as socket, RawSocket.open(server, endpoint, token) as other:
        await socket.upgrade(endpoint.path)
        socket.writer.write(beginning + one * 50_000)
        for _ in range(20):
            await other.answers(endpoint)
        _, code = await socket.end()
        assert code == 4529 if is_inbox(server) else code in (4529, None)


@pytest.mark.parametrize("count", [600, 601])
async def test_six_hundred_frames_a_minute_are_borne(raw: RawSocket, endpoint: Endpoint, count: int) -> None:
    used = bool(endpoint.opening)  # by the CONNECT
    await raw.write(frame(PONG) * (count - 1 - used) + frame(PING, b"last"))
    if count == 600:
        assert await raw.next() == (PONG, b"last")
    else:
        assert (await raw.end())[1] == 4529


# before and around the handshake


async def test_what_comes_ahead_of_the_answer_is_dropped(server: Server, endpoint: Endpoint, token: str) -> None:
    async with RawSocket.connected(server) as socket:
        head = f"GET {endpoint.target(token)} HTTP/1.1\r\n{HEAD}".encode()
        socket.writer.write(head + frame(CLOSE) + frame(PING, b"ahead") + b"\xff" * 1_000)
        assert (await socket.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        await socket.send(TEXT, endpoint.first_text(token))
        for _ in range(endpoint.first_frames):
            assert (await socket.next())[0] == TEXT
        await socket.answers(endpoint)


async def test_a_handshake_that_never_ends_holds_up_nobody(server: Server, endpoint: Endpoint, token: str) -> None:
    async with RawSocket.connected(server) as half, RawSocket.open(server, endpoint, token) as other:
        half.writer.write(f"GET {endpoint.target(token)} HTTP/1.1\r\n{HEAD[:-2]}".encode())
        await other.answers(endpoint)
        half.writer.write(b"\r\n")
        assert (await half.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")


async def test_a_refused_client_that_goes_on_sending_is_let_go(server: Server) -> None:
    async with RawSocket.connected(server) as socket:
        socket.writer.write(f"GET /ws?token=bad HTTP/1.1\r\n{HEAD}".encode() + frame(PONG) * 10_000)
        with contextlib.suppress(ConnectionError):
            assert (await socket.reader.read()).startswith(b"HTTP/1.1 401 Unauthorized\r\n")


async def test_a_connection_may_become_a_socket_after_other_requests(
    server: Server, endpoint: Endpoint, token: str
) -> None:
    async with RawSocket.connected(server) as socket:
        for _ in range(2):
            socket.writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            head = await socket.reader.readuntil(b"\r\n\r\n")
            length = next(int(line.split()[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
            await socket.reader.readexactly(length)
        await socket.upgrade(endpoint.target(token))
        await socket.send(TEXT, endpoint.first_text(token))
        for _ in range(endpoint.first_frames):
            assert (await socket.next())[0] == TEXT
        await socket.answers(endpoint)


# clients


@pytest.mark.needs("node", "npm")
async def test_the_library_ws_of_node(server: Server, endpoint: Endpoint, token: str) -> None:
    """It sends, is answered, is pinged and pings, and closes in order."""
    home = await asyncio.to_thread(install_packages)
    process = await asyncio.create_subprocess_exec(
        *("node", "socket/ws.mjs"), cwd=home, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    plan = {
        "url": f"ws://127.0.0.1:{server.port}{endpoint.target(token)}",
        "texts": [*([endpoint.first_text(token).decode()] if endpoint.opening else []), endpoint.question.decode()],
        "answers": endpoint.first_frames + 1,
    }
    output, _ = await process.communicate(json.dumps(plan).encode())
    told = json.loads(output)
    assert endpoint.answer.decode() in told["texts"]
    assert told["pongs"] == ["from ws"]
    assert (told["code"], told["reason"], told["extensions"]) == (4000, "done", "")
