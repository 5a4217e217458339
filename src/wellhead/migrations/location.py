"""Where the migrations are, said to Alembic."""

from pathlib import Path

from alembic.config import Config

from wellhead.errors import MigrationError
from wellhead.migrations.files import check_scripts


def config_for(scripts: Path | None) -> Config:
    """Alembic's configuration.

    Args:
        scripts: The directory with ``env.py`` and ``versions``; None looks into the working
            directory as ``alembic`` does: into ``alembic.ini``, and into ``pyproject.toml`` for
            a table ``tool.alembic``.

    Raises:
        MigrationError: There is no ``env.py``, or no file says where the scripts are.
    """
    if scripts is None:
        return _by_files(Path.cwd())
    check_scripts(scripts)
    config = Config()
    # ConfigParser would take a % for the start of a reference.
    config.set_main_option("script_location", str(scripts.absolute()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("prepend_sys_path", ".")
    return config


def _by_files(directory: Path) -> Config:
    ini, toml = directory / "alembic.ini", directory / "pyproject.toml"
    config = Config(
        file_=ini if ini.is_file() else None, toml_file=toml if toml.is_file() else None
    )
    if config.get_alembic_option("script_location") is None:
        raise MigrationError(
            f"No migrations were found in {directory}: neither alembic.ini nor [tool.alembic] in "
            "pyproject.toml there sets script_location.",
            hint="Go to the directory with alembic.ini, or name the scripts with --scripts DIR.",
        )
    return config
