"""Where the migrations are, said to Alembic."""

from pathlib import Path
from typing import Final

from alembic.config import Config

from wellhead.errors import MigrationError

_INI: Final = "alembic.ini"
_TOML: Final = "pyproject.toml"


def config_for(scripts: Path | None) -> Config:
    """Alembic's configuration.

    Args:
        scripts: The directory with ``env.py`` and ``versions``; None looks into the working
            directory as ``alembic`` does: into ``alembic.ini``, and into ``pyproject.toml`` for
            a table ``tool.alembic``.

    Raises:
        MigrationError: There is no ``env.py``, or no file says where the scripts are.
    """
    return _by_files(Path.cwd()) if scripts is None else _by_directory(scripts)


def _by_directory(scripts: Path) -> Config:
    if not (scripts / "env.py").is_file():
        raise MigrationError(
            f"There are no migrations in {scripts}: it has no env.py.",
            hint="Name the directory that holds env.py and versions.",
        )
    config = Config()
    # ConfigParser would take a % for the start of a reference.
    config.set_main_option("script_location", str(scripts.absolute()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("prepend_sys_path", ".")
    return config


def _by_files(directory: Path) -> Config:
    ini, toml = directory / _INI, directory / _TOML
    config = Config(
        file_=ini if ini.is_file() else None, toml_file=toml if toml.is_file() else None
    )
    if config.get_alembic_option("script_location") is None:
        raise MigrationError(
            f"No migrations were found from {directory}: neither {_INI} nor [tool.alembic] in "
            f"{_TOML} there says script_location.",
            hint="Go to the directory with alembic.ini, or name the scripts with --scripts DIR.",
        )
    return config
