"""The examination: its order, its end, and what it never does."""

import asyncio

import pytest

from tests.doctor.stages import listening
from tests.staging.given import Postgres
from tests.staging.neon import StagedNeon, StoppedPostgres
from tests.staging.pki import PKI, TLSPostgres
from wellhead import DatabaseSettings
from wellhead.doctor import Outcome, Report, Wishes, examine
from wellhead.doctor.catalogue import CHECKS
from wellhead.doctor.checks import server_facts
from wellhead.testing.conversation import Conversation
from wellhead.testing.proxy import TCPProxy


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.findings if finding.code]


def outcome_of(report: Report, check: str) -> list[Outcome]:
    return [finding.outcome for finding in report.findings if finding.check == check]


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg"])
async def test_a_healthy_database_has_no_failure(database_url: str, driver: str) -> None:
    report = await examine(Wishes(url=database_url.replace("postgresql", driver, 1)))

    assert report.outcome is not Outcome.FAILURE
    assert report.ended_at is None
    seen = {finding.check for finding in report.findings}
    assert seen >= {check.name for check in CHECKS if check.is_required}


async def test_it_ends_where_nothing_more_could_work() -> None:
    report = await examine(Wishes(url="postgresql://u:hush@127.0.0.1:1/shop"))

    assert report.ended_at == "tcp"
    assert [finding.check for finding in report.findings] == [
        *("url", "packages", "settings", "dns", "tcp")
    ]


async def test_no_report_contains_the_password(database_url: str) -> None:
    place = database_url.rpartition("@")[2]
    urls = (
        "postgresql://u:hush-hush@127.0.0.1:1/shop",
        f"postgresql://wellhead:hush-hush@{place}",
        "postgresql://u:hush-hush@nowhere.invalid/shop?channel_binding=require",
        "postgresql://u:hush-hush@127.0.0.1:1/shop?nonsense=1",
    )
    reports = [await examine(Wishes(url=url)) for url in urls]

    assert "hush" not in repr(reports)


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg"])
async def test_it_sends_no_statement_that_writes(
    postgres: Postgres, database_url: str, driver: str
) -> None:
    heard: list[str] = []
    async with TCPProxy(
        "127.0.0.1", postgres.port, ear=lambda: Conversation(heard.extend)
    ) as proxy:
        url = database_url.replace(f":{postgres.port}/", f":{proxy.port}/")
        report = await examine(Wishes(url=url.replace("postgresql", driver, 1)))

    verbs = {statement.split(maxsplit=1)[0].strip(";").upper() for statement in heard}
    assert report.ended_at is None
    assert verbs <= {
        *("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT", "SELECT", "SHOW", "DEALLOCATE")
    }


async def test_what_may_not_be_seen_is_a_note(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setattr(server_facts, "_QUESTION", "SELECT 1 FROM pg_catalog.pg_authid_not_there")
    report = await examine(Wishes(url=database_url))

    [finding] = [finding for finding in report.findings if finding.check == "server"]
    assert (finding.code, finding.outcome) == ("not_examined", Outcome.NOTE)
    assert report.ended_at is None


async def test_a_verified_certificate_is_described(tls_postgres: TLSPostgres, pki: PKI) -> None:
    url = f"{tls_postgres.url}?sslmode=verify-full&sslrootcert={pki.ca_file}"
    report = await examine(Wishes(url=url))

    [tls] = [finding.seen for finding in report.findings if finding.check == "tls"]
    assert tls.startswith("TLSv1.3 to 127.0.0.1:")
    assert "it was verified, with the host name." in tls


async def test_one_of_two_hosts_that_is_dead_is_a_warning(database_url: str) -> None:
    place = database_url.rpartition("@")[2].partition("/")[0]
    url = database_url.replace(place, f"127.0.0.1:1,{place}")
    report = await examine(Wishes(url=url))

    assert outcome_of(report, "tcp") == [Outcome.OK, Outcome.WARNING]
    assert "address_dead" in codes(report)


async def test_an_unknown_variable_is_a_finding_and_no_line_of_the_log(
    monkeypatch: pytest.MonkeyPatch, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DATABASE_POOL_SIZ", "5")
    report = await examine(Wishes())

    assert "unknown_setting" in codes(report)
    assert caplog.records == []


async def test_settings_that_contradict_each_other_are_named() -> None:
    environment = {"DATABASE_URL": "postgresql://u:p@h/d", "DATABASE_POOL_TIMEOUT": "5"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        report = await examine(Wishes())

    assert codes(report) == ["settings_unusable"]
    assert "DATABASE_CONNECT_TIMEOUT" in report.findings[0].seen


async def test_sqlite_has_nothing_to_examine() -> None:
    report = await examine(Wishes(url="sqlite+aiosqlite://"))

    assert codes(report) == ["in_memory"]
    assert report.outcome is Outcome.NOTE


@pytest.mark.slow
@pytest.mark.usefixtures("neon_names")
async def test_no_wake_lets_a_database_sleep(
    stopped_postgres: StoppedPostgres, pki: PKI, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with StagedNeon(stopped_postgres, pki, tmp_path_factory.mktemp("neon")) as neon:
        report = await examine(Wishes(url=neon.url(), may_wake=False))
        figures = neon.figures()

    assert figures.starts == 0
    assert figures.connections > 0
    assert (report.ended_at, report.outcome) == ("wake", Outcome.NOTE)
    assert outcome_of(report, "tls") == [Outcome.OK]


@pytest.mark.slow
@pytest.mark.usefixtures("neon_names")
async def test_it_says_that_it_wakes_a_database_before_it_does(
    stopped_postgres: StoppedPostgres, pki: PKI, tmp_path_factory: pytest.TempPathFactory
) -> None:
    starts: list[int] = []
    async with StagedNeon(stopped_postgres, pki, tmp_path_factory.mktemp("neon")) as neon:

        def say(sentence: str) -> None:
            if "asleep" in sentence:
                starts.append(neon.figures().starts)

        report = await examine(Wishes(url=neon.url()), say=say)
        starts.append(neon.figures().starts)

    assert starts == [0, 1]
    assert report.outcome is not Outcome.FAILURE


async def test_a_slow_step_says_what_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    async def stay_silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    monkeypatch.setattr("wellhead.doctor.examination.PATIENCE", 0.01)
    async with listening(stay_silent) as port:
        url = f"postgresql://u:p@127.0.0.1:{port}/shop"
        report = await examine(
            Wishes(source=DatabaseSettings(url=url, connect_timeout=1)), say=said.append
        )

    assert "encrypting ..." in said
    assert codes(report) == ["hung_up"]
