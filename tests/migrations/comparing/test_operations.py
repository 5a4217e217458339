"""SQL in a new migration."""

import pytest
from sqlalchemy import text

from wellhead.migrations.comparing.operations import StatementsOp, as_text, literal


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT ':a'",
        "SELECT 'a:b :c'",
        "SELECT '1'::text",
        "SELECT '50%'",
        r"SELECT ':a\:b \:'",
        "SELECT ':$1'",
    ],
)
def test_a_colon_in_a_statement_is_no_parameter(statement: str) -> None:
    compiled = text(as_text(statement)).compile()

    assert not compiled.params
    assert str(compiled) == statement


def test_a_text_is_quoted() -> None:
    assert literal("it's") == "'it''s'"


def test_the_other_direction_undoes_what_the_one_does() -> None:
    operation = StatementsOp(("DROP TYPE a",), ("CREATE TYPE a AS ENUM ()",), is_outside=True)
    back = operation.reverse()

    assert (back.do, back.undo, back.is_outside) == (operation.undo, operation.do, False)
    assert operation.to_diff_tuple() == ("execute", "DROP TYPE a")
