"""The feed's state: events and loads in any interleaving lead to what the service holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

Run = Callable[[str], Awaitable[object]]
IMPORTS = """
    const { Feed, fromMessage } = await import("/static/feed.js");
    const { message, notification, play } = await import("/fakes/feed.js");
    const shown = (feed) => feed.items.map(({ subject }) => Number(subject.split(" ")[1]));
    const loaded = (items, hasMore) => {
      const feed = new Feed();
      feed.replace(items, hasMore, feed.watch());
      return feed;
    };
"""


async def test_a_message_received_twice_is_shown_and_announced_once(run_module: Run) -> None:
    seen = await run_module(
        IMPORTS
        + """
        const feed = loaded([notification(1)], false);
        const first = feed.apply("notification_received", { message: message(2) });
        const second = feed.apply("notification_received", { message: message(2) });
        return [shown(feed), first.received.subject, second.received ?? null];
        """
    )
    assert seen == [[2, 1], "subject 2", None]


async def test_events_during_a_load_outlast_its_older_answer(run_module: Run) -> None:
    seen = await run_module(
        IMPORTS
        + """
        const feed = loaded([notification(2), notification(1)], false);
        const watch = feed.watch();
        feed.apply("notification_received", { message: message(3) });
        feed.apply("notification_updated", { message: message(2, { read: true }) });
        feed.apply("notification_updated", { removed: [message(1)._id] });
        feed.apply("unread_count_changed", { counts: { total: 1 } });
        feed.replace([notification(2), notification(1)], false, watch);
        feed.setUnread(2, watch);
        return [shown(feed), feed.items.map(({ isRead }) => isRead), feed.unread];
        """
    )
    assert seen == [[3, 2], [False, True], 1]


async def test_events_before_a_load_give_way_to_it(run_module: Run) -> None:
    seen = await run_module(
        IMPORTS
        + """
        const feed = loaded([notification(1)], false);
        feed.apply("notification_received", { message: message(2) });
        feed.apply("unread_count_changed", { counts: { total: 7 } });
        const watch = feed.watch();
        feed.replace([notification(3), notification(2, { isRead: true })], false, watch);
        feed.setUnread(1, watch);
        return [shown(feed), feed.items.map(({ isRead }) => isRead), feed.unread];
        """
    )
    assert seen == [[3, 2], [False, True], 1]


async def test_what_lies_below_the_window_waits_for_its_page(run_module: Run) -> None:
    seen = await run_module(
        IMPORTS
        + """
        const open = loaded([notification(9), notification(8)], true);
        open.apply("notification_updated", { message: message(3, { read: true }) });
        const whole = loaded([notification(9), notification(8)], false);
        whole.apply("notification_updated", { message: message(3, { read: true }) });
        const before = shown(open);
        open.append([notification(7), notification(3, { isRead: true })], false, open.watch());
        return [before, shown(open), shown(whole), open.hasMore];
        """
    )
    assert seen == [[9, 8], [9, 8, 7, 3], [9, 8, 3], False]


async def test_a_load_leaves_no_gap_below_it(run_module: Run) -> None:
    """Much came while the page was cut off: an old row, touched meanwhile, must not hide what lies between."""
    seen = await run_module(
        IMPORTS
        + """
        const feed = loaded([notification(2), notification(1)], false);
        const watch = feed.watch();
        feed.apply("notification_updated", { message: message(1, { read: true }) });
        feed.replace([notification(9), notification(8)], true, watch);
        return [shown(feed), feed.hasMore];
        """
    )
    assert seen == [[9, 8], True]


async def test_archived_and_snoozed_ones_leave_the_view(run_module: Run) -> None:
    seen = await run_module(
        IMPORTS
        + """
        const feed = loaded([notification(3), notification(2), notification(1)], false);
        feed.apply("notification_updated", { message: message(3, { archived: true }) });
        feed.apply("notification_updated", { message: message(2, { snoozedUntil: "2030-01-01T00:00:00.000Z" }) });
        return shown(feed);
        """
    )
    assert seen == [1]


async def test_the_pressed_button_is_the_one_that_is_done(run_module: Run) -> None:
    actions = await run_module(
        IMPORTS
        + """
        const buttons = [
          { type: "primary", content: "Accept", url: "/accept", target: "_self" },
          { type: "secondary", content: "Decline" },
        ];
        const pressed = { status: "done", buttons, result: { type: "primary" } };
        const cta = { data: { url: "/invitation", target: "_blank" }, action: pressed };
        const { primaryAction, secondaryAction, redirect } = fromMessage(message(1, { cta }));
        const bare = fromMessage(message(2, { cta: {} }));
        return { primaryAction, secondaryAction: { ...secondaryAction }, redirect, bare: bare.primaryAction ?? null };
        """
    )
    assert actions == {
        "primaryAction": {"label": "Accept", "isCompleted": True, "redirect": {"url": "/accept", "target": "_self"}},
        "secondaryAction": {"label": "Decline", "isCompleted": False, "redirect": None},
        "redirect": {"url": "/invitation", "target": "_blank"},
        "bare": None,
    }


async def test_any_interleaving_of_events_and_loads_ends_in_the_service_s_state(run_module: Run) -> None:
    different = await run_module(
        IMPORTS + "return [...Array(1000).keys()].filter((seed) => !play(Feed, seed));",
    )
    assert different == []
