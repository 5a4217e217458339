"""The command `todo`, on a real socket and a real database; what serves is a real process."""

import json
import re
import signal
import socket
import subprocess
from pathlib import Path

import httpx2
import pytest
from commands import SECONDS, invoke, run, serving

from todo import __version__

pytestmark = [pytest.mark.usefixtures("_loggers_are_put_back"), pytest.mark.wellhead(commit=True)]


def register(address: str) -> httpx2.Response:
    return httpx2.post(
        f"{address}/api/auth/register",
        json={"email": "you@example.com", "password": "correct horse battery staple"},
        timeout=SECONDS,
    )


# uvicorn itself gives a worker five seconds.
SLOW_WORKERS = """
import sys
import time

if "spawn_main" in " ".join(sys.orig_argv):
    time.sleep(7)
"""


class TestServe:
    def test_what_was_stored_is_there_after_a_restart(self, public_directory: Path) -> None:
        data = {"DATA_DIR": str(public_directory / "restarted")}
        with serving("--migrate", **data) as first:
            assert str(public_directory / "restarted" / "postgres") in first.banner
            assert register(first.address).status_code == 201
            assert first.stop()[0] == 0

        with serving("--migrate", **data) as second:
            assert register(second.address).status_code == 409
            assert second.stop()[0] == 0

    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
    def test_while_it_reloads_it_ends_gracefully_when_it_is_asked_to(
        self, wellhead_url: str, how: signal.Signals
    ) -> None:
        """With workers: see test_draining."""
        with serving("--reload", DATABASE_URL=wellhead_url) as served:
            assert httpx2.get(f"{served.address}/health/db", timeout=SECONDS).status_code == 200

            code, log = served.stop(how)

        assert code == 0
        assert "Traceback" not in log
        assert log.count("database closed") == log.count("database opened") > 0

    def test_ctrl_c_before_the_workers_are_up_leaves_no_traceback(self, wellhead_url: str) -> None:
        with serving("--workers", "2", DATABASE_URL=wellhead_url) as served:
            code, log = served.stop()

        assert code == 0
        assert "Traceback" not in log

    def test_the_embedded_server_ends_with_it(self, public_directory: Path) -> None:
        data_dir = public_directory / "ended"
        with serving("--migrate", DATA_DIR=str(data_dir)) as served:
            found = re.search(r"port (\d+)\)", served.banner)
            assert found
            served.stop()

        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(found[1]))) != 0

    def test_the_banner_hides_the_password(self, wellhead_url: str) -> None:
        password = re.search(r":([^:@]+)@", wellhead_url)
        assert password
        with serving(DATABASE_URL=wellhead_url) as served:
            httpx2.get(f"{served.address}/health", timeout=SECONDS)
            _, log = served.stop()

        assert password[1] not in served.banner
        assert password[1] not in log

    def test_the_first_curl_of_the_banner_works(self, wellhead_url: str) -> None:
        with serving(DATABASE_URL=wellhead_url) as served:
            command = served.banner[served.banner.index("curl") :]

            answer = subprocess.run(
                ["sh", "-c", command],  # noqa: S607 - what a newcomer's shell does
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=True,
            )

        assert json.loads(answer.stdout)["email"] == "you@example.com"

    def test_a_request_to_change_the_protocol_is_answered_without_changing_it(
        self, wellhead_url: str
    ) -> None:
        with (
            serving(DATABASE_URL=wellhead_url) as served,
            httpx2.Client(base_url=served.address, timeout=SECONDS, verify=False) as client,
        ):
            upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
            answers = [
                client.get("/health", headers=upgrade),
                client.patch("/health", headers=upgrade),
            ]

        assert [answer.status_code for answer in answers] == [200, 405]

    def test_requests_and_workers_log_in_one_format(self, wellhead_url: str) -> None:
        with serving("--workers", "2", DATABASE_URL=wellhead_url, LOG_FORMAT="json") as served:
            httpx2.get(
                f"{served.address}/health", headers={"X-Request-ID": "mine"}, timeout=SECONDS
            )
            _, log = served.stop()

        lines = [json.loads(line) for line in log.splitlines()]
        (access,) = (line for line in lines if line.get("event") == "request")
        assert access["request_id"] == "mine"
        assert (access["method"], access["route"], access["status"]) == ("GET", "/health", 200)
        assert "uvicorn.access" not in {line["logger"] for line in lines}

    def test_an_unmigrated_database_is_told_at_the_start_and_served_as_not_ready(
        self, database_url: str
    ) -> None:
        with serving(DATABASE_URL=database_url) as served:
            ready = httpx2.get(f"{served.address}/health/ready", timeout=SECONDS)
            refused = [register(served.address) for _ in range(3)]
            code, log = served.stop()

        assert code == 0
        assert {each.status_code for each in (ready, *refused)} == {503}
        assert {each.json()["type"] for each in refused} == {"urn:wellhead:schema_behind"}
        lines = [
            line for line in log.splitlines() if line.endswith("Apply them with: todo migrate")
        ]
        assert (
            len([line for line in lines if "WARNING wellhead.health: the schema is" in line]) == 1
        )
        assert log.count("statements fail") == 1
        assert "Traceback" not in log

    def test_a_taken_port_is_told_in_one_sentence(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]

            answer = invoke("serve", "--port", str(port))

        assert answer.exit_code == 1
        assert answer.stderr == (
            f"todo: Cannot listen on 127.0.0.1 port {port}: Address already in use. "
            "Stop the program that uses it, or choose another one with --port (or PORT).\n"
        )

    def test_a_bad_setting_is_told_in_one_sentence(self) -> None:
        answer = invoke("serve", PORT="70000")

        assert answer.exit_code == 1
        assert answer.stderr == "todo: PORT is '70000'; it must be a number from 0 to 65535.\n"

    def test_production_needs_a_database_of_its_own(self) -> None:
        answer = invoke("serve", "--port", "0", APP_ENV="production")

        assert answer.exit_code == 1
        assert answer.stderr.startswith("todo: DATABASE_URL is missing, and APP_ENV is production.")

    def test_a_database_that_refuses_is_told_without_a_traceback(self, wellhead_url: str) -> None:
        url = wellhead_url.replace("wellhead:", "stranger:")

        answer = invoke("serve", "--port", "0", DATABASE_URL=url)

        assert answer.exit_code == 1
        assert "todo: Could not connect to 127.0.0.1" in answer.stderr
        assert "Traceback" not in answer.stderr

    def test_it_serves_without_its_database_where_that_is_wanted(self) -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            url = f"postgresql://u:hidden@127.0.0.1:{nobody.getsockname()[1]}/d"
            with (
                serving(DATABASE_URL=url, DATABASE_START_DEGRADED="true") as served,
                httpx2.Client(base_url=served.address, timeout=SECONDS, verify=False) as client,
            ):
                statuses = {
                    path: client.get(path).status_code
                    for path in ("/health/live", "/health/startup", "/health/ready", "/health/db")
                }
                login = client.post("/api/auth/login", data={"username": "u", "password": "p"})
                code, log = served.stop()

        assert statuses.pop("/health/live") == 200
        assert set(statuses.values()) == {503}
        assert (login.status_code, login.headers["retry-after"]) == (503, "1")
        assert login.json()["type"] == "urn:wellhead:not_open"
        assert code == 0
        assert "starting without the database" in log
        assert "hidden" not in log
        assert "Traceback" not in log

    def test_a_worker_that_takes_long_to_be_loaded_is_not_taken_for_dead(
        self, wellhead_url: str, tmp_path: Path
    ) -> None:
        (tmp_path / "sitecustomize.py").write_text(SLOW_WORKERS)
        with serving(
            "--workers", "2", DATABASE_URL=wellhead_url, PYTHONPATH=str(tmp_path)
        ) as served:
            statuses = [httpx2.get(f"{served.address}/health/live", timeout=SECONDS).status_code]
            code, log = served.stop()

        assert (statuses, code) == ([200], 0)
        assert "died" not in log

    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_an_application_that_does_not_start_ends_it(
        self, wellhead_url: str, workers: str, tmp_path: Path
    ) -> None:
        (tmp_path / "jwt-secret-key").touch()
        changes = {"DATA_DIR": str(tmp_path), "JWT_SECRET_KEY": "", "DATABASE_URL": wellhead_url}

        answer = run("serve", "--port", "0", "--workers", workers, **changes)

        assert answer.returncode == 1
        assert "The application cannot be created: " in answer.stderr
        assert "which is not a secret" in answer.stderr
        assert "Traceback" not in answer.stderr

    def test_a_forwarded_address_is_believed_only_when_the_proxy_is_named(
        self, wellhead_url: str
    ) -> None:
        def statuses(**changes: str) -> list[int]:
            limits = {"LOGIN_ATTEMPTS_PER_ADDRESS": "1 per hour", **changes}
            with serving(DATABASE_URL=wellhead_url, **limits) as served:
                return [
                    httpx2.post(
                        f"{served.address}/api/auth/login",
                        data={"username": "x@example.com", "password": "wrong"},
                        headers={"X-Forwarded-For": f"198.51.100.{number}"},
                        timeout=SECONDS,
                    ).status_code
                    for number in range(2)
                ]

        assert statuses() == [401, 429]
        assert statuses(FORWARDED_ALLOW_IPS="127.0.0.1") == [401, 401]


