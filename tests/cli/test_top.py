"""`wellhead top`: the figures of a running service in a terminal, and its exit codes."""

import json
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from threading import Thread

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from tests.cli.terminal import on_terminal
from tests.staging.live_page import StagedPage, figures
from tests.staging.patience import until
from tests.staging.pki import PKI
from tests.staging.ports import reserve_port
from tests.staging.working_together import uvicorn
from wellhead.cli.app import app
from wellhead.cli.page_figures import PageFigures
from wellhead.cli.screen import screen

_COMMAND = re.compile(r"\x1b\[[?0-9;]*[a-zA-Z]")

TOKEN = "hush-" * 8
VARIABLE = "DATABASE_LIVE_PAGE_TOKEN"


@pytest.fixture
def page() -> Iterator[StagedPage]:
    with StagedPage() as staged:
        yield staged


@pytest.fixture
def guarded_page() -> Iterator[StagedPage]:
    with StagedPage(token=TOKEN) as staged:
        yield staged


def top(*arguments: str, **environment: str) -> Result:
    fast = ("--interval", "0.5")
    return CliRunner().invoke(
        app, ["top", *fast, *arguments], env={"COLUMNS": "100", **environment}
    )


def test_it_prints_the_figures_once(page: StagedPage) -> None:
    done = top(page.url, "--once")

    assert done.exit_code == 0
    assert [line.rstrip() for line in done.stdout.splitlines()] == [
        f"{page.url}/db  2026-11-30T19:10:00.000Z  2 of 2 processes (2 workers of this machine)",
        "",
        "default  ready  up, 2.1 s ago  schema at 0010",
        "connections   3 active  2 idle  1 opening  4 waiting  limit 15",
        "acquired      1234  0 timed out  0 refused",
        "wait          p50 100 us  p99 20 ms",
        "hold          p50 3.0 ms  p99 -",
        "errors        3 unreachable  2 retries  0 unknown outcomes",
        "",
        "HELD FOR  PROCESS  BY                        AT",
        "  12.5 s     4711  GET /api/{user_id}/tasks  app/tasks.py:42 in list_tasks",
        "",
        "IN ALL  COUNT    MEAN  SLOWEST  STATEMENT",
        " 1.2 s     10  120 ms   400 ms  SELECT task.id FROM task WHERE task.id = $1",
    ]


def test_without_a_terminal_it_prints_once(page: StagedPage) -> None:
    done = top(page.url)

    assert done.exit_code == 0
    assert done.stdout.count("connections") == 1
    # The service observes statements from the first look on.
    assert [path for path, _ in page.asked] == ["/db/figures"] * 2


def test_a_long_statement_is_whole_without_a_terminal(page: StagedPage) -> None:
    shape = ", ".join(f"column_{number}" for number in range(40))
    page.figures["databases"][0]["statements"][0]["shape"] = f"SELECT {shape}"

    how = page.figures["processes"]["how"] = "workers of this machine, " * 9
    shown = top(page.url).stdout

    assert shape.replace(" ", "") in "".join(shown.split())
    assert how in shown


def test_json_has_everything_that_the_service_tells(page: StagedPage) -> None:
    page.figures["databases"][0]["of_a_newer_service"] = "é\x9b"
    done = top(page.url, "--json")

    assert done.exit_code == 0
    assert done.stdout.isascii()
    assert json.loads(done.stdout) == page.figures


def test_what_is_not_known_is_no_error(page: StagedPage) -> None:
    [database] = page.figures["databases"]
    database["migrations"] = None
    database["pool"]["limit"] = None
    database["readiness"] = {"is_ready": False, "state": "never", "detail": None, "age": None}
    database["holders"][0] |= {"what": None, "line": None}
    done = top(page.url)

    assert done.exit_code == 0
    assert "default  not ready  never  schema not looked at" in done.stdout
    assert "no limit" in done.stdout


def test_a_schema_that_is_behind_is_told(page: StagedPage) -> None:
    page.figures["databases"][0]["migrations"] |= {"current": [], "is_current": False}

    assert "schema at none, program at 0010" in top(page.url).stdout


