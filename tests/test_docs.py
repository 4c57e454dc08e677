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


WIDGET = text("docs/widget.md")
STATIC = {path.name: path.read_text() for path in (ROOT / "static").glob("*.js")}
LIFECYCLE = {"constructor", "connectedCallback", "disconnectedCallback", "attributeChangedCallback"}


def table(title: str) -> list[list[str]]:
    """The cells of the first table of the widget's page whose head begins with this title."""
    _, _, rest = WIDGET.partition(f"| {title} |")
    lines = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def named(title: str, column: int = 0) -> list[list[str]]:
    """The code of each row's cell in that column."""
    return [re.findall("`([^`]+)`", row[column]) for row in table(title)]


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


def test_the_widget_s_attributes_are_documented() -> None:
    (listed,) = re.findall(r"observedAttributes = \[(.*)\]", STATIC["inbox.js"])
    assert named("Attribute") == [[name] for name in re.findall('"([^"]+)"', listed)]


def test_the_widget_s_members_are_documented() -> None:
    body = STATIC["inbox.js"].partition("export class InboxBell")[2].partition("\n}\n")[0]
    accessors = set(re.findall(r"^  (?:get|set) (\w+)\(", body, re.MULTILINE))
    methods = set(re.findall(r"^  (\w+)\(", body, re.MULTILINE)) - LIFECYCLE
    assert {name for [name] in named("Name")} == accessors | {f"{name}()" for name in methods}


def test_the_widget_s_events_are_documented() -> None:
    sent = dict(re.findall(r"#dispatch\(\"([^\"]+)\", (?:\{ )?([\w, ]+)", STATIC["inbox.js"]))
    failure = STATIC["session.js"].partition("@typedef {object} Failure")[2].partition("*/")[0]
    operations = re.findall('"([^"]+)"', failure.partition("operation")[0])
    sent["inbox-error"] = ", ".join(re.findall(r"\} \[?(\w+)\]?", failure))
    details = [", ".join(names).strip() for names in named("Event", 1)]
    assert dict(zip([name for [name] in named("Event")], details, strict=True)) == {
        name: detail.strip() for name, detail in sent.items()
    }
    assert named("`operation`") == [[name] for name in operations]


def test_the_widget_s_notification_is_documented() -> None:
    fields = STATIC["feed.js"].partition("@typedef {object} Notification")[2].partition("*/")[0]
    (documented,) = re.findall(r"^`notification` has (.*?), as \[", WIDGET, re.MULTILINE | re.DOTALL)
    assert set(re.findall("`([^`]+)`", documented)) == set(re.findall(r"\} \[?(\w+)\]?", fields))
    typed = WIDGET.partition("interface InboxNotification {")[2].partition("}")[0]
    assert set(re.findall(r"(\w+)\??:", typed)) == set(re.findall(r"\} \[?(\w+)\]?", fields))


def test_the_widget_s_custom_properties_are_documented() -> None:
    light, _, dark = STATIC["style.js"].partition("prefers-color-scheme: dark")
    defaults = [dict(re.findall(r"var\((--inbox-[\w-]+), ([^)]+)\)", sheet)) for sheet in (light, dark)]
    width = defaults[1].pop("--inbox-width")  # it stands below the colours and is the same in both
    documented = {
        name: (row[1].strip("`"), row[2].strip("`"))
        for [name], row in zip(named("Custom property"), table("Custom property"), strict=True)
    }
    assert documented == {
        name: (default, defaults[1].get(name, "")) for name, default in {**defaults[0], "--inbox-width": width}.items()
    }


def test_the_widget_s_parts_are_documented() -> None:
    parts = re.findall(r'part: "([^"]+)"', STATIC["view.js"] + STATIC["row.js"])
    assert sorted(name for [name] in named("Part")) == sorted(parts)


def test_every_script_tells_its_keys_and_arguments() -> None:
    for path in (ROOT / "inbox/store/lua").glob("[!_]*.lua"):
        head = path.read_text().partition("\nlocal ")[0]
        assert "KEYS:" in head, path.name
        assert "ARGV:" in head, path.name
        assert "Returns" in head, path.name
