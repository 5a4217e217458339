"""What the environment does not name and development provides: a database, and the link in mails.

Both are put into the environment, from which worker processes inherit them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from todo.data_dir import DATABASE, announce_use, carrying_over
from todo.settings import Settings
from wellhead import Database, DatabaseSettings
from wellhead.embedded import EmbeddedPostgres
from wellhead.errors import ConfigurationError


@contextmanager
def provided_database(settings: Settings) -> Iterator[str]:
    """Make sure that the environment names a database, and say where the data is.

    If it names none, a PostgreSQL is started (or joined) with its data in `DATA_DIR`, and its URL
    is put into the environment, from which worker processes inherit it.

    Raises:
        ConfigurationError: There is no `DATABASE_URL`, and this is production.
        EmbeddedError: The server cannot start.
    """
    if DatabaseSettings.is_given():
        yield str(settings.database().url)
        return
    if settings.is_production:
        raise ConfigurationError(
            "DATABASE_URL is missing, and APP_ENV is production.",
            hint="Set it to the URL that your provider shows.",
        )
    announce_use(settings.data_dir)
    postgres = EmbeddedPostgres(settings.data_dir / DATABASE, restart=True)
    with carrying_over(settings.data_dir), postgres:
        os.environ["DATABASE_URL"] = postgres.url
        try:
            yield f"{postgres.data_dir} (PostgreSQL {postgres.version}, port {postgres.port})"
        finally:
            del os.environ["DATABASE_URL"]


async def wait_for_database(settings: DatabaseSettings) -> None:
    """Connect once before serving, so that a problem is reported in a sentence.

    With `DATABASE_START_DEGRADED` there is no wait.

    Raises:
        ConnectError: The database cannot be reached, or refuses.
    """
    if settings.start_degraded:
        return
    async with Database(settings):
        pass


@contextmanager
def linking_to(address: str, settings: Settings) -> Iterator[None]:
    """Let mails link to this server while `PUBLIC_URL` names no other.

    Not in production: there, people may reach the server by another address only.
    """
    if settings.is_production or settings.public_url is not None:
        yield
        return
    os.environ["PUBLIC_URL"] = address
    try:
        yield
    finally:
        del os.environ["PUBLIC_URL"]
