"""An SQLite database in memory lasts as long as what keeps it."""

import gc
import sqlite3

import pytest

from wellhead.connecting.plan import InMemory


def connect(memory: InMemory) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{memory.name}?mode=memory&cache=shared", uri=True)


def make_table(memory: InMemory) -> None:
    connection = connect(memory)
    connection.execute("CREATE TABLE kept (number INTEGER)")
    connection.close()


def count(memory: InMemory) -> int:
    connection = connect(memory)
    try:
        return int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    finally:
        connection.close()


def test_it_outlives_its_last_connection() -> None:
    memory = InMemory()
    memory.keep()
    memory.keep()
    make_table(memory)

    assert count(memory) == 1


def test_two_of_them_are_apart() -> None:
    one, other = InMemory(), InMemory()
    one.keep()
    other.keep()
    make_table(one)

    assert count(other) == 0


def test_those_of_one_name_are_the_same() -> None:
    one = InMemory("of_one_name")
    one.keep()
    make_table(one)

    assert count(InMemory("of_one_name")) == 1


@pytest.mark.filterwarnings("error::ResourceWarning")
def test_it_is_gone_when_nobody_holds_it_any_more() -> None:
    memory = InMemory("gone")
    memory.keep()
    make_table(memory)
    del memory
    gc.collect()

    assert count(InMemory("gone")) == 0
