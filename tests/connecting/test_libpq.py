"""How psycopg connects: what libpq is asked to say, and until when."""

import psycopg
import pytest

from tests.staging.refusing import RefusingServer
from wellhead import AuthenticationError, Database, DatabaseSettings
from wellhead.connecting import libpq
from wellhead.connecting.psycopg_connection import PsycopgConnection


@pytest.fixture
def without_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a libpq that cannot be found."""
    monkeypatch.setattr(libpq, "_SET_VERBOSITY", None)


async def test_a_refusal_tells_its_code() -> None:
    async with RefusingServer("28P01", "no") as server:
        with pytest.raises(psycopg.OperationalError, match="FATAL:  28P01: no"):
            await PsycopgConnection.connect(f"host=127.0.0.1 port={server.port} user=a password=b")


async def test_a_statement_fails_with_the_words_that_psycopg_has_always_had(
    database_url: str,
) -> None:
    connection = await PsycopgConnection.connect(database_url)
    with pytest.raises(psycopg.errors.DivisionByZero) as caught:
        await connection.execute("SELECT 1 / 0")
    await connection.close()

    assert str(caught.value) == "division by zero"


@pytest.mark.usefixtures("without_codes")
async def test_without_codes_a_refusal_is_known_by_its_words(database_url: str) -> None:
    where = database_url.rpartition("@")[2]
    settings = DatabaseSettings(url=f"postgresql+psycopg://nobody:wrong@{where}")
    with pytest.raises(AuthenticationError) as caught:
        await Database(settings).open()

    assert caught.value.sqlstate is None
    assert 'password authentication failed for user "nobody"' in caught.value.args[0]