@pytest.mark.parametrize(
    "arguments",
    [["cleanup", "--completed-before", "30d"], ["seed-demo"]],
    ids=lambda arguments: arguments[0],
)
def test_a_database_without_tables_is_told_with_the_way_out(
    database_url: str, arguments: list[str]
) -> None:
    answer = invoke(*arguments, DATABASE_URL=database_url)

    assert answer.exit_code == 1
    reason, way_out = answer.stderr.splitlines()[-2:]
    assert reason.startswith("todo: The schema is behind: the database is at nothing; not applied:")
    assert way_out == "Apply them with: todo migrate"
    assert "Traceback" not in answer.stderr


class TestMigrate:
    def test_an_empty_database_gets_its_tables_once(self, database_url: str) -> None:
        first = invoke("migrate", DATABASE_URL=database_url)
        second = invoke("migrate", DATABASE_URL=database_url)

        assert (first.exit_code, second.exit_code) == (0, 0)
        assert first.stdout.startswith("The schema is up to date: postgresql://wellhead:***@")
        assert "applied 0001" in first.stderr
        assert "applied " not in second.stderr

    def test_the_database_that_was_changed_is_named_and_not_its_pooler(
        self, database_url: str
    ) -> None:
        place, _, name = database_url.rpartition("/")
        pooler = f"postgresql://u:secret@127.0.0.1:1/{name}?pgbouncer=true"
        answer = invoke("migrate", DATABASE_URL=pooler, DATABASE_URL_DIRECT=database_url)

        host = place.rpartition("@")[2]
        assert answer.stdout.startswith("The schema is up to date: postgresql://wellhead:***@")
        assert f"@{host}/{name}" in answer.stdout

    def test_a_database_that_refuses_is_told_without_a_traceback(self, database_url: str) -> None:
        answer = invoke("migrate", DATABASE_URL=database_url.replace("wellhead:", "stranger:"))

        assert answer.exit_code == 1
        assert "\ntodo: Could not connect" in f"\n{answer.stderr}"
        assert "Traceback" not in answer.stderr


