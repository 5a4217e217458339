"""What a text means to the transaction in which it is about to run."""

import pytest

from wellhead.testing.controls import control_of


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("BEGIN", "begin"),
        ("  -- a comment; COMMIT\nbegin;", "begin"),
        ("START TRANSACTION READ ONLY", "begin"),
        ("BEGIN ISOLATION LEVEL READ COMMITTED;", "begin"),
        ("BEGIN ISOLATION LEVEL REPEATABLE READ", "begin"),
        ("SET TRANSACTION ISOLATION LEVEL  SERIALIZABLE", "refuse"),
        ("COMMIT;", "commit"),
        ("END", "commit"),
        ("COMMIT PREPARED 'x'", "refuse"),
        ("COMMIT AND NO CHAIN", "commit"),
        ("ROLLBACK WORK AND CHAIN", "refuse"),
        ("ROLLBACK", "rollback"),
        ("ROLLBACK TO SAVEPOINT a", "other"),
        ("ROLLBACK WORK TO a", "other"),
        ("RELEASE SAVEPOINT a", "other"),
        ("DO $$ BEGIN COMMIT; END $$", "other"),
        ("DO $x$ BEGIN; $$ COMMIT; END $x$; SELECT 1", "other"),
        ("SELECT ';COMMIT;', E'\\';COMMIT', \";COMMIT\" /* ;COMMIT */", "other"),
        ("SELECT 1; COMMIT", "refuse"),
        ("NOTIFY news", "refuse"),
        ("SELECT listen, commit FROM song", "other"),
        ('DEALLOCATE "_pg3_0"', "deallocate"),
        ("DISCARD ALL", "discard"),
        ("", "other"),
    ],
)
def test_only_what_a_transaction_is_concerned_with_is_taken_for_it(sql: str, kind: str) -> None:
    assert control_of(sql).kind == kind


@pytest.mark.parametrize(
    ("sql", "sets", "resets"),
    [
        ("SET search_path = a", True, False),
        ("SET a = 1; RESET b", True, False),
        ("SET LOCAL a = 1", False, False),
        ("SET CONSTRAINTS ALL DEFERRED", False, False),
        ("UPDATE item SET code = 'set'", False, False),
        ("UNLISTEN *; RESET ALL; DISCARD TEMP", False, True),
    ],
)
def test_what_lasts_as_long_as_a_session_is_noticed(sql: str, sets: bool, resets: bool) -> None:
    control = control_of(sql)

    assert (control.sets, control.resets) == (sets, resets)


@pytest.mark.parametrize(
    ("sql", "needs_block"),
    [
        ("SAVEPOINT a", True),
        ("ROLLBACK TO a", True),
        ("LOCK TABLE item", True),
        ("DECLARE a CURSOR FOR SELECT 1", True),
        ("DECLARE a CURSOR WITH HOLD FOR SELECT 1", False),
        ("SELECT 1", False),
    ],
)
def test_what_is_an_error_outside_of_a_block_is_noticed(sql: str, needs_block: bool) -> None:
    assert control_of(sql).needs_block == needs_block
