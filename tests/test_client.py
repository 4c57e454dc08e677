"""The JavaScript client: in Node at a service of the same process, as a package, and at a real service."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from inbox import __version__
from tests.support.client_package import PACKAGE, install_client, run
from tests.support.node import run_node_tests
from tests.support.npm import JAVASCRIPT, install_packages
from tests.support.processes import REPOSITORY
from tests.support.server import Server

TESTS = sorted(path.name for path in (JAVASCRIPT / "client").glob("*.test.mjs"))
WITH_PACKAGES = {"react.test.mjs", "vue.test.mjs"}


@pytest.mark.needs("node")
@pytest.mark.parametrize("name", [name for name in TESTS if name not in WITH_PACKAGES])
def test_client(name: str) -> None:
    """Run one file; `INBOX_SEEDS=1000` makes model.test.mjs try as many histories."""
    run("node", "--test", JAVASCRIPT / "client" / name)


@pytest.mark.needs("node", "npm")
@pytest.mark.parametrize("name", sorted(WITH_PACKAGES))
def test_framework(name: str) -> None:
    home = install_packages() / "client"
    run("node", "--import", f"file://{home / 'packages.mjs'}", "--test", home / name)


def test_every_call_and_option_is_documented() -> None:
    declared = (PACKAGE / "index.d.ts").read_text()
    page = (REPOSITORY / "docs" / "client.md").read_text()
    for name in ("class Inbox", "interface InboxOptions", "interface ListSnapshot", "interface InboxSnapshot"):
        body = declared.partition(f"{name} {{")[2].partition("\n}")[0]
        members = set(re.findall(r"^  (?:readonly )?(\w+)\??[:(]", body, re.MULTILINE)) - {"constructor"}
        assert members
        assert members <= set(re.findall(r"\w+", " ".join(re.findall(r"`[^`\n]+`", page))))


@pytest.mark.needs("node")
def test_the_types_of_the_elements_have_every_attribute_and_event() -> None:
    declared = (PACKAGE / "elements.d.ts").read_text()

    def members(interface: str) -> set[str]:
        body = declared.partition(f"export interface {interface} ")[2].partition("\n}")[0]
        return set(re.findall(r"""^  (?:readonly |[gs]et )?"?([\w-]+)"?\??[:(]""", body, re.MULTILINE))

    script = f"""import {{ reflect }} from "{PACKAGE.parent / "widget" / "attributes.js"}";
    const made = {{}}; reflect(made); console.log(JSON.stringify(Object.getOwnPropertyNames(made)));"""
    reflected = set(json.loads(run("node", "--input-type=module", "--eval", script)))
    attributes = {re.sub("[A-Z]", lambda letter: f"-{letter[0].lower()}", name) for name in reflected} | {"locale"}
    assert members("InboxFeedAttributes") | members("InboxBellAttributes") == attributes
    of_class = {"token", "strings", "renderItem", "inbox", "locale", "refresh", "open", "show", "hide"}
    assert members("InboxFeedElement") | members("InboxBellElement") == reflected | of_class
    page = (REPOSITORY / "docs" / "widget.md").read_text()
    assert members("InboxEventMap") == set(re.findall(r"^\| `(inbox-\w+)` \|", page, re.MULTILINE))


def test_package_is_of_this_release() -> None:
    assert json.loads((PACKAGE / "package.json").read_text())["version"] == __version__
    assert (PACKAGE / "LICENSE").read_text() == (REPOSITORY / "LICENSE").read_text()


@pytest.mark.needs("node", "npm")
def test_package_can_be_installed(tmp_path: Path) -> None:
    """The package has all that it exports, and its types; a script that imports it by its name runs."""
    home = install_client(tmp_path)
    description = json.loads((home / "package.json").read_text())
    assert home.relative_to(tmp_path / "node_modules") == Path(description["name"])
    assert description["exports"].keys() == {
        ".",
        "./react",
        "./vue",
        "./elements",
        "./elements/react",
        "./elements/vue",
    }
    for entry in description["exports"].values():
        assert all((home / file).is_file() for file in entry.values())
    (tmp_path / "page.mjs").write_text(f'import {{ Inbox }} from "{description["name"]}"; console.log(typeof Inbox);')
    assert run("node", "page.mjs", cwd=tmp_path) == "function\n"


@pytest.mark.needs("node", "npm")
@pytest.mark.parametrize("transport", ["socket", "events", "polling"])
async def test_at_a_real_service(fresh_server: Server, transport: str) -> None:
    story = JAVASCRIPT / "client" / "story.mjs"
    options = "--experimental-websocket"  # Node 20 has `WebSocket` only behind it
    await run_node_tests(story, fresh_server, INBOX_TRANSPORT=transport, NODE_OPTIONS=options)