class TestCleanup:
    def test_it_says_what_it_deleted(self, wellhead_url: str) -> None:
        invoke("seed-demo", DATABASE_URL=wellhead_url)

        answer = invoke("cleanup", "--completed-before", "0m", DATABASE_URL=wellhead_url)

        assert answer.exit_code == 0
        assert answer.stdout == (
            "Deleted 1 completed tasks, 0 ended logins, 0 unused networks, 0 expired API tokens, "
            "0 expired links to a new password, 0 expired invites, 0 expired counters, "
            "0 expired idempotency keys and 0 old deletions.\n"
        )

    def test_a_duration_that_is_none_is_refused(self, wellhead_url: str) -> None:
        answer = invoke("cleanup", "--completed-before", "soon", DATABASE_URL=wellhead_url)

        assert answer.exit_code == 2
        assert "'soon' is not a duration" in answer.stderr

    def test_no_task_is_deleted_unless_it_is_said_how_old(self, wellhead_url: str) -> None:
        invoke("seed-demo", DATABASE_URL=wellhead_url)

        answer = invoke("cleanup", DATABASE_URL=wellhead_url)
        after = invoke("cleanup", "--completed-before", "0m", DATABASE_URL=wellhead_url)

        assert answer.exit_code == 0
        assert answer.stdout.startswith("Deleted 0 ended logins, ")
        assert after.stdout.startswith("Deleted 1 completed tasks, ")


