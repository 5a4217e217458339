"""The files of the Todo client."""

import gzip
import re
from collections import Counter
from pathlib import Path
from urllib.parse import urljoin

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from todo.web import client as served
from todo.web.client import AT_ROOT, FOLDER, FOR_EVER, MEDIA_TYPES, POLICY
from todo.web.headers import ALWAYS

MOST_LINES = 3_000
"""Of JavaScript, CSS and HTML together."""

NOTHING = dict(ALWAYS)[b"content-security-policy"].decode()
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> None:
    forget()


def forget() -> None:
    for read in (served.files, served.version, served.contents):
        read.cache_clear()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A client with a file of each kind, and others that are for its developers."""
    for name in ("index.html", "style.css", "app.js", "views/task.js", "service-worker.js",
                 "manifest.webmanifest", "icon.svg", "types.d.ts", "tsconfig.json",
                 "library/LICENSE", ".app.js.swp"):  # fmt: skip
        path = tmp_path / "client" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name} " * 1000)
    (tmp_path / "client" / "icon-192.png").write_bytes(b"\x89PNG")
    (tmp_path / "outside.js").write_text("secret")
    monkeypatch.setattr(served, "FOLDER", tmp_path / "client")
    return tmp_path / "client"


async def test_a_browser_gets_the_page_and_a_program_the_welcome(client: AsyncClient) -> None:
    page = await client.get("/", headers=BROWSER)
    welcome = await client.get("/")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == POLICY
    as_it_is = (FOLDER / "index.html").read_text(encoding="utf-8")
    assert page.text == as_it_is.replace("{version}", served.version())
    assert "Accept, Accept-Encoding" in page.headers.get_list("vary")
    assert welcome.json()["docs"] == "/docs"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/client/style.css", "text/css; charset=utf-8"),
        ("/client/app.js", "text/javascript; charset=utf-8"),
        ("/client/views/task.js", "text/javascript; charset=utf-8"),
        ("/client/icon.svg", "image/svg+xml"),
        ("/client/icon-192.png", "image/png"),
        ("/service-worker.js", "text/javascript; charset=utf-8"),
        ("/manifest.webmanifest", "application/manifest+json"),
        ("/favicon.ico", "image/png"),
    ],
)
async def test_a_file_is_served_with_its_type(
    client: AsyncClient, path: str, media_type: str
) -> None:
    answer = await client.get(path)
    head = await client.head(path)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-security-policy"] == (
        POLICY if path == "/service-worker.js" else NOTHING
    )
    assert head.status_code == 200
    assert head.headers["content-length"] == answer.headers["content-length"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "path",
    [
        "/client/types.d.ts",
        "/client/tsconfig.json",
        "/client/library/LICENSE",
        "/client/.app.js.swp",
        "/client/",
        "/client",
        "/client/views",
        "/client/nothing.js",
        "/client/../outside.js",
        "/client/..%2foutside.js",
        "/client/%2e%2e/outside.js",
        "/client//app.js",
        "/client/app.js%00",
        "/client/APP.JS",
    ],
)
async def test_nothing_else_is_served(client: AsyncClient, path: str) -> None:
    assert (await client.get(f"http://test{path}")).status_code == 404


def test_the_policy_allows_nothing_foreign_and_nothing_inline() -> None:
    assert POLICY.startswith("default-src 'none'")
    assert "unsafe" not in POLICY
    assert ":" not in POLICY


@pytest.mark.usefixtures("folder")
async def test_a_file_is_compressed_for_those_who_can_read_that(client: AsyncClient) -> None:
    plain = await client.get("/client/app.js", headers={"Accept-Encoding": "identity"})
    async with client.stream(
        "GET", "/client/app.js", headers={"Accept-Encoding": "br, gzip"}
    ) as it:
        compressed = b"".join([part async for part in it.aiter_raw()])

    assert "content-encoding" not in plain.headers
    assert it.headers["content-encoding"] == "gzip"
    assert gzip.decompress(compressed) == plain.content
    assert len(compressed) == int(it.headers["content-length"]) < len(plain.content)
    assert it.headers["etag"] != plain.headers["etag"]
    assert "Accept-Encoding" in it.headers.get_list("vary")
    assert "Accept-Encoding" in plain.headers.get_list("vary")


@pytest.mark.usefixtures("folder")
async def test_what_compression_makes_no_smaller_is_sent_as_it_is(client: AsyncClient) -> None:
    answer = await client.get("/client/icon-192.png", headers={"Accept-Encoding": "gzip"})

    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
@pytest.mark.usefixtures("folder")
async def test_a_browser_that_has_a_file_gets_no_second_copy(
    client: AsyncClient, encoding: str
) -> None:
    headers = {"Accept-Encoding": encoding}
    first = await client.get("/client/app.js", headers=headers)
    conditions = [
        first.headers["etag"],
        f"W/{first.headers['etag']}",
        f'"x", {first.headers["etag"]}',
    ]
    again = [
        await client.get("/client/app.js", headers={**headers, "If-None-Match": each})
        for each in conditions
    ]
    other = await client.get("/client/app.js", headers={**headers, "If-None-Match": '"x"'})

    assert [answer.status_code for answer in again] == [304, 304, 304]
    assert {answer.content for answer in again} == {b""}
    assert {answer.headers["etag"] for answer in again} == {first.headers["etag"]}
    assert other.content == first.content


async def test_a_file_is_read_once(
    client: AsyncClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Counter[str]()
    read = Path.read_bytes

    def counted(path: Path) -> bytes:
        reads[path.relative_to(folder).as_posix()] += 1
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    for _ in range(3):
        for encoding in ("gzip", "identity"):
            headers = {"Accept-Encoding": encoding}
            tag = (await client.get("/client/app.js", headers=headers)).headers["etag"]
            await client.get("/client/app.js", headers={**headers, "If-None-Match": tag})

    assert set(reads.values()) == {1}


async def test_the_page_and_its_worker_name_files_of_their_version(client: AsyncClient) -> None:
    page = await client.get("/", headers=BROWSER)
    worker = await client.get("/service-worker.js")
    named = re.findall(r'(?:src|href)="(client/[^"]*/[^"]*)"', page.text)
    (listed,) = re.findall(r'FILES = "(.*?)"', worker.text)
    files = [f"client/{served.version()}/{name}" for name in listed.split()]

    assert len(named) >= 3
    assert set(named) < set(files)
    assert "{" not in page.text
    for path in files:
        answer = await client.get(f"/{path}")
        assert (answer.status_code, answer.headers["cache-control"]) == (200, FOR_EVER)


async def test_a_version_is_of_all_files_and_no_other_is_served(
    client: AsyncClient, folder: Path
) -> None:
    versions = [served.version()]
    for change in (
        lambda: (folder / "views" / "task.js").write_text("another"),
        lambda: (folder / "views" / "task.js").rename(folder / "views" / "tag.js"),
        (folder / "icon.svg").unlink,
    ):
        change()
        forget()  # As a restart does.
        versions.append(served.version())

    assert len(set(versions)) == 4
    for version in versions:
        status = (await client.get(f"/client/{version}/app.js")).status_code
        assert status == (200 if version == versions[-1] else 404)


async def test_a_file_that_changed_has_another_tag(client: AsyncClient, folder: Path) -> None:
    before = (await client.get("/client/app.js")).headers["etag"]
    (folder / "app.js").write_text("another")
    forget()  # As a restart does.

    assert (await client.get("/client/app.js")).headers["etag"] != before


async def test_below_a_proxy_s_prefix_the_client_is_there_too(
    app: FastAPI, client: AsyncClient, folder: Path
) -> None:
    del folder
    app.root_path = "/outer"
    page = await client.get("/outer/", headers=BROWSER)

    assert page.status_code == 200
    assert (await client.get(urljoin("/outer/", "client/app.js"))).status_code == 200
    for path in AT_ROOT:
        assert (await client.get(f"/outer{path}")).status_code == 200


def test_every_file_of_the_client_is_served_or_known_to_be_for_its_developers() -> None:
    suffixes = {path.suffix for path in FOLDER.rglob("*") if path.is_file()}

    assert suffixes - MEDIA_TYPES.keys() <= {".ts", ".json", ".md", ""}


def test_the_client_stays_small_enough_to_be_read() -> None:
    ours = [path for path in FOLDER.rglob("*") if "library" not in path.parts]
    files = [path for path in ours if path.suffix in {".js", ".css", ".html"}]

    assert {path.suffix for path in files} == {".js", ".css", ".html"}
    assert 0 < sum(map(lines_of_code, files)) < MOST_LINES


def test_every_message_and_every_class_of_the_style_is_used() -> None:
    others = {"library", "messages.js"}
    ours = [path for path in FOLDER.rglob("*.js") if not others & {*path.parts}]
    code = "\n".join(path.read_text(encoding="utf-8") for path in [*ours, FOLDER / "index.html"])
    style = re.sub(r"/\*.*?\*/", "", (FOLDER / "style.css").read_text(), flags=re.DOTALL)
    selectors = " ".join(re.findall(r"([^{}]*)\{", style))
    classes = set(re.findall(r"\.([a-z][\w-]*)", selectors))
    _, _, texts = (FOLDER / "messages.js").read_text(encoding="utf-8").partition("const en = {")
    flat = re.sub(r"\{[^{}]*\}", "{}", texts)
    messages = {
        name
        for line in flat.splitlines()
        if re.match(r"  \w", line)
        for name in re.findall(r"(?:^  |, )(\w+): ", line)
    }

    assert len(classes) > 50
    assert len(messages) > 100
    assert [name for name in sorted(classes) if not re.search(rf"\b{name}\b", code)] == []
    # Some are found by a name: text[page].
    used = {name for name in messages if re.search(rf'text\.{name}\b|"{name}"', code)}
    assert messages - used == set()


def lines_of_code(path: Path) -> int:
    """As `make lines` counts: without comments and blank lines."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = map(str.strip, text.splitlines())
    return sum(1 for line in lines if line and not line.startswith("//"))
