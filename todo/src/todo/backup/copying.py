"""PostgreSQL's COPY, which is a method of the driver: rows as text, a block at a time.

https://www.postgresql.org/docs/current/sql-copy.html
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

UNLIMITED = ("SET LOCAL statement_timeout = 0", "SET LOCAL idle_in_transaction_session_timeout = 0")
"""A table may take longer than any request is allowed to, and so may a slow disk."""


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


async def copy_out(
    connection: AsyncConnection, table: str, columns: Sequence[str], write: Callable[[bytes], None]
) -> int:
    """Pass the rows of a table on, and return how many there are."""
    driver = await _driver_of(connection)
    if not hasattr(driver, "copy_from_table"):
        async with driver.cursor() as cursor:
            async with cursor.copy(f"COPY {_place(table, columns)} TO STDOUT") as copy:
                async for block in copy:
                    write(bytes(block))
            return int(cursor.rowcount)

    async def pass_on(block: bytes) -> None:
        write(block)

    status: str = await driver.copy_from_table(table, columns=columns, output=pass_on)
    return _count(status)


async def copy_in(
    connection: AsyncConnection, table: str, columns: Sequence[str], blocks: Iterator[bytes]
) -> int:
    """Load rows into a table, and return how many there are."""
    driver = await _driver_of(connection)
    if not hasattr(driver, "copy_to_table"):
        async with driver.cursor() as cursor:
            async with cursor.copy(f"COPY {_place(table, columns)} FROM STDIN") as copy:
                for block in blocks:
                    await copy.write(block)
            return int(cursor.rowcount)

    async def source() -> AsyncIterator[bytes]:
        for block in blocks:
            yield block

    status: str = await driver.copy_to_table(table, columns=columns, source=source())
    return _count(status)


async def _driver_of(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection


def _place(table: str, columns: Sequence[str]) -> str:
    return f"{quoted(table)} ({', '.join(map(quoted, columns))})"


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])
