"""What may be shown of a statement, and which of them count."""

import pytest

from wellhead.testing.statement_text import is_query, without_values


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("SELECT a,\n       b FROM t\n", "SELECT a, b FROM t"),
        ("SELECT 1", "SELECT …"),
        ("SELECT .5, 1e3, 0x1F, t1.a2", "SELECT …, …, …, t1.a2"),
        ("WHERE a = $1 AND b = $2::INTEGER", "WHERE a = $1 AND b = $2::INTEGER"),
        ("WHERE name = 'secret'", "WHERE name = …"),
        ("WHERE name = 'it''s a secret' AND x", "WHERE name = … AND x"),
        (r"WHERE name = E'it\'s a secret' AND x", "WHERE name = … AND x"),
        ("WHERE name = U&'secret' OR b'101'", "WHERE name = … OR …"),
        ("SELECT $$a secret$$, $q$it's $$ a secret$q$", "SELECT …, …"),
        ('SELECT "a 1", "it\'s" FROM t', 'SELECT "a 1", "it\'s" FROM t'),
        ("SELECT a -- by secret\nFROM t /* a secret, 'too' */", "SELECT a FROM t"),
        ("SELECT 'never ends", "SELECT …"),
        ("SELECT /* never ends", "SELECT"),
        ("SELECT $$never ends", "SELECT …"),
        ("SELECT größe_1 FROM maß", "SELECT größe_1 FROM maß"),
    ],
)
def test_values_and_comments_are_not_shown(written: str, shown: str) -> None:
    assert without_values(written) == shown


@pytest.mark.parametrize(
    "statement",
    [
        "BEGIN", "BEGIN ISOLATION LEVEL READ COMMITTED;", "START TRANSACTION", "COMMIT;", "commit",
        "ROLLBACK", "ROLLBACK TO SAVEPOINT sa_1", "SAVEPOINT sa_1", "RELEASE SAVEPOINT sa_1",
        "SET LOCAL statement_timeout = 1", "RESET ALL", "DISCARD ALL", "DEALLOCATE ALL", ";", "",
        "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;",
    ],
)  # fmt: skip
def test_what_begins_and_ends_transactions_and_sets_up_a_session_is_no_query(
    statement: str,
) -> None:
    assert not is_query(without_values(statement))


@pytest.mark.parametrize(
    "statement",
    ["SELECT 1", "with a as (select 1) select * from a", "INSERT INTO t VALUES (1)", "(SELECT 1)",
     "UPDATE t SET a=1", "CREATE TABLE t ()", "SELECT beginning FROM t", "COPY t FROM STDIN"],
)  # fmt: skip
def test_what_asks_for_data_or_changes_them_is_a_query(statement: str) -> None:
    assert is_query(without_values(statement))
