"""One WebSocket on a wire made by hand: turns of the event loop, keepalive, writes and ends."""

from __future__ import annotations

import asyncio
import base64
from types import SimpleNamespace
from typing import Any

import pytest

from inbox.http.upgrade import UpgradeRequest
from inbox.realtime import keepalive, protocol
from inbox.realtime.events import SUBSCRIBER_DELETED, TOO_MANY_FRAMES, Close
from inbox.realtime.frames import PING, text_frame
from inbox.realtime.keepalive import TURNS, Keepalive
from inbox.realtime.protocol import SLICE_FRAMES, InboxWebSocketProtocol
from tests.support.raw_sockets import CLOSE, CONTINUATION, TEXT, frame
from tests.support.raw_sockets import PING as PING_OPCODE
from tests.support.raw_sockets import PONG as PONG_OPCODE

PONG = b"\x8a\x00"
CLIENT_PING = frame(PING_OPCODE)


class Wire:
    """The transport of the event loop."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.is_reading = True
        self.ended = ""

    def set_write_buffer_limits(self, high: int) -> None:
        assert high == 64 * 1024

    def write(self, data: bytes) -> None:
        assert not self.ended
        self.writes.append(data)

    def pause_reading(self) -> None:
        assert self.is_reading
        self.is_reading = False

    def resume_reading(self) -> None:
        assert not self.is_reading
        self.is_reading = True

    def is_closing(self) -> bool:
        return self.ended in ("closed", "aborted")

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = "half closed"

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"


class Client:
    """Stands for `Upgrades` and for a receiver; it accepts at once."""

    def __init__(self) -> None:
        self.messages: list[str | bytes] = []
        self.ends: list[Close] = []
        self.closings = 0
        self.socket: InboxWebSocketProtocol

    def open(self, _: UpgradeRequest, socket: InboxWebSocketProtocol) -> None:
        self.socket = socket
        socket.accept(self)

    def restart(self) -> Close:
        return Close(1012, "retry_after=0")

    def received(self, message: str | bytes) -> None:
        self.messages.append(message)

    def end(self, close: Close) -> None:
        self.ends.append(close)
        self.socket.close(close)

    def closed(self) -> None:
        self.closings += 1


class House:
    """An open socket whose answer has left."""

    def __init__(self) -> None:
        self.wire, self.client, self.keepalive = Wire(), Client(), Keepalive(20.0)
        self.server: Any = SimpleNamespace(connections=set(), tasks=set(), default_headers=[(b"date", b"today")])
        config: Any = None
        self.socket = InboxWebSocketProtocol(self.client, self.keepalive, config, self.server)  # type: ignore[arg-type]
        key = base64.b64encode(b"0123456789abcdef")
        request = UpgradeRequest("GET", "/ws", [(b"sec-websocket-key", key)])
        self.socket.begin(self.wire, request)  # type: ignore[arg-type]

    def receive(self, data: bytes) -> None:
        assert self.wire.is_reading, "data came although reading is paused"
        self.socket.data_received(data)


@pytest.fixture
async def house() -> House:
    house = House()
    await asyncio.sleep(0)
    assert house.wire.writes.pop().startswith(b"HTTP/1.1 101 Switching Protocols\r\ndate: today\r\n")
    return house


async def test_the_first_frames_leave_with_the_answer_to_the_handshake() -> None:
    house = House()
    house.socket.write(text_frame(b"first"))
    house.socket.write(text_frame(b"second"))
    await asyncio.sleep(0)
    answer, second = house.wire.writes
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert answer.endswith(b"\r\n\r\n\x81\x05first")
    assert second == b"\x81\x06second"


async def test_many_frames_are_read_in_slices_and_others_have_their_turn_between(house: House) -> None:
    house.receive(CLIENT_PING * (3 * SLICE_FRAMES + 1))
    counts = []
    while not house.wire.is_reading:
        counts.append(house.wire.writes.count(PONG))
        await asyncio.sleep(0)
    assert counts == [SLICE_FRAMES, 2 * SLICE_FRAMES, 3 * SLICE_FRAMES]
    assert house.wire.writes == [PONG] * (3 * SLICE_FRAMES + 1)


async def test_a_slice_that_ends_with_the_data_pauses_nothing(house: House) -> None:
    house.receive(CLIENT_PING * SLICE_FRAMES)
    assert (house.wire.is_reading, len(house.wire.writes)) == (True, SLICE_FRAMES)


async def test_what_comes_although_reading_is_paused_waits_for_its_turn(house: House) -> None:
    """A read may have been on its way."""
    house.receive(CLIENT_PING * (SLICE_FRAMES + 1))
    house.socket.data_received(CLIENT_PING)
    assert len(house.wire.writes) == SLICE_FRAMES
    await asyncio.sleep(0)
    assert (house.wire.is_reading, len(house.wire.writes)) == (True, SLICE_FRAMES + 2)


async def test_part_of_a_frame_behind_many_waits_for_the_rest(house: House) -> None:
    part = frame(TEXT, b"hello")
    house.receive(CLIENT_PING * (SLICE_FRAMES + 1) + part[:3])
    await asyncio.sleep(0)
    assert (house.wire.is_reading, house.client.messages) == (True, [])
    house.receive(part[3:])
    assert house.client.messages == ["hello"]


async def test_a_flood_is_read_no_further_than_its_limit(house: House) -> None:
    house.receive(CLIENT_PING * 10_000)
    turns = 0
    while not house.wire.ended:
        await asyncio.sleep(0)
        turns += 1
    assert house.client.ends == [TOO_MANY_FRAMES]
    assert house.wire.writes.count(PONG) == 600
    assert turns == 600 // SLICE_FRAMES
    assert (house.wire.ended, house.wire.is_reading) == ("half closed", True)


async def test_who_goes_on_after_its_end_is_cut_off(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_DROPPED_BYTES", 1_000)
    house.receive(frame(TEXT, mask=None))
    house.receive(b"x" * 1_000)
    assert house.wire.ended == "half closed"
    house.receive(b"x")
    assert house.wire.ended == "aborted"


async def test_a_close_while_frames_wait_is_answered_in_their_turn(house: House) -> None:
    house.receive(CLIENT_PING * (SLICE_FRAMES + 1) + frame(TEXT, b"late") + frame(CLOSE, b"\x03\xe8"))
    house.socket.close(SUBSCRIBER_DELETED)
    await asyncio.sleep(0)
    assert house.wire.writes[-1] == b"\x88\x14\x11\x3asubscriber_deleted"
    assert (house.client.messages, house.wire.ended) == ([], "closed")


async def test_pongs_do_not_pile_up_for_a_client_that_reads_nothing(house: House) -> None:
    house.socket.pause_writing()
    house.receive(CLIENT_PING * 5)
    assert (house.socket.is_writable, house.wire.writes) == (False, [])
    freed = []
    house.socket.on_writable(lambda: freed.append(True))
    house.socket.resume_writing()
    house.receive(CLIENT_PING)
    assert (house.wire.writes, freed) == ([PONG], [True])


async def test_the_fragments_of_a_byte_take_no_more_than_their_bytes(house: House) -> None:
    house.receive(frame(TEXT, final=False))
    for _ in range(100):
        house.receive(frame(CONTINUATION, b"x", final=False))
    house.receive(frame(CONTINUATION))
    assert house.client.messages == ["x" * 100]


async def test_after_a_close_nothing_is_written(house: House) -> None:
    house.socket.close(SUBSCRIBER_DELETED)
    house.socket.close(TOO_MANY_FRAMES)
    house.socket.write(text_frame(b"late"))
    house.receive(CLIENT_PING)
    assert len(house.wire.writes) == 1
    assert not house.socket.is_writable


async def test_a_client_that_does_not_answer_a_close_is_cut_off(monkeypatch: pytest.MonkeyPatch, house: House) -> None:
    monkeypatch.setattr(protocol, "CLOSE_SECONDS", 0.0)
    house.socket.close(SUBSCRIBER_DELETED)
    while house.wire.ended != "aborted":
        await asyncio.sleep(0)


async def test_a_lost_connection_is_told_once_and_left_by_all(house: House) -> None:
    assert house.server.connections == {house.socket}
    house.socket.connection_lost(None)
    assert house.server.connections == set()
    assert house.client.closings == 2  # as the receiver, and as what counts the connections
    assert not any(house.keepalive._turns)


async def test_a_stop_closes_in_words(house: House) -> None:
    house.socket.shutdown()
    assert (house.wire.writes, house.wire.ended) == ([b"\x88\x0f\x03\xf4retry_after=0"], "closed")


async def test_a_client_is_pinged_and_cut_off_when_it_does_not_answer(house: House) -> None:
    house.socket.keep_alive()
    house.receive(frame(PONG_OPCODE))
    house.socket.keep_alive()
    assert (house.wire.writes, house.wire.ended) == ([PING, PING], "")
    house.socket.keep_alive()
    assert house.wire.ended == "aborted"


async def test_a_client_that_is_closing_is_not_pinged(house: House) -> None:
    house.socket.close(SUBSCRIBER_DELETED)
    house.socket.keep_alive()
    house.socket.keep_alive()
    assert (len(house.wire.writes), house.wire.ended) == (1, "")


class Pinged:
    """A socket that counts its pings."""

    def __init__(self) -> None:
        self.pings = 0

    def keep_alive(self) -> None:
        self.pings += 1


async def test_each_socket_is_called_once_in_a_period(monkeypatch: pytest.MonkeyPatch) -> None:
    timers: list[Any] = []
    loop = SimpleNamespace(call_later=lambda seconds, call: timers.append((seconds, call)) or "timer")  # type: ignore[func-returns-value]
    monkeypatch.setattr(keepalive.asyncio, "get_running_loop", lambda: loop)
    keeper, early, late = Keepalive(20.0), Pinged(), Pinged()

    def turn() -> None:
        [(seconds, call)] = timers
        assert seconds == 20.0 / TURNS
        timers.clear()
        call()

    first = keeper.add(early)
    for _ in range(TURNS // 2):
        turn()
    second = keeper.add(late)
    assert (early.pings, late.pings, first != second) == (0, 0, True)
    for _ in range(TURNS // 2):
        turn()
    assert (early.pings, late.pings) == (1, 0)
    for _ in range(TURNS):
        turn()
    assert (early.pings, late.pings) == (2, 1)
    keeper.remove(early, first)
    keeper.remove(late, second)
    turn()
    assert timers == [], "nobody is left, and the timer runs"
    keeper.add(late)
    assert len(timers) == 1
