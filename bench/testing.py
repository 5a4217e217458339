"""What a test on a database costs: in a transaction, with real commits, and with its own tables.

Run it with ``make bench-testing``. The same tests run in processes of their own, by turns. The time
from the end of an early test to the end of the last one, without the start of pytest and of the
server, is what the tests between them cost.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.page import write

EARLY, ALL = 5, 65
TABLES = 10

SHOP = f"""
from sqlmodel import Field, SQLModel

class Item(SQLModel, table=True):
    code: str = Field(primary_key=True)

for number in range({TABLES - 1}):
    type(f"Other{{number}}", (SQLModel,), {{
        "__annotations__": {{"id": int, "code": str}},
        "__module__": __name__,
        "id": Field(primary_key=True),
        "code": Field(index=True),
    }}, table=True)
"""
TIMES = """
import pathlib, time

def pytest_runtest_logfinish():
    with pathlib.Path("times").open("a") as file:
        print(time.perf_counter(), file=file)
"""
FIXTURES = """
import pytest
from shop import SQLModel

@pytest.fixture(scope="session")
def wellhead_schema():
    return SQLModel.metadata
"""
CREATE_ALL = """
import asyncio, pytest
from shop import SQLModel
from wellhead import Database, DatabaseSettings

@pytest.fixture
def database(wellhead_server):
    database = Database(DatabaseSettings(url=wellhead_server))
    async def empty_tables():
        async with database, database.engine.begin() as connection:
            await connection.run_sync(SQLModel.metadata.drop_all)
            await connection.run_sync(SQLModel.metadata.create_all)
    asyncio.run(empty_tables())
    return database
"""
TESTS = """
import asyncio, pytest
from sqlmodel import select
from shop import Item

{mark}
@pytest.mark.parametrize("number", range({count}))
def test_a_write_and_a_read(database, number):
    async def work():
        async with database:
            async with database.session() as session:
                session.add(Item(code="lamp"))
            async with database.reader() as reader:
                assert len((await reader.exec(select(Item))).all()) == 1
    asyncio.run(work())
"""
WAYS = {
    "one transaction, rolled back (the default)": (FIXTURES, ""),
    "`@pytest.mark.wellhead(commit=True)`": (FIXTURES, "@pytest.mark.wellhead(commit=True)"),
    "`drop_all` and `create_all` for each test": (CREATE_ALL, ""),
}


def seconds(way: str) -> float:
    """How long a test takes."""
    fixtures, mark = WAYS[way]
    with tempfile.TemporaryDirectory(prefix="bench-testing-") as name:
        directory = Path(name)
        # As root the server runs under another account.
        directory.chmod(0o755)
        (directory / "shop.py").write_text(SHOP)
        (directory / "conftest.py").write_text(fixtures + TIMES)
        (directory / "test_shop.py").write_text(TESTS.format(mark=mark, count=ALL))
        arguments = ["-q", "-p", "wellhead.testing", "-p", "no:asyncio", "--rootdir", name]
        subprocess.run(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": f"{name}:{os.environ.get('PYTHONPATH', '')}"},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        times = [float(line) for line in (directory / "times").read_text().split()]
        return (times[-1] - times[EARLY - 1]) / (len(times) - EARLY)


def table(rounds: int) -> str:
    """The table of the page."""
    costs: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, found in costs.items():
            found.append(seconds(way))
            print(f"{way}: {found[-1] * 1000:.1f} ms", file=sys.stderr)
    medians = {way: statistics.median(found) for way, found in costs.items()}
    first = next(iter(medians.values()))
    lines = [
        f"A test with one write and one read, {TABLES} tables, the median of {rounds} rounds:",
        "",
        "| Each test | ms a test | |",
        "|---|--:|--:|",
        *(f"| {way} | {cost * 1000:.0f} | {cost / first:.1f} |" for way, cost in medians.items()),
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and put the table on its page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    text = table(given.rounds)
    print(text)
    if given.write is not None:
        write(text, given.write, name="testing")


if __name__ == "__main__":
    main()
