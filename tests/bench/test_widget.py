"""The measurement of the widget at a fraction of its size: it scrolls to the end, and few rows are in the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from .widget import measure, render

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey")]


async def test_a_feed_is_scrolled_to_its_end_with_few_rows(tmp_path: Path) -> None:
    found = await measure(120, tmp_path / "trace.json")
    assert 0 < found.rows < 40
    assert len(found.frames) > 10
    assert len(found.task_cpu_ms) > len(found.frames)
    assert "120 are scrolled through" in render(found, 120)
