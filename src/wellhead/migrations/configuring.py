"""Arguments for Alembic's ``context.configure``: the project's own win over Wellhead's."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from wellhead.errors import ConfigurationError

_DEFAULTS: Final = {
    "compare_type": True,
    "compare_server_default": True,
    "transaction_per_migration": True,
}

# By these it is Wellhead that knows where the migrations run, and that nobody else does.
_OWNED: Final = {
    "connection": "Put it into config.attributes['connection'] to bring one along.",
    "url": "Give it as settings=DatabaseSettings(url=...).",
    "dialect": "It is PostgreSQL.",
    "dialect_name": "It is PostgreSQL.",
    "dialect_opts": "It is PostgreSQL.",
    "target_metadata": "It is the first argument of run_env.",
    "fn": "Call Alembic's own EnvironmentContext for commands of your own.",
    "as_sql": "Use --sql.",
    "transactional_ddl": "What is tried again relies on PostgreSQL's, which is transactional.",
    "output_buffer": "Give it to Alembic's Config.",
    "starting_rev": "Give it to the command.",
    "tag": "Give it to the command.",
}


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse what would take the migrations somewhere else than Wellhead watches over.

    Raises:
        ConfigurationError: There is such an argument.
    """
    for name in options:
        if name in _OWNED:
            raise ConfigurationError(f"run_env takes no argument {name!r}. {_OWNED[name]}")


def with_defaults(
    options: Mapping[str, Any], *, before_version: Callable[..., None]
) -> dict[str, Any]:
    """The project's arguments over Wellhead's, for migrations on a database.

    Args:
        options: The project's.
        before_version: Called before a migration's version is written and before the project's
            own ``on_version_apply``, which cannot take its place.
    """
    own = options.get("on_version_apply") or ()
    own = (own,) if callable(own) else tuple(own)
    # Alembic takes it with --sql only.
    online = {name: value for name, value in options.items() if name != "literal_binds"}
    return {**_DEFAULTS, **online, "on_version_apply": (before_version, *own)}


def is_one_transaction(options: Mapping[str, Any]) -> bool:
    """Whether all migrations of a run are committed together."""
    return not options.get("transaction_per_migration", True)
