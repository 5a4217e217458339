"""How long a migration waits, which is known without any database."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from wellhead.settings.checked import CheckedSettings

PREFIX = "DATABASE_"
"""What the names of the variables begin with, unless a prefix of its own is given."""


class MigrationSettings(CheckedSettings):
    """The limits of migrations, read as all of :class:`DatabaseSettings` are."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    migration_timeout: Annotated[float, Field(ge=1, le=86400)] = 300.0
    """Seconds that ``migrate up`` waits for another process that migrates, and again for the
    tables that one migration needs; how long its statements run is not limited."""

    migration_lock_timeout: Annotated[float, Field(ge=0.1, le=600)] = 5.0
    """Seconds a migration may queue for a table, which holds up all that queue behind it; then it
    gives way and tries again later."""
