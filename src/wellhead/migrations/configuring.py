"""Arguments for Alembic's ``context.configure``: the project's own win over Wellhead's."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from alembic.autogenerate.api import AutogenContext
from sqlalchemy import MetaData

from wellhead.errors import ConfigurationError
from wellhead.migrations.comparing import NAME, enable, render_enum

_DEFAULTS: Final = {
    "compare_type": True,
    "compare_server_default": True,
    "transaction_per_migration": True,
}

enable()

# With these, the project would decide where the migrations run, which only Wellhead may.
_OWNED: Final = {
    "connection": "Set config.attributes['connection'] instead.",
    "url": "Give it as settings=DatabaseSettings(url=...).",
    "dialect": "It is PostgreSQL.",
    "dialect_name": "It is PostgreSQL.",
    "dialect_opts": "It is PostgreSQL.",
    "target_metadata": "It is the first argument of run_env.",
    "fn": "Call Alembic's own EnvironmentContext for commands of your own.",
    "as_sql": "Use --sql.",
    "transactional_ddl": "Trying again relies on PostgreSQL's transactional DDL.",
    "output_buffer": "Give it to Alembic's Config.",
    "starting_rev": "Give it to the command.",
    "tag": "Give it to the command.",
}


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options that would run the migrations elsewhere or otherwise.

    Raises:
        ConfigurationError: There is such an argument.
    """
    for name in options:
        if name in _OWNED:
            raise ConfigurationError(f"run_env takes no argument {name!r}. {_OWNED[name]}")


def with_defaults(
    metadata: MetaData | Sequence[MetaData],
    options: Mapping[str, Any],
    *,
    before_version: Callable[..., None],
) -> dict[str, Any]:
    """The project's arguments over Wellhead's, for migrations on a database.

    Args:
        metadata: The models'.
        options: The project's.
        before_version: Called before a migration's version is written and before the project's
            own ``on_version_apply``, which cannot take its place.
    """
    own = options.get("on_version_apply") or ()
    own = (own,) if callable(own) else tuple(own)
    # Alembic takes it with --sql only.
    online = {name: value for name, value in options.items() if name != "literal_binds"}
    return {
        **_DEFAULTS,
        **online,
        **_all_schemas(metadata, options),
        **_comparing(options),
        "on_version_apply": (before_version, *own),
    }


def _comparing(options: Mapping[str, Any]) -> dict[str, Any]:
    """Let Alembic compare by Wellhead's plugin, too, unless the project switches it off."""
    plugins = options.get("autogenerate_plugins", ["alembic.autogenerate.*"])
    if f"~{NAME}" in plugins:
        return {}
    render_item = partial(_render_item, options.get("render_item"))
    return {"autogenerate_plugins": [NAME, *plugins], "render_item": render_item}


def _render_item(
    own: Callable[..., Any] | None, kind: str, item: Any, context: AutogenContext
) -> Any:
    written = own(kind, item, context) if own is not None else False
    return render_enum(kind, item, context) if written is False else written


def _all_schemas(
    metadata: MetaData | Sequence[MetaData], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Let Alembic look into the schemas of the models, else their tables seem to be missing."""
    every = [metadata] if isinstance(metadata, MetaData) else metadata
    schemas = {table.schema for each in every for table in each.tables.values()} - {None}
    if not schemas or "include_schemas" in options:
        return {}
    own = options.get("include_name")

    def include_name(name: str | None, kind: str, parents: Any) -> bool:
        if kind == "schema" and name is not None and name not in schemas:
            return False
        return own is None or bool(own(name, kind, parents))

    return {"include_schemas": True, "include_name": include_name}


def is_one_transaction(options: Mapping[str, Any]) -> bool:
    """Whether all migrations of a run are committed together."""
    return not options.get("transaction_per_migration", True)