class TestBackup:
    def test_what_was_backed_up_is_restored(
        self, wellhead_url: str, database_url: str, tmp_path: Path
    ) -> None:
        invoke("seed-demo", DATABASE_URL=wellhead_url)

        taken = invoke("backup", "todo.backup", DATABASE_URL=wellhead_url)
        restored = invoke("restore", "todo.backup", DATABASE_URL=database_url)
        demo = invoke("seed-demo", DATABASE_URL=database_url)

        assert re.fullmatch(r"Backed up \d+ rows of \d+ tables to todo.backup.\n", taken.stdout)
        assert re.fullmatch(
            r"Restored \d+ rows of \d+ tables, as of 20[\d-]+T[\d:]+\+00:00.\n", restored.stdout
        )
        assert demo.stdout.startswith("The demo account already exists.")
        assert (tmp_path / "todo.backup").stat().st_mode & 0o777 == 0o600

    def test_what_cannot_be_done_is_told_in_a_sentence(
        self, wellhead_url: str, tmp_path: Path
    ) -> None:
        (tmp_path / "todo.backup").write_text("something else")

        taken = invoke("backup", "todo.backup", DATABASE_URL=wellhead_url)
        restored = invoke("restore", "todo.backup", DATABASE_URL=wellhead_url)

        assert (taken.exit_code, restored.exit_code) == (1, 1)
        assert taken.stderr.splitlines()[-1] == (
            "todo: todo.backup exists; name another file, or add --overwrite."
        )
        assert restored.stderr.splitlines()[-1] == (
            "todo: todo.backup is not a backup of the Todo API."
        )


class TestSeedDemo:
    def test_it_prints_how_to_log_in_every_time(self, wellhead_url: str) -> None:
        first = invoke("seed-demo", DATABASE_URL=wellhead_url)
        second = invoke("seed-demo", DATABASE_URL=wellhead_url)

        assert first.stdout.splitlines() == [
            "The demo account was created, with 5 tasks.",
            "  E-mail    demo@example.com",
            "  Password  try-me-out-first",
        ]
        assert second.stdout.splitlines()[0] == "The demo account already exists."

    def test_production_has_no_demo_account(self, wellhead_url: str) -> None:
        answer = invoke("seed-demo", APP_ENV="production", DATABASE_URL=wellhead_url)

        assert answer.exit_code == 1
        assert "APP_ENV is production" in answer.stderr


def test_a_line_tells_how_many_logins_a_second_there_can_be() -> None:
    answer = invoke("measure-logins", ARGON2_CONCURRENCY="3")

    assert answer.exit_code == 0
    assert re.fullmatch(
        r"\d+ logins per second in one worker: \d+ ms and 7 MiB each, 3 at a time "
        r"\(ARGON2_TIME_COST=1, ARGON2_MEMORY_KIB=7168, ARGON2_PARALLELISM=1, "
        r"ARGON2_CONCURRENCY=3\)\.\n",
        answer.stdout,
    )


def test_its_version_is_told_without_any_setting() -> None:
    answer = invoke("--version", PORT="none")

    assert (answer.exit_code, answer.stdout) == (0, f"todo {__version__}\n")


def test_without_a_command_the_help_is_shown() -> None:
    answer = invoke("--help")

    assert answer.exit_code == 0
    for command in ("serve", "migrate", "cleanup", "seed-demo", "measure-logins"):
        assert command in answer.stdout
