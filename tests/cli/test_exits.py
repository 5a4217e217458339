"""How a command ends."""

import psycopg
import pytest
import typer
from sqlalchemy import exc as sa

from wellhead.cli.exits import ExitCode, plain_errors


def test_a_failure_of_the_database_is_the_servers_sentence_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    refusal = psycopg.errors.UndefinedTable(
        "relation \"it'>: s\" does not exist\nLINE 1: SELECT 's3cret' FROM \"it'>: s\""
    )
    with pytest.raises(typer.Exit) as ended, plain_errors():
        raise sa.ProgrammingError("SELECT 's3cret'", None, refusal)

    assert ended.value.exit_code == ExitCode.FAILED
    assert capsys.readouterr().err == (
        'wellhead: relation "it\'>: s" does not exist (SQLSTATE 42P01).\n'
    )