def test_no_text_of_the_service_commands_the_terminal(page: StagedPage) -> None:
    [database] = page.figures["databases"]
    attack = "\x1b]0;owned\x07\x9b2J[red]"
    database["name"] = page.figures["at"] = page.figures["processes"]["how"] = attack
    database["holders"][0] |= {"what": attack, "line": attack}
    database["statements"][0]["shape"] = attack
    database["readiness"] |= {"state": attack, "detail": f"{attack}!"}
    database["errors"] = {attack: 1}
    database["migrations"] = {"current": [attack], "head": [attack], "is_current": False}
    shown = top(page.url).stdout

    assert not {"\x1b", "\x07", "\x9b"} & set(shown)
    assert shown.count("[red]") == 11


@pytest.mark.parametrize(
    ("path", "asked"),
    [("", "/db/figures"), ("/", "/db/figures"), ("/internal/db/", "/internal/db/figures")],
)
def test_the_url_is_that_of_the_service_or_of_its_page(
    page: StagedPage, path: str, asked: str
) -> None:
    assert top(page.url + path).exit_code == 0
    assert {path for path, _ in page.asked} == {asked}


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000",
        "ftp://127.0.0.1/db",
        "http://",
        "http://127.0.0.1:99999",
        "http://hush-hush@127.0.0.1",
        "http://127.0.0.1/db?token=hush-hush",
        "http://127.0.0.1/d b",
    ],
)
def test_another_url_is_a_wrong_command_line(url: str) -> None:
    done = top(url)

    assert done.exit_code == 2
    assert "hush" not in done.output


