"""The shape of a statement shows no value."""

import pytest

from wellhead.telemetry.literals import LONGEST, shape_of


@pytest.mark.parametrize(
    ("statement", "shape"),
    [
        ("SELECT a FROM t WHERE id = $1::INTEGER", "SELECT a FROM t WHERE id = $1::INTEGER"),
        ("SELECT  a\n  FROM t", "SELECT a FROM t"),
        ("SELECT 'it''s a secret', a1, 42, 1.5e3", "SELECT ?, a1, ?, ?"),
        (r"SELECT E'\' OR secret', 'b\'", "SELECT ?, ?"),
        ("SELECT $$secret$$, $q$ $$ secret $q$, $1", "SELECT ?, ?, $1"),
        ("SELECT U&'secret', b'01', 0xFF, .5", "SELECT ?, ?, ?, ?"),
        ('SELECT "a secret""", t."b" FROM t', 'SELECT "a secret""", t."b" FROM t'),
        ("SELECT a -- secret\n, b /* secret */ FROM t", "SELECT a , b FROM t"),
        ("SELECT 'secret", "SELECT ?"),
        ("SELECT 1 /* secret", "SELECT ?"),
        ("SELECT %(id)s::VARCHAR, '100%%'", "SELECT %(id)s::VARCHAR, ?"),
        (
            "SELECT a FROM t WHERE id IN ($1::INTEGER, $2::INTEGER)",
            "SELECT a FROM t WHERE id IN (...)",
        ),
        ("SELECT a FROM t WHERE id IN (1, 2, 3)", "SELECT a FROM t WHERE id IN (...)"),
        ("SELECT a FROM t WHERE id IN (__[POSTCOMPILE_id_1])", "SELECT a FROM t WHERE id IN (...)"),
        ("INSERT INTO t (a) VALUES ($1), ($2), ($3)", "INSERT INTO t (a) VALUES ($1), ..."),
    ],
)
def test_values_and_the_lengths_of_lists_are_left_out(statement: str, shape: str) -> None:
    assert shape_of(statement) == shape


def test_the_shape_of_a_very_long_statement_is_cut() -> None:
    assert len(shape_of("SELECT a" + ", a" * LONGEST)) == LONGEST + len(" ...")
