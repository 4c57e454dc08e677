"""The docs name everything there is: settings, errors, paths, events, close codes, keys."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from starlette.routing import Mount, Route, WebSocketRoute

from inbox import errors, events
from inbox.routes import all_routes
from inbox.settings import Settings, variable_name

ROOT = Path(__file__).parents[1]


def text(name: str) -> str:
    return (ROOT / name).read_text()


ERRORS = [
    name
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, errors.InboxError | errors.StartupError)
]
PATHS = sorted(
    {route.path for route in all_routes(with_demo=True) if isinstance(route, Route | WebSocketRoute | Mount)} - {"/"}
)
EVENTS = [value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)]
CLOSES = [value for value in vars(events).values() if isinstance(value, events.Close)]


@pytest.mark.parametrize("name", [variable_name(name) for name in Settings.model_fields])
def test_every_setting_is_documented(name: str) -> None:
    assert name in text("docs/settings.md")


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_is_documented(name: str) -> None:
    assert f"`{name}`" in text("docs/errors.md")


@pytest.mark.parametrize("path", PATHS)
def test_every_path_is_documented(path: str) -> None:
    named = text("docs/protocol.md") + text("docs/compatibility.md")
    beginning, _, last = path.rpartition("/")
    assert path in named or (beginning in named and last in named)


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_is_documented(name: str) -> None:
    assert f"`{name}`" in text("docs/protocol.md")


@pytest.mark.parametrize("close", CLOSES, ids=lambda close: close.reason)
def test_every_close_reason_is_documented(close: events.Close) -> None:
    assert f"`{close.reason}`" in text("docs/protocol.md")


@pytest.mark.parametrize("page", [*sorted(path.name for path in (ROOT / "docs").glob("*.md")), "../README.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", text(f"docs/{page}")):
        assert (ROOT / "docs" / page).parent.joinpath(target).exists(), target


def test_every_script_tells_its_keys_and_arguments() -> None:
    for path in (ROOT / "inbox/store/lua").glob("[!_]*.lua"):
        head = path.read_text().partition("\nlocal ")[0]
        assert "KEYS:" in head, path.name
        assert "ARGV:" in head, path.name
        assert "Returns" in head, path.name
