"""The widget's files as they are sent: scripts are minified, compressed and revalidated."""

from __future__ import annotations

import gzip
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from inbox.routes.static import (
    BUNDLE,
    DIGEST,
    STATIC_FOLDER,
    Modules,
    StaticScript,
    accepted_encodings,
    digest_of_sources,
)
from tests.support.server import Server


@pytest.fixture
async def client(production: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client that asks for no encoding unless a test says so."""
    async with httpx.AsyncClient(
        base_url=production.url, trust_env=False, headers={"Accept-Encoding": "identity"}
    ) as client:
        yield client


async def test_how_a_script_is_sent(client: httpx.AsyncClient) -> None:
    answer = await client.get("/static/client/inbox.js")
    assert answer.content == (STATIC_FOLDER / "client" / "inbox.js").read_bytes()
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache"


async def test_a_compressed_script_is_the_same_script(client: httpx.AsyncClient) -> None:
    plain = await client.get("/static/client/inbox.js")
    async with client.stream("GET", "/static/client/inbox.js", headers={"Accept-Encoding": "br, gzip"}) as answer:
        sent = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) == len(sent) < len(plain.content) / 2
    assert gzip.decompress(sent) == plain.content
    assert answer.headers["etag"] != plain.headers["etag"]
    for one in (answer, plain):
        assert "Accept-Encoding" in one.headers.get_list("vary")


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_a_script_is_revalidated(client: httpx.AsyncClient, encoding: str) -> None:
    headers = {"Accept-Encoding": encoding}
    answer = await client.get("/static/inbox.js", headers=headers)
    again = await client.get(
        "/static/inbox.js", headers={**headers, "If-None-Match": f'"x", W/{answer.headers["etag"]}'}
    )
    other = await client.get("/static/inbox.js", headers={**headers, "If-None-Match": '"x"'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    assert again.headers["cache-control"] == "no-cache"
    assert (other.status_code, other.content) == (200, answer.content)


@pytest.mark.parametrize("path", ["/static/inbox.js", "/static/client/index.d.ts"])
async def test_head_says_what_get_sends(client: httpx.AsyncClient, path: str) -> None:
    got, asked = await client.get(path), await client.head(path)
    assert (asked.status_code, asked.content) == (200, b"")
    for name in ("etag", "content-length", "content-type", "cache-control"):
        assert asked.headers[name] == got.headers[name]


async def test_a_part_of_a_script_is_the_whole(client: httpx.AsyncClient) -> None:
    """RFC 9110 lets a server ignore `Range`; a browser asks for none of a script."""
    whole = await client.get("/static/inbox.js")
    part = await client.get("/static/inbox.js", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (200, whole.content)
    assert "accept-ranges" not in part.headers


async def test_what_is_no_script_is_sent_as_it_is(client: httpx.AsyncClient) -> None:
    answer = await client.get("/static/client/index.d.ts", headers={"Accept-Encoding": "gzip"})
    assert answer.content == (STATIC_FOLDER / "client" / "index.d.ts").read_bytes()
    assert "content-encoding" not in answer.headers


async def sent(files: Modules, path: str) -> str:
    scope = {"type": "http", "method": "GET", "path": f"/static/{path}", "path_params": {"path": path}, "headers": []}
    return bytes((await files.get_response(files.get_path(scope), scope)).body).decode()


async def test_a_script_that_changes_on_disk_is_read_again(tmp_path: Path) -> None:
    script = tmp_path / "a.js"
    files = Modules(tmp_path)
    for changed_at, text in enumerate(("const one = 1;", "const two = 2;")):
        script.write_text(text)
        os.utime(script, (changed_at, changed_at))
        assert await sent(files, "a.js") == text


async def test_a_bundle_of_these_sources_stands_in_their_place(tmp_path: Path) -> None:
    """One that was made of other sources does not: it would hide what was changed."""
    (tmp_path / "part").mkdir()
    (tmp_path / "a.js").write_text("source")
    (tmp_path / "part" / "b.js").write_text("part")
    bundle = tmp_path / BUNDLE
    bundle.mkdir()
    (bundle / "a.js").write_text("bundle")
    (bundle / "chunk-1.js").write_text("chunk")
    assert await sent(Modules(tmp_path), "a.js") == "source", "nothing says of what it was made"
    (bundle / DIGEST).write_text(digest_of_sources(tmp_path))
    files = Modules(tmp_path)
    assert [await sent(files, path) for path in ("a.js", "chunk-1.js", "part/b.js")] == ["bundle", "chunk", "part"]
    (tmp_path / "part" / "b.js").write_text("changed")
    files = Modules(tmp_path)
    assert [await sent(files, path) for path in ("a.js", "part/b.js")] == ["source", "changed"]


async def test_a_script_of_a_bundle_has_its_own_best_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("plain")
    (tmp_path / "a.js.br").write_bytes(b"small")
    script = StaticScript(str(tmp_path / "a.js"))
    answers = {name: script.response({name}) for name in ("br", "gzip", "deflate")}
    assert [answer.headers.get("content-encoding") for answer in answers.values()] == ["br", "gzip", None]
    assert (answers["br"].body, answers["deflate"].body) == (b"small", b"plain")
    assert gzip.decompress(bytes(answers["gzip"].body)) == b"plain"
    assert len({answer.headers["etag"] for answer in answers.values()}) == 3
    assert script.response({"br", "gzip"}).headers["content-encoding"] == "br"
    (tmp_path / "a.js.gz").write_bytes(b"smaller")
    assert StaticScript(str(tmp_path / "a.js")).response({"gzip"}).body == b"smaller"


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        *(("gzip", {"gzip"}), ("br, gzip", {"br", "gzip"}), ("GZIP;q=0.5", {"gzip"}), ("*", {"*", "gzip"})),
        *(("gzip ; q=1.0", {"gzip"}), ("gzip;q=0", set()), ("br;q=0.000, gzip", {"gzip"}), ("*, gzip;q=0", {"*"})),
        *(("xgzip", {"xgzip"}), ("gzip;q=nonsense", {"gzip"})),
    ],
)
def test_accept_encoding(header: str, accepted: set[str]) -> None:
    assert accepted_encodings(header) == accepted
