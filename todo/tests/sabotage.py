"""A server that fails at one chosen write, by itself, as it would in a deadlock or a restart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import asyncpg

from todo.tables import metadata

RAISE = "RAISE EXCEPTION 'sabotage' USING ERRCODE = '{}';"
DIE = "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10);"

BEFORE = "CREATE TRIGGER sabotage BEFORE {events} ON {table} FOR EACH STATEMENT {action}"
AT_COMMIT = (
    "CREATE CONSTRAINT TRIGGER sabotage AFTER {events} ON {table} "
    "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW {action}"
)

FAULTS: Mapping[str, tuple[str, str]] = {
    "deadlock": (BEFORE, RAISE.format("40P01")),
    "serialization failure at COMMIT": (AT_COMMIT, RAISE.format("40001")),
    "end of the connection": (BEFORE, DIE),
    "end of the connection in COMMIT": (AT_COMMIT, DIE),
}
"""When the server fails, and how; whatever it does, it does it once."""

UNARMED = -1


@dataclass(frozen=True, slots=True)
class Saboteur:
    """Counts the writes of a database, and lets the one fail that it was told.

    The count is a sequence: it survives the rollback of what it has made fail.
    """

    _connection: "asyncpg.Connection[asyncpg.Record]"

    @classmethod
    async def hire(cls, connection: "asyncpg.Connection[asyncpg.Record]", fault: str) -> Self:
        """Put a trigger on every table of the application; nothing fails yet."""
        trigger, action = FAULTS[fault]
        await connection.execute(
            f"""
            CREATE SEQUENCE sabotage INCREMENT -1 MINVALUE -1000000 MAXVALUE 1000 START {UNARMED};
            CREATE FUNCTION sabotage() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('sabotage') = 0 THEN {action} END IF;
                RETURN NULL;
            END $$;
            """
        )
        for table in metadata.tables:
            await connection.execute(
                trigger.format(
                    events="INSERT OR UPDATE OR DELETE",
                    table=table,
                    action="EXECUTE FUNCTION sabotage()",
                )
            )
        return cls(connection)

    async def arm(self, number: int) -> None:
        """Let the write of this number, counted from 1 and from now on, fail."""
        await self._connection.execute("SELECT setval('sabotage', $1)", number)

    async def disarm(self) -> bool:
        """Let nothing fail any more, and say whether the chosen write has come to pass."""
        left: int = await self._connection.fetchval("SELECT last_value FROM sabotage")
        await self._connection.execute("SELECT setval('sabotage', $1)", UNARMED)
        return left <= 0
