"""The measurement of catching up at a small fraction of its size: all recover, and nobody is sent a list."""

from __future__ import annotations

import json

from .catch_up import BOTH, CATCH_UP, LISTEN, MISSED, REFETCH, WAYS, Crowd, rows
from .polling import MESSAGES

CLIENTS = 8


async def test_all_recover_and_no_list_is_read() -> None:
    async with Crowd.open(CLIENTS) as crowd:
        storms = await crowd.round([*WAYS])
    assert {way: len(storm.answers) for way, storm in storms.items()} == dict.fromkeys(WAYS, CLIENTS)
    by_client = zip(*(storms[way].answers for way in (CATCH_UP, REFETCH, BOTH, LISTEN)), strict=True)
    for [answer], [page, count], [*same, frame], [same_frame] in by_client:
        result, listed = json.loads(answer)["result"], json.loads(page)["data"]
        assert (result["recovered"], "list" in result) == (True, False)
        created = [change["created"]["id"] for change in result["changes"]]
        assert created == [item["id"] for item in reversed(listed[:MISSED])]
        assert len(listed) == MESSAGES
        assert json.loads(count)["data"][0]["count"] == result["counts"]["unread"] == MESSAGES + MISSED
        assert same == [page, count]
        assert {json.loads(text)["event"] for text in (frame, same_frame)} == {"unseen_count_changed"}
    assert storms[CATCH_UP].bytes < storms[REFETCH].bytes / 3 < storms[BOTH].bytes / 3
    assert [row[0] for row in rows([storms], CLIENTS)] == [*WAYS]
