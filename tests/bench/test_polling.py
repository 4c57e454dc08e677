"""The measurement of polls at a small fraction of its size: each poll of each kind is answered 304."""

from __future__ import annotations

from inbox.http.polls import IF_NONE_MATCH

from .performance.client import send_all
from .performance.requests import fill
from .performance.targets import open_inbox_alone
from .polling import MESSAGES, Plan, costs, load_of, polls_of


async def test_polls_are_answered_304() -> None:
    async with open_inbox_alone() as inbox:
        await inbox.create_workflow()
        await inbox.prepare(1)
        await fill(inbox, 0, MESSAGES)
        polls = await polls_of(inbox, 0)
        assert all(IF_NONE_MATCH in poll.known.lower() for poll in polls.values())
        plan = Plan(rounds=1, requests=2, pollers=len(polls), seconds=0.0)
        assert set(await costs(inbox, polls, plan)) == set(polls)
        await load_of(inbox, [*polls.values()], plan)
        whole = await send_all(inbox.port, [poll.whole for poll in polls.values()])
        known = await send_all(inbox.port, [poll.known for poll in polls.values()])
        assert (all(whole), any(known)) == (True, False)
