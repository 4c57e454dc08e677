"""The store's time as a process counts it, by clocks made by hand."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from inbox import clock

STORE = 2_000_000_000.0


@dataclass
class Machine:
    """The clocks of the machine that the process runs on."""

    wall: float = STORE + 3_600
    monotonic: float = 50.0

    def sleep(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    def ask(self, store_seconds: float, took: float = 0.0) -> None:
        """The store is asked, and answers `took` seconds later."""
        asked_at = self.monotonic
        self.sleep(took)
        clock.correct(store_seconds, asked_at, self.monotonic)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(clock.time, "time", lambda: machine.wall)
    monkeypatch.setattr(clock.time, "monotonic", lambda: machine.monotonic)
    monkeypatch.setattr(clock, "_offset", None)
    return machine


def test_it_is_the_machine_s_before_the_store_was_asked(machine: Machine) -> None:
    assert (clock.now_seconds(), clock.now_ms()) == (machine.wall, int(machine.wall * 1_000))


@pytest.mark.parametrize("ahead", [-3_600.0, -5.0, 0.0, 5.0, 3_600.0])
def test_it_is_the_store_s_afterwards_and_goes_on(machine: Machine, ahead: float) -> None:
    machine.wall = STORE + ahead
    machine.ask(STORE)
    assert clock.now_seconds() == STORE
    machine.sleep(2.5)
    assert (clock.now_ms(), clock.now_us()) == ((STORE + 2.5) * 1_000, (STORE + 2.5) * 1_000_000)


def test_a_jump_of_the_machine_s_clock_changes_nothing(machine: Machine) -> None:
    machine.ask(STORE)
    machine.wall -= 86_400
    assert clock.now_seconds() == STORE


def test_a_jump_of_the_store_s_clock_is_followed(machine: Machine) -> None:
    machine.ask(STORE)
    machine.ask(STORE - 60)
    assert clock.now_seconds() == STORE - 60


def test_a_slow_answer_moves_it_no_further_than_it_proves(machine: Machine) -> None:
    machine.ask(STORE)
    machine.ask(STORE + 1, took=4)  # the store's time is now from STORE + 1 to STORE + 5
    assert clock.now_seconds() == STORE + 4
    machine.ask(STORE + 10, took=1)
    assert clock.now_seconds() == STORE + 10


def test_the_quickest_of_several_answers_decides(machine: Machine) -> None:
    machine.ask(STORE, took=2)
    machine.ask(STORE + 2, took=0.5)
    machine.ask(STORE + 2.5, took=3)
    assert clock.now_seconds() - (STORE + 5.5) <= 0.5
