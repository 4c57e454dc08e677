"""The live connection on a clock of the test: when it tries again, and when it does not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from inbox.realtime.events import SESSION_REVOKED, TOKEN_EXPIRED, Close

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

Run = Callable[[str], Awaitable[object]]
IMPORTS = """
    const { LiveSocket } = await import("/static/socket.js");
    const { harness, settle } = await import("/fakes/socket.js");
"""


async def test_waits_longer_after_each_failure_and_never_gives_up(run_module: Run) -> None:
    tries = await run_module(
        IMPORTS
        + """
        const { clock, options, retryAfterLoss } = harness({ random: () => 1 });
        new LiveSocket(options).start();
        await settle();
        const gaps = [];
        while (clock.now < 3_600_000) gaps.push(await retryAfterLoss());
        return { first: gaps.slice(0, 7), longest: Math.max(...gaps), last: gaps.at(-1) };
        """
    )
    assert tries == {"first": [1000, 2000, 4000, 8000, 16000, 30000, 30000], "longest": 30000, "last": 30000}


async def test_jitter_takes_any_share_of_the_wait(run_module: Run) -> None:
    gaps = await run_module(
        IMPORTS
        + """
        const { options, retryAfterLoss } = harness({ random: () => 0.25 });
        new LiveSocket(options).start();
        await settle();
        return [await retryAfterLoss(), await retryAfterLoss(), await retryAfterLoss()];
        """
    )
    assert gaps == [250, 500, 1000]


async def test_pings_and_drops_a_link_that_stays_silent(run_module: Run) -> None:
    seen = await run_module(
        IMPORTS
        + """
        const { clock, log, options, last } = harness();
        new LiveSocket(options).start();
        await settle();
        const first = last();
        first.onopen();
        await clock.advance(25_000);
        first.onmessage({ data: "pong" });
        await clock.advance(25_000);
        const answered = [...log.states], pings = first.sent.length;
        await clock.advance(10_000);
        return { answered, pings, sent: first.sent, closed: first.closed, states: log.states };
        """
    )
    assert seen == {
        "answered": ["connecting", "live"],
        "pings": 2,
        "sent": ["ping", "ping"],
        "closed": 1000,
        "states": ["connecting", "live", "waiting"],
    }


async def test_gives_up_an_attempt_that_does_not_open(run_module: Run) -> None:
    states = await run_module(
        IMPORTS
        + """
        const { clock, log, options } = harness();
        new LiveSocket(options).start();
        await clock.advance(10_000);
        return [log.states, log.sockets[0].closed];
        """
    )
    assert states == [["connecting", "waiting: The socket did not open in time"], 1000]


async def test_tells_how_a_connection_ended(run_module: Run) -> None:
    ended = await run_module(
        IMPORTS
        + """
        const { clock, options, last } = harness();
        const socket = new LiveSocket(options);
        socket.start();
        const before = await socket.ended(5_000);
        await clock.advance(0);
        last().onopen();
        const late = socket.ended(5_000), closed = socket.ended(60_000);
        await clock.advance(5_000);
        const told = [before, await late];
        last().onclose({ code: 4410, reason: "subscriber_deleted" });
        return [...told, await closed];
        """
    )
    assert ended == ["connecting", "live", "refused"]


async def test_a_server_that_accepts_and_drops_is_met_ever_slower(run_module: Run) -> None:
    gaps = await run_module(
        IMPORTS
        + """
        const { clock, options, last, retryAfterLoss } = harness();
        new LiveSocket(options).start();
        await settle();
        const gaps = [];
        for (let round = 0; round < 4; round += 1) {
          last().onopen();
          gaps.push(await retryAfterLoss());
        }
        last().onopen();
        await clock.advance(5_000);
        return [...gaps, await retryAfterLoss()];
        """
    )
    assert gaps == [1000, 2000, 4000, 8000, 1000]


async def test_asks_for_a_new_session_only_after_a_try_that_never_opened(run_module: Run) -> None:
    renewals = await run_module(
        IMPORTS
        + """
        const { log, options, last, retryAfterLoss } = harness();
        new LiveSocket(options).start();
        await settle();
        last().onopen();
        await retryAfterLoss();
        await retryAfterLoss();
        last().onopen();
        await retryAfterLoss();
        return log.renewals;
        """
    )
    assert renewals == [False, False, True, False]


async def test_a_refused_session_ends_the_tries(run_module: Run) -> None:
    seen = await run_module(
        IMPORTS
        + """
        const refuse = async () => { throw Object.assign(new Error("no such application"), { terminal: true }); };
        const { clock, log, options } = harness({ url: refuse });
        const socket = new LiveSocket(options);
        socket.start();
        await clock.advance(3_600_000);
        socket.wake();
        await clock.advance(3_600_000);
        return { states: log.states, tries: log.renewals.length, pending: clock.pending };
        """
    )
    assert seen == {"states": ["connecting", "refused: no such application"], "tries": 1, "pending": 0}


async def test_a_final_close_code_ends_the_tries(run_module: Run) -> None:
    seen = await run_module(
        IMPORTS
        + """
        const { clock, log, options, last } = harness();
        new LiveSocket(options).start();
        await settle();
        last().onopen();
        last().onclose({ code: 4410, reason: "subscriber_deleted" });
        await clock.advance(3_600_000);
        return { states: log.states, sockets: log.sockets.length };
        """
    )
    assert seen == {"states": ["connecting", "live", "refused: subscriber_deleted"], "sockets": 1}


@pytest.mark.parametrize("close", [TOKEN_EXPIRED, SESSION_REVOKED], ids=lambda close: close.reason)
async def test_a_session_that_was_ended_is_renewed(run_module: Run, close: Close) -> None:
    seen = await run_module(
        IMPORTS
        + """
        const { clock, log, options, last } = harness();
        new LiveSocket(options).start();
        await settle();
        last().onopen();
        last().onclose({ code: CODE, reason: "" });
        await clock.advance(1_000);
        last().onopen();
        return { states: log.states, renewals: log.renewals };
        """.replace("CODE", str(close.code))
    )
    assert seen == {"states": ["connecting", "live", "waiting", "connecting", "live"], "renewals": [False, True]}


async def test_a_session_without_network_is_asked_for_again(run_module: Run) -> None:
    states = await run_module(
        IMPORTS
        + """
        let calls = 0;
        const { clock, log, options } = harness({ url: async () => {
          if (++calls === 1) throw new TypeError("Failed to fetch");
          return "ws://inbox.test/ws";
        } });
        new LiveSocket(options).start();
        await clock.advance(1_000);
        return [log.states, log.sockets.length];
        """
    )
    assert states == [["connecting", "waiting: Failed to fetch", "connecting"], 1]


async def test_waking_tries_at_once_and_starts_the_waits_anew(run_module: Run) -> None:
    seen = await run_module(
        IMPORTS
        + """
        const { clock, log, options, last, retryAfterLoss } = harness();
        const socket = new LiveSocket(options);
        socket.start();
        await settle();
        for (let failure = 0; failure < 6; failure += 1) await retryAfterLoss();
        last().onclose({ code: 1006, reason: "" });
        const before = log.sockets.length;
        await clock.advance(500);
        socket.wake();
        await settle();
        return { tries: log.sockets.length - before, next: await retryAfterLoss() };
        """
    )
    assert seen == {"tries": 1, "next": 1000}


async def test_waking_checks_a_live_connection(run_module: Run) -> None:
    seen = await run_module(
        IMPORTS
        + """
        const { clock, log, options, last } = harness();
        const socket = new LiveSocket(options);
        socket.start();
        await settle();
        last().onopen();
        socket.wake();
        const sent = [...last().sent];
        await clock.advance(10_000);
        return { sent, states: log.states };
        """
    )
    assert seen == {"sent": ["ping"], "states": ["connecting", "live", "waiting"]}


async def test_frames_that_are_no_events_are_passed_over(run_module: Run) -> None:
    events = await run_module(
        IMPORTS
        + """
        const { log, options, last } = harness();
        new LiveSocket(options).start();
        await settle();
        last().onopen();
        const noise = ["pong", "{", "null", "7", "{}", '{"event":3}'];
        for (const data of [...noise, '{"event":"a"}', '{"event":"b","data":{"n":1}}']) last().onmessage({ data });
        return log.events;
        """
    )
    assert events == [["a", {}], ["b", {"n": 1}]]


async def test_a_stopped_socket_stays_silent(run_module: Run) -> None:
    seen = await run_module(
        IMPORTS
        + """
        let open;
        const { clock, log, options } = harness({ url: () => new Promise((resolve) => (open = resolve)) });
        const socket = new LiveSocket(options);
        socket.start();
        socket.stop();
        open("ws://inbox.test/ws"); // the session's late answer
        await clock.advance(3_600_000);
        return { sockets: log.sockets.length, states: log.states, pending: clock.pending };
        """
    )
    assert seen == {"sockets": 0, "states": ["connecting", "stopped"], "pending": 0}
