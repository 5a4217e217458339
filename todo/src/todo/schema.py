"""The schema that this program needs, and the databases that have it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError

from todo import MIGRATIONS
from todo.settings import Settings
from wellhead import Database, DatabaseSettings, SchemaBehindError
from wellhead.migrations import Migrations

MIGRATE = "todo migrate"
"""The command that applies the migrations."""


def program_migrations(settings: DatabaseSettings | None = None) -> Migrations:
    """The migrations of this program.

    Args:
        settings: The database to migrate; None if it is only to be compared.
    """
    return Migrations(MIGRATIONS, settings=settings, command=MIGRATE)


@asynccontextmanager
async def migrated_database(settings: Settings) -> AsyncIterator[Database]:
    """Open the database for a command; it must have this program's schema.

    Raises:
        SchemaBehindError: Migrations are missing.
        SchemaAheadError: A statement failed because a newer program has migrated it.
        ConnectError: It cannot be reached.
    """
    migrations = program_migrations()
    async with Database(settings.database(), migrations=migrations) as database:
        schema = database.last_known().schema
        if schema is not None and not schema.is_ready:
            raise SchemaBehindError(f"The schema is {schema}.", hint=f"Apply them with: {MIGRATE}")
        try:
            yield database
        except DBAPIError as error:
            raise await database.explain(error) or error from None
