"""Everything that an Alembic ``env.py`` does."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import MetaData

from wellhead.connecting import Source


def run_env(
    metadata: MetaData | Sequence[MetaData], *, settings: Source | None = None, **options: Any
) -> None:
    """Do everything that an Alembic ``env.py`` does, for every command, online and with ``--sql``.

    Args:
        metadata: The models' metadata, to compare the schema with.
        settings: How to connect: settings, or a :class:`wellhead.Database` for its settings and
            hooks, which need not be open. What is given to :class:`Migrations` wins. None reads
            the environment.
        options: Arguments for Alembic's ``context.configure``; they win over Wellhead's, which are
            ``compare_type``, ``compare_server_default`` and ``transaction_per_migration``. A
            function given as ``on_version_apply`` is called after Wellhead's.

    Raises:
        ConfigurationError: An option by which the migrations would run somewhere else, such as
            ``connection``.
        WellheadError: What could not be done, and why; under the command ``alembic`` it is
            printed instead.
    """
    from wellhead.migrations.run import run  # noqa: PLC0415 - needs Alembic, as env.py does

    run(metadata, settings, options)
