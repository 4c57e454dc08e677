"""The docs name everything there is: settings, errors, paths, events, close codes, keys."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from inbox import errors
from inbox.jobs import background_jobs
from inbox.metrics import METRICS
from inbox.models.webhook import EVENT_TYPES
from inbox.realtime import events
from inbox.routes import all_routes
from inbox.services import Services
from inbox.settings import Settings, variable_name
from inbox.steps import STEP_TYPES
from inbox.store.client import Client, topology_of
from inbox.store.rows import FeedCounts
from tests.test_compatibility import expand

ROOT = Path(__file__).parents[1]


def text(name: str) -> str:
    return (ROOT / name).read_text()


PAGES = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
WRITTEN_PATH = re.compile(r"(?<![\w}/…])/[\w./{},-]+")
NAMED_PATH = re.compile(r"`((?:\.ci|deploy|docs|inbox|requirements|static|tests)/[\w./-]*\w/?)`")
WIDGET = text("docs/widget.md")
STATIC = {path.name: path.read_text() for path in [ROOT / "static/inbox.js", *(ROOT / "static/widget").glob("*.js")]}
LIFECYCLE = {"constructor", "connectedCallback", "disconnectedCallback", "attributeChangedCallback"}
FOR_THE_VIEW = {
    "parsed",
    "loadAgain",
    "loadView",
    "makeView",
    "dropView",
    "draw",
    "render",
    "dispatch",
    "announce",
    "fail",
}


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
    {route.path.removesuffix("/{path:path}") for route in all_routes(with_demo=True, with_console=True)} - {"/"}
)
CLOSES = [value for value in vars(events).values() if isinstance(value, events.Close)]


@pytest.mark.parametrize("name", [variable_name(name) for name in Settings.model_fields])
def test_every_setting_is_documented(name: str) -> None:
    assert name in text("docs/settings.md")


def test_the_table_of_background_jobs_is_that_of_the_code() -> None:
    client = Client(topology_of("redis://127.0.0.1"))  # it connects to nothing
    jobs = background_jobs(Services(Settings(), client), client.close, client.close)
    rows = [f"| {job.name} | {job.period_seconds:g} s | {job.purpose} |" for job in jobs.values()]
    _, _, rest = text("docs/architecture.md").partition("| Job | Period | Purpose |\n|---|---|---|\n")
    assert rest.partition("\n\n")[0].splitlines() == rows


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_is_documented(name: str) -> None:
    assert f"`{name}`" in text("docs/errors.md")


@pytest.mark.parametrize("path", PATHS)
def test_every_path_is_documented(path: str) -> None:
    pages = ("protocol", "backend-api", "page-api", "sockets", "compatibility")
    written = WRITTEN_PATH.findall("".join(text(f"docs/{page}.md") for page in pages))
    assert path.rstrip("/") in {one.rstrip("/.,") for compact in written for one in expand(compact)}


@pytest.mark.parametrize("name", events.EVENTS)
def test_every_event_is_documented(name: str) -> None:
    assert f"\n| `{name}` | {events.EVENTS[name]} |\n" in text("docs/sockets.md")


def test_every_event_is_in_the_table() -> None:
    made = [*events.count_events(FeedCounts()), events.notifications_refetch(), events.notification_received({})]
    assert {event.name for event in made} == set(events.EVENTS)


@pytest.mark.parametrize("close", CLOSES, ids=lambda close: close.reason)
def test_every_close_code_is_documented(close: events.Close) -> None:
    assert f"| {close.code} | `{close.reason}`" in text("docs/sockets.md")


def test_every_close_code_has_one_reason() -> None:
    assert len({close.code for close in CLOSES}) == len(CLOSES)


def test_the_table_of_metrics_is_that_of_the_code() -> None:
    rows = [
        f"| `{metric.name}` | {metric.kind} | {', '.join(f'`{label}`' for label in metric.labels)} | {metric.meaning} |"
        for metric in METRICS.values()
    ]
    _, _, rest = text("docs/monitoring.md").partition("| Name | Kind | Labels | Meaning |\n|---|---|---|---|\n")
    assert rest.partition("\n\n")[0].splitlines() == rows


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_every_webhook_event_is_documented(name: str) -> None:
    assert f"\n| `{name}` | " in text("docs/webhooks.md")


@pytest.mark.parametrize("name", STEP_TYPES)
def test_every_step_type_is_documented(name: str) -> None:
    assert f"type: {name}\n" in text("docs/workflows.md")
    assert f"`{name}`" in text("docs/compatibility.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text(page)):
        assert (ROOT / page).parent.joinpath(target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_every_anchor_is_there(page: str) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", text(page)):
        document = (ROOT / page).parent.joinpath(target).read_text() if target else text(page)
        assert anchor in anchors(document), f"{target}#{anchor}"


def anchors(document: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them, and those that it sets itself."""
    headings = [re.sub(r"[^\w\- ]", "", line.lower()) for line in re.findall(r"^#+ (.*)$", document, re.MULTILINE)]
    return {heading.replace(" ", "-") for heading in headings} | set(re.findall(r'<a id="([^"]+)"', document))


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_exists(page: str) -> None:
    for path in NAMED_PATH.findall(text(page)):
        assert (ROOT / path).exists(), path


def test_imports_go_one_way() -> None:
    """`docs/architecture.md` lists the packages; each imports from its own line and from those above."""
    listed = re.findall(r"```imports\n(.*?)```", text("docs/architecture.md"), re.DOTALL)[0]
    line_of = {name: number for number, line in enumerate(listed.splitlines(), 1) for name in line.split()}
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "inbox").rglob("*.py")]
    for file in sorted(set(files) - {"inbox/__init__.py", "inbox/__main__.py"}):
        for imported in imports_of(file):
            assert line_of[_package(imported)] <= line_of[_package(file)], f"{file} imports {imported}"


