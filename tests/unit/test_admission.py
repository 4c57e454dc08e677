"""Which handshake is next, who waits, and who is sent away."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from inbox.errors import Unauthorized
from inbox.realtime import admission, plain
from inbox.realtime.admission import Admission, LineFull
from inbox.realtime.connection import Transport
from inbox.realtime.handshake import BUSY_RETRY_SECONDS, Handshake, Refusal, Sockets


class Guests:
    """Those who want in: each stays until it is shown out. `inside` names them in the order in which they came in."""

    def __init__(self, at_once: int, max_waiting: int) -> None:
        self.admission = Admission(at_once, max_waiting)
        self.inside: list[int] = []
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self._leave: dict[int, asyncio.Event] = {}

    async def come(self, *numbers: int) -> None:
        for number in numbers:
            self._leave[number] = asyncio.Event()
            self.tasks[number] = asyncio.create_task(self._stay(number))
        await settle()

    async def show_out(self, number: int) -> None:
        self._leave[number].set()
        await self.tasks[number]
        await settle()

    async def give_up(self, *numbers: int) -> None:
        for number in numbers:
            self.tasks[number].cancel()
        await settle()

    async def _stay(self, number: int) -> None:
        await self.admission.enter()
        try:
            self.inside.append(number)
            await self._leave[number].wait()
        finally:
            self.admission.leave()


async def settle() -> None:
    """Let every task go on as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_some_at_a_time_in_the_order_in_which_they_came() -> None:
    guests = Guests(at_once=2, max_waiting=9)
    await guests.come(1, 2, 3, 4)
    assert guests.inside == [1, 2]
    await guests.show_out(2)
    assert guests.inside == [1, 2, 3]
    await guests.show_out(1)
    assert guests.inside == [1, 2, 3, 4]


async def test_a_place_that_nobody_waits_for_is_free_again() -> None:
    guests = Guests(at_once=1, max_waiting=0)
    for number in range(3):
        await guests.come(number)
        await guests.show_out(number)
    assert guests.inside == [0, 1, 2]


async def test_beyond_the_bound_of_the_line_one_is_sent_away() -> None:
    guests = Guests(at_once=1, max_waiting=2)
    await guests.come(1, 2, 3, 4)
    with pytest.raises(LineFull):
        await guests.tasks[4]
    await guests.show_out(1)
    await guests.come(5)
    await guests.show_out(2)
    await guests.show_out(3)
    assert guests.inside == [1, 2, 3, 5]


async def test_who_gives_up_leaves_the_line() -> None:
    guests = Guests(at_once=1, max_waiting=2)
    await guests.come(1, 2, 3)
    await guests.give_up(2)
    await guests.come(4)  # in the room that it left
    await guests.show_out(1)
    await guests.show_out(3)
    assert guests.inside == [1, 3, 4]


async def test_who_gives_up_as_its_turn_comes_passes_it_on() -> None:
    guests = Guests(at_once=1, max_waiting=2)
    await guests.come(1, 2, 3)
    guests.admission.leave()  # of 1, which has left by this
    guests.tasks[2].cancel()
    await settle()
    assert guests.inside == [1, 3]


async def test_all_who_are_cancelled_at_once_leave_their_places(caplog: pytest.LogCaptureFixture) -> None:
    guests = Guests(at_once=1, max_waiting=2)
    await guests.come(1, 2, 3)
    await guests.give_up(2, 1, 3)
    for task in guests.tasks.values():
        assert task.cancelled()
    await guests.come(4)
    assert guests.inside == [1, 4]


class Door:
    """Sockets whose sessions are checked when the test says so; all tokens turn out to be wrong."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.checked: list[str] = []
        settings = SimpleNamespace(
            allowed_origins=(),
            max_sockets_per_subscriber=1,
            max_socket_queue_events=1,
            max_socket_queue_bytes=1,
            max_socket_queue_total_bytes=1,
        )
        services: Any = SimpleNamespace(settings=settings, sessions=self)
        self.sockets = Sockets(services, None, None)  # type: ignore[arg-type]

    async def check(self, token: str) -> None:
        self.checked.append(token)
        await self.opened.wait()
        raise Unauthorized

    def knock(self, token: str, *, is_there: bool = True) -> asyncio.Task[Refusal]:
        return asyncio.create_task(self._refusal(token, SimpleNamespace(has_ended=not is_there)))

    async def _refusal(self, token: str, transport: Transport | Any) -> Refusal:
        with pytest.raises(Refusal) as refused:
            await self.sockets.open(Handshake(token, None, None), transport, plain.CODEC)
        return refused.value


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    monkeypatch.setattr(admission, "AT_ONCE", 1)
    monkeypatch.setattr(admission, "MAX_WAITING", 2)
    return Door()


async def test_handshakes_beyond_the_bound_are_told_to_come_later(door: Door) -> None:
    waiting = [door.knock(token) for token in ("a", "b", "c")]
    await settle()
    refusals = [await door.knock("d") for _ in range(200)]
    assert door.checked == ["a"]
    assert {refusal.status for refusal in refusals} == {503}
    seconds = {refusal.retry_after_seconds for refusal in refusals}
    assert seconds <= set(range(BUSY_RETRY_SECONDS[0], BUSY_RETRY_SECONDS[1] + 1))
    assert len(seconds) > 1  # else all would come back together
    assert all(refusal.is_outage for refusal in refusals)  # a Socket.IO client must not take it for the last word
    door.opened.set()
    assert [refusal.status for refusal in await asyncio.gather(*waiting)] == [401] * 3
    assert door.checked == ["a", "b", "c"]


async def test_a_client_that_has_left_costs_the_store_nothing(door: Door) -> None:
    waiting = [door.knock("a"), door.knock("b", is_there=False), door.knock("c")]
    await settle()
    door.opened.set()
    await asyncio.gather(*waiting)
    assert door.checked == ["a", "c"]
