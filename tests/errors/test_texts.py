"""The texts by which servers, poolers and proxies refuse, each sent through a real socket."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg
import pytest
from sqlmodel import text
from sqlmodel.ext.asyncio.session import AsyncSession

import wellhead
from tests.staging.given import Postgres
from tests.staging.refusing import RefusingServer
from tests.staging.session_pooler import SessionPooler
from wellhead import (
    AuthenticationError,
    ConnectError,
    Database,
    DatabaseSettings,
    Fault,
    classify,
)
from wellhead.errors.texts import REFUSALS, refusal_in

Locate = Callable[..., str]

PLACE: Final = Path(__file__).with_name("refusals.txt")

Row = tuple[str, type[ConnectError], str]


def read_corpus() -> dict[str, list[Row]]:
    """What each speaker says, with what becomes of it."""
    _, *sections = re.split(r"^\[(.+)\]\n", PLACE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {
        speaker: [
            (sqlstate, getattr(wellhead, kind), words)
            for sqlstate, kind, words in (
                line.split(maxsplit=2) for line in rows.splitlines() if line
            )
        ]
        for speaker, rows in zip(sections[::2], sections[1::2], strict=True)
    }


CORPUS: Final = read_corpus()


async def refusal(url: str) -> ConnectError:
    """What opening a database raises that is refused."""
    settings = DatabaseSettings(url=url, connect_retry_count=1)
    with pytest.raises(ConnectError) as caught:
        await Database(settings).open()
    return caught.value


@pytest.mark.slow
@pytest.mark.parametrize("speaker", CORPUS)
async def test_a_refusal_is_told_by_its_code_or_by_its_text(locate: Locate, speaker: str) -> None:
    told = []
    for sqlstate, _, message in CORPUS[speaker]:
        async with RefusingServer(sqlstate, message) as server:
            error = await refusal(locate(port=server.port))
        where = f"Could not connect to 127.0.0.1:{server.port}: "
        found = classify(error)
        assert error.sqlstate == sqlstate
        assert error.args[0] == f"{where}{message.rstrip('.')} (SQLSTATE {sqlstate})."
        assert (found.http_status, found.is_transient) == (503, error.can_retry)
        assert not found.outcome_unknown
        told.append((sqlstate, type(error), message))

    assert told == CORPUS[speaker]


@pytest.mark.parametrize("speaker", ["PgBouncer", "Neon", "Supavisor"])
def test_a_text_is_known_without_its_code_too(speaker: str) -> None:
    """On a libpq that writes no codes, whatever the following lines say."""
    where = 'connection failed: connection to server at "db.example" (1.2.3.4), port 5432 failed: '
    said = {
        message: psycopg.OperationalError(f"{where}FATAL:  {message}\nDETAIL:  certificate")
        for _, _, message in CORPUS[speaker]
    }

    assert {message: classify(error).is_transient for message, error in said.items()} == {
        message: kind.can_retry for _, kind, message in CORPUS[speaker]
    }


@pytest.mark.parametrize("severity", ["FATAL", "ВАЖНО", "致命错误"])
async def test_a_server_may_speak_its_own_language(locate: Locate, severity: str) -> None:
    message = "Benutzer »app« konnte sich nicht anmelden"
    async with RefusingServer("28P01", message, severity=severity) as server:
        error = await refusal(locate(port=server.port))

    assert type(error) is AuthenticationError
    assert server.startups >= 1


def test_the_words_of_another_language_without_a_code_are_a_refusal() -> None:
    where = 'connection to server at "127.0.0.1", port 5432 failed: '
    said = psycopg.OperationalError(f"connection failed: {where}ВАЖНО:  роль не существует")

    assert classify(said).fault is Fault.REFUSED


HINTS = {
    "(EMAXCONNSESSION) max clients reached in session mode": "transaction mode",
    "Tenant or user not found": "postgres.<project>",
    "Control plane request failed: endpoint is disabled": "Enable the compute",
    "Your project has exceeded the data transfer quota. Upgrade your plan": "plan",
    "This RDS proxy has no credentials for the role app.": "Secrets Manager",
    "unsupported startup parameter: jit": "Leave the parameter out",
    "connection is insecure (try using `sslmode=require`)": "sslmode",
    "This IP address 1.2.3.4 is not allowed to connect to this endpoint.": "address",
    "something new": "documentation of the server",
}


@pytest.mark.parametrize(("message", "advice"), HINTS.items())
async def test_the_hint_says_what_mends_this_refusal(
    locate: Locate, message: str, advice: str
) -> None:
    async with RefusingServer("XX000", message) as server:
        error = await refusal(locate(port=server.port))

    assert advice in str(error.hint)


@pytest.mark.parametrize("sqlstate", ["XX000", "08P01", "58000", "99999"])
async def test_the_hint_of_an_unknown_refusal_blames_nothing(locate: Locate, sqlstate: str) -> None:
    async with RefusingServer(sqlstate, "something new") as server:
        error = await refusal(locate(port=server.port))

    assert "URL" not in str(error.hint)
    assert "Check" not in str(error.hint)


def test_a_name_that_is_quoted_decides_nothing() -> None:
    found = refusal_in('role "too many connections" is not permitted to log in')

    assert found is not None
    assert found.fault is Fault.AUTHENTICATION


def test_every_part_is_lower_case_and_stands_once() -> None:
    parts = [refusal.part for refusal in REFUSALS]

    assert parts == [part.lower() for part in parts]
    assert len(parts) == len(set(parts))


def test_of_a_text_without_end_only_the_beginning_is_read() -> None:
    """So that no peer's words cost time: what is read of them is bounded."""
    endless = psycopg.OperationalError("connection failed: " + 9_000 * "(" + "certificate")

    assert classify(endless).fault is Fault.UNKNOWN


SUPAVISOR_IS_FULL = "(EMAXCONNSESSION) max clients reached in session mode"
PGBOUNCER_IS_FULL = "no more connections allowed (max_client_conn)"


@pytest.mark.parametrize(
    ("sqlstate", "message"),
    [("XX000", SUPAVISOR_IS_FULL), ("08P01", PGBOUNCER_IS_FULL)],
    ids=["Supavisor", "PgBouncer"],
)
async def test_sessions_and_units_of_work_wait_for_a_place_in_a_pooler_that_is_full(
    locate: Locate, postgres: Postgres, sqlstate: str, message: str
) -> None:
    async def work(session: AsyncSession) -> int:
        await asyncio.sleep(0.02)
        return int(await session.scalar(text("SELECT 7")) or 0)

    async def use(database: Database) -> int:
        async with database.session() as session:
            return await work(session)

    pooler = SessionPooler(postgres.port, clients=3, sqlstate=sqlstate, message=message)
    async with pooler:
        settings = DatabaseSettings(
            url=locate(port=pooler.port), pool_size=10, pool_timeout=50, connect_timeout=30
        )
        async with Database(settings) as database:
            sessions = await asyncio.gather(*(use(database) for _ in range(8)))
            units = await asyncio.gather(*(database.run(work) for _ in range(6)))

    assert sessions == [7] * 8
    assert units == [7] * 6
    assert pooler.refused > 0