def test_the_token_is_that_of_the_settings(guarded_page: StagedPage, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")

    assert top(guarded_page.url, **{VARIABLE: TOKEN}).exit_code == 0
    assert top(guarded_page.url, **{f"{VARIABLE}_FILE": str(file)}).exit_code == 0
    assert top(guarded_page.url, "--token-file", str(file)).exit_code == 0
    assert {headers["Authorization"] for _, headers in guarded_page.asked} == {f"Bearer {TOKEN}"}


def test_the_token_is_never_printed(guarded_page: StagedPage, tmp_path: Path) -> None:
    broken = tmp_path / "token"
    broken.write_text("hush-hush\r\nX-Injected: 1")
    done = [
        top(guarded_page.url, **{VARIABLE: TOKEN}),
        top(guarded_page.url, **{VARIABLE: f"{TOKEN}-wrong"}),
        top(guarded_page.url, "--token-file", str(broken)),
        top("http://127.0.0.1:1", **{VARIABLE: TOKEN}),
    ]

    assert [each.exit_code for each in done] == [0, 1, 1, 3]
    assert "hush" not in "".join(each.output for each in done)


def test_a_token_file_that_cannot_be_read_is_a_wrong_command_line(tmp_path: Path) -> None:
    assert top("http://127.0.0.1:1", "--token-file", str(tmp_path / "none")).exit_code == 2


def test_no_token_is_told_from_a_wrong_one(guarded_page: StagedPage) -> None:
    without, wrong = top(guarded_page.url), top(guarded_page.url, **{VARIABLE: "wrong"})

    assert (without.exit_code, wrong.exit_code) == (1, 1)
    assert f"asks for a token: put it in {VARIABLE} or --token-file" in without.stderr
    assert "refuses the token" in wrong.stderr


def test_a_name_that_needs_a_token_is_told(page: StagedPage) -> None:
    page.status = 403
    done = top(page.url)

    assert done.exit_code == 1
    assert f"set {VARIABLE} there and here" in done.stderr


def test_a_redirection_does_not_get_the_token(page: StagedPage, guarded_page: StagedPage) -> None:
    page.status, page.headers = 307, {"Location": f"{guarded_page.url}/db/figures"}
    done = top(page.url, **{VARIABLE: TOKEN})

    assert (done.exit_code, guarded_page.asked) == (1, [])
    assert "is not a live page of Wellhead: HTTP 307." in done.stderr


@pytest.mark.parametrize(
    ("status", "body", "code", "said"),
    [
        (404, None, 1, "is not there. The service shows it with DATABASE_LIVE_PAGE or"),
        (500, None, 1, "is not a live page of Wellhead: HTTP 500."),
        (503, None, 3, "is not available: HTTP 503."),
        (200, b"<html>", 1, "is not a live page of Wellhead."),
        (200, b'{"status": "ok"}', 1, "is not a live page of Wellhead."),
        (200, b'{"version": 2}', 1, "figures of version 2, and this program knows 1"),
    ],
)
def test_each_refusal_is_a_sentence_with_its_exit_code(
    page: StagedPage, status: int, body: bytes | None, code: int, said: str
) -> None:
    page.status, page.body = status, body
    done = top(page.url)

    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr.startswith(f"wellhead: {page.url}/db ")
    assert said in done.stderr


def test_nothing_that_listens_is_exit_code_3() -> None:
    done = top(f"http://127.0.0.1:{reserve_port()}")

    assert done.exit_code == 3
    assert "is away: Connection refused." in done.stderr


def test_another_protocol_is_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(65536)
                client.sendall(b"220 mail.example ESMTP\r\n")

        greeting = Thread(target=greet)
        greeting.start()
        done = top(f"http://127.0.0.1:{listener.getsockname()[1]}")
        greeting.join()

    assert done.exit_code == 1
    assert "is not a live page of Wellhead" in done.stderr


def test_a_certificate_that_is_not_trusted_is_exit_code_1(pki: PKI) -> None:
    certificate = pki.issue("live-page", "127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.cert_file, certificate.key_file)
    with StagedPage(context=context) as page:
        refused = top(page.url, SSL_CERT_FILE=str(pki.stranger_ca_file))
        trusted = top(page.url, SSL_CERT_FILE=str(pki.ca_file))

    assert (refused.exit_code, trusted.exit_code) == (1, 0), trusted.output
    assert "failed: unable to get local issuer certificate." in refused.stderr


@pytest.mark.slow
async def test_two_workers_of_a_real_service_are_summed_up(database_url: str) -> None:
    with uvicorn(2, DATABASE_URL=database_url) as server:
        await until(lambda: server.starts == 2)
        shown, as_json = top(server.address), top(server.address, "--json")

    assert (shown.exit_code, as_json.exit_code) == (0, 0), shown.stderr
    assert "  2 of 2 processes (2 workers of this machine, by Unix sockets)" in shown.stdout
    pool = json.loads(as_json.stdout)["databases"][0]["pool"]
    # Each worker opened one connection by itself.
    assert pool["acquired"] == 2
    assert f"0 active  {pool['idle']} idle  0 opening  0 waiting  limit {pool['limit']}" in (
        shown.stdout
    )


def test_why_a_service_is_away_is_whole_on_a_narrow_terminal() -> None:
    shown = StringIO()
    page = screen("http://h", PageFigures.model_validate(figures()), away="It is " + "far " * 9)

    Console(width=40, file=shown).print(page)

    assert " ".join(shown.getvalue().split()).count("far Trying again; Ctrl-C ends.") == 1


@pytest.mark.slow
def test_it_waits_for_a_service_that_is_away_and_comes_back() -> None:
    with ExitStack() as first:
        page = first.enter_context(StagedPage(port=reserve_port()))
        # As wide as the terminal, and more.
        page.figures["databases"][0]["statements"][0]["shape"] = f"SELECT {'x, ' * 100}"
        with on_terminal("top", page.url, "--interval", "0.5") as terminal:
            terminal.wait_for("4 waiting")
            terminal.wait_for("400 ms")
            first.close()
            terminal.wait_for("Trying again; Ctrl-C ends.")
            with StagedPage(port=page.port) as again:
                again.figures["databases"][0]["pool"]["waiting"] = 77
                terminal.wait_for("77 waiting")
                terminal.interrupt()
                code = terminal.ended()

    assert code == 0
    # The screen is as it was before, with its cursor.
    assert {"\x1b[?1049l", "\x1b[?25h"} <= set(_COMMAND.findall(terminal.written[-40:]))
    assert "Traceback" not in terminal.written
