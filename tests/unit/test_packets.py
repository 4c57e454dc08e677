"""Socket.IO as it is spoken: what is understood, what is not, and what is said."""

from __future__ import annotations

import orjson
import pytest

from inbox.realtime import plain
from inbox.realtime.events import MALFORMED_PACKET, SLOW_CONSUMER, SUBSCRIBER_DELETED, SocketEvent
from inbox.realtime.frames import text_frame
from inbox.realtime.inbound import ClientFault
from inbox.realtime.socketio import packets
from inbox.realtime.socketio.heartbeat import Rhythm
from inbox.realtime.socketio.packets import CODEC, Packet, parse

UNDERSTOOD = {
    "40": Packet("connect"),
    '40{"token":"t"}': Packet("connect", "/", {"token": "t"}),
    "40/,": Packet("connect", "/"),
    "40/admin": Packet("connect", "/admin"),
    "40/admin,": Packet("connect", "/admin"),
    '40/admin,{"token":"t"}': Packet("connect", "/admin", {"token": "t"}),
    "40/admin?token=t,": Packet("connect", "/admin"),
    "41": Packet("disconnect"),
    "41/admin,": Packet("disconnect", "/admin"),
    '42["hello"]': Packet("event", "/", ["hello"]),
    '4212["hello",1]': Packet("event", "/", ["hello", 1]),
    '42/admin,7["hello"]': Packet("event", "/admin", ["hello"]),
    "437[]": Packet("ack", "/", []),
    "3": None,
    "3probe": None,
    "6": None,
}


@pytest.mark.parametrize("frame", UNDERSTOOD)
def test_a_packet_is_understood(frame: str) -> None:
    assert parse(frame) == UNDERSTOOD[frame]


MALFORMED = [
    *("", "x", "9", "2", "2probe", "ping", "{}", "4", "4x", "49", "44{}", "40[]", "40null1", '40"t"', "40{", "40{}{}"),
    *("41{}", "42", "42{}", "42[]", "42[null]", "42[", "43", "43{}", "45", '451-["a",{"_placeholder":true}]', "461-[]"),
    *("42999999999999999999999[]", "40/" + "n" * 300 + ",", "4" * 1000, b"", b"40", b"\x00", "\x00"),
    *("\uff140", "42\uff17[]"),
    "42" + "[" * 5000,
    '42["a line\n"]',
]


@pytest.mark.parametrize("frame", MALFORMED, ids=lambda frame: repr(frame[:20]))
def test_anything_else_is_not(frame: str | bytes) -> None:
    with pytest.raises(ClientFault) as fault:
        parse(frame)
    assert fault.value.close is MALFORMED_PACKET


def test_the_first_packet_names_the_heartbeat_and_no_other_transport() -> None:
    packet = packets.opening("s1", Rhythm(25.0, 20.0), 65536)
    assert packet[:1] == b"0"
    assert orjson.loads(packet[1:]) == {
        "sid": "s1",
        "upgrades": [],
        "pingInterval": 25_000,
        "pingTimeout": 20_000,
        "maxPayload": 65536,
    }


def test_answers_to_a_connect() -> None:
    assert packets.connected("s2") == b'40{"sid":"s2"}'
    assert packets.refused('no "entry"') == b'44{"message":"no \\"entry\\""}'
    assert packets.refused("Invalid namespace", "/admin") == b'44/admin,{"message":"Invalid namespace"}'


def test_an_event_is_its_name_and_its_payload() -> None:
    event = SocketEvent("unseen_count_changed", b'{"unseenCount":1,"hasMore":false}')
    packet = b'42["unseen_count_changed",{"unseenCount":1,"hasMore":false}]'
    assert CODEC.frame(event, 0) == text_frame(packet)
    parsed = parse(packet.decode())
    assert parsed == Packet("event", "/", ["unseen_count_changed", {"unseenCount": 1, "hasMore": False}])


def test_only_a_final_close_is_announced() -> None:
    assert CODEC.close_packets(SUBSCRIBER_DELETED) == text_frame(b"41")
    assert CODEC.close_packets(SLOW_CONSUMER) == plain.CODEC.close_packets(SUBSCRIBER_DELETED) == b""