def imports_of(file: str) -> Iterator[str]:
    """Yield the modules of ours that a module imports, as files; a package as its folder."""
    for node in ast.walk(ast.parse(text(file))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("inbox."):
            yield f"{node.module.replace('.', '/')}.py"
        elif isinstance(node, ast.ImportFrom) and node.module == "inbox":
            yield from (f"inbox/{alias.name}.py" for alias in node.names if alias.name != "__version__")


def _package(file: str) -> str:
    return file.split("/")[1].removesuffix(".py")


def test_the_widget_s_attributes_are_documented() -> None:
    lists = re.findall(r"^(?:export )?const (?:SESSION|VIEW|LOOKS) = \[(.*)\]", STATIC["attributes.js"], re.MULTILINE)
    assert [name for names in named("Attribute") for name in names] == [
        *re.findall('"([^"]+)"', " ".join(lists)),
        "open",
    ]


def test_the_widget_s_members_are_documented() -> None:
    bodies = [STATIC[name].partition("extends")[2].partition("\n}\n")[0] for name in ("element.js", "bell.js")]
    accessors = set(re.findall(r"^  (?:get|set) (\w+)\(", "\n".join(bodies), re.MULTILINE)) - {"state"}
    methods = set(re.findall(r"^  (?:async )?(\w+)\(", "\n".join(bodies), re.MULTILINE)) - LIFECYCLE - FOR_THE_VIEW
    assert {name for [name] in named("Name")} == accessors | {f"{name}()" for name in methods}


def test_the_widget_s_events_are_documented() -> None:
    told = dict(zip([name for [name] in named("Event")], [sorted(names) for names in named("Event", 1)], strict=True))
    sent = re.findall(r"dispatch\(\"(inbox-\w+)\"", "".join(STATIC.values()))
    assert sorted(told) == sorted(set(sent))
    failure = STATIC["session.js"].partition("@typedef {object} Failure")[2].partition("*/")[0]
    assert told["inbox-error"] == sorted(re.findall(r"\} \[?(\w+)\]?", failure))
    counts = text("static/client/index.d.ts").partition("interface Counts {")[2].partition("\n}")[0]
    assert told["inbox-count"] == sorted(re.findall(r"readonly (\w+)", counts))
    operations = re.findall('"([^"]+)"', failure.partition("operation")[0])
    assert named("`operation`") == [[name] for name in operations]


def test_the_widget_s_actions_are_documented() -> None:
    types = "".join(
        re.findall(r"@typedef \{(\"[^}]*)\} (?:ItemAction|ActionType|BulkAction)\b", "".join(STATIC.values()))
    )
    offered = set(re.findall(r"offer\(\"(\w+)\"", STATIC["changes.js"]))
    (documented,) = re.findall(r"^`action` is (.*?)\.$", WIDGET, re.MULTILINE | re.DOTALL)
    assert set(re.findall("`([^`]+)`", documented)) == offered | set(re.findall('"([^"]+)"', types))


def test_the_widget_s_notification_is_documented() -> None:
    declared = text("static/client/index.d.ts").partition("interface Notification {")[2].partition("\n}")[0]
    fields = set(re.findall(r"^  readonly (\w+)\??:", declared, re.MULTILINE))
    (documented,) = re.findall(r"^`notification` has (.*?), as \[", WIDGET, re.MULTILINE | re.DOTALL)
    assert set(re.findall("`([^`]+)`", documented)) == fields


def test_the_widget_s_custom_properties_are_documented() -> None:
    sheets = STATIC["theme.js"] + STATIC["style.js"]
    used = dict(re.findall(r"var\((--inbox-[\w-]+), (light-dark\([^)]*\)|[^,();]+)", sheets))
    defaults = {name: re.findall(r"[^\s,()]+", value.removeprefix("light-dark")) for name, value in used.items()}
    documented = {
        name: [value.strip("`") for value in row[1:3] if value]
        for [name], row in zip(named("Custom property"), table("Custom property"), strict=True)
    }
    assert documented == defaults


def test_the_widget_s_parts_and_slots_are_documented() -> None:
    modules = "".join(STATIC.values())
    parts = set(re.findall(r'part: "([^"]+)"|"part", "([^"]+)"', modules))
    slots = re.findall(r'make\("slot", \{ name: "(\w+)"', modules)
    assert {name for names in named("Part") for name in names} == {one or other for one, other in parts}
    assert sorted(name for [name] in named("Slot")) == sorted(slots)


def test_the_widget_s_keys_are_documented() -> None:
    listed = STATIC["keys.js"].partition("const KEYS = [")[2].partition("\n];")[0]
    keys = re.findall('"([^"]+)"', "".join(re.findall(r"^  \[(\[.*?\])", listed, re.MULTILINE)))
    signs = {"ArrowDown": "↓", "ArrowUp": "↑"}
    told = [re.sub(r"</?kbd>", "", row[0]) for row in table("Key")]
    assert [signs.get(key, key.replace("+", " ")) for key in keys] == re.findall(
        r"Shift I|[^\s,]+", " ".join(told).replace(" or ", " ").removesuffix(" Escape")
    )


def test_every_script_tells_its_keys_and_arguments() -> None:
    for path in (ROOT / "inbox/store/lua").glob("[!_]*.lua"):
        head = path.read_text().partition("\nlocal ")[0]
        assert "KEYS:" in head, path.name
        assert "ARGV:" in head, path.name
        assert "Returns" in head, path.name
