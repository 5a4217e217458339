"""How long a migration waits; known without any database."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from wellhead.settings.checked import CheckedSettings

PREFIX = "DATABASE_"
"""The default prefix of the variables."""


class MigrationSettings(CheckedSettings):
    """The limits of migrations, read like the rest of :class:`DatabaseSettings`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    migration_timeout: Annotated[float, Field(ge=1, le=86400)] = 300.0
    """Seconds that ``migrate up`` waits for another process that migrates, and again for the
    tables that one migration needs; its statements may run for any time."""

    migration_lock_timeout: Annotated[float, Field(ge=0.1, le=600)] = 5.0
    """Seconds a migration may wait for a table lock, which holds up everything queued behind it;
    then it gives way and tries again later."""
