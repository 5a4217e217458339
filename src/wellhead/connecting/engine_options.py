"""The application's own arguments for SQLAlchemy's engine: which are accepted, and which not."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import util
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine import Engine

from wellhead.errors import SettingsError
from wellhead.settings.checked import nearest

_BY_SETTING: Final = {
    "pool_size": "DATABASE_POOL_SIZE",
    "max_overflow": "DATABASE_MAX_OVERFLOW",
    "pool_timeout": "DATABASE_POOL_TIMEOUT",
    "pool_recycle": "DATABASE_POOL_RECYCLE",
    "pool_use_lifo": "DATABASE_POOL_USE_LIFO",
    "pool_pre_ping": "DATABASE_POOL_PRE_PING",
    "poolclass": "DATABASE_POOL_MODE",
    "pool": "DATABASE_POOL_MODE",
    "min_idle": "DATABASE_POOL_MIN_IDLE",
    "max_waiting": "DATABASE_POOL_MAX_WAITING",
    "idle_timeout": "DATABASE_POOL_IDLE_TIMEOUT",
    "lifetime_jitter": "DATABASE_POOL_LIFETIME_JITTER",
    "check_after_idle": "DATABASE_POOL_CHECK_AFTER_IDLE",
    "connect_timeout": "DATABASE_CONNECT_TIMEOUT",
    "leak_threshold": "DATABASE_POOL_LEAK_THRESHOLD",
    "hide_parameters": "DATABASE_ECHO_PARAMETERS",
}

_OTHERWISE: Final = {
    "url": "The URL belongs to the settings.",
    "connect_args": "Put driver arguments into the URL, or set them in set_up.",
    "creator": "Use credentials and set_up, which every connection gets.",
    "async_creator": "Use credentials and set_up, which every connection gets.",
    "pool_reset_on_return": "The pool makes sure that returned connections are clean.",
    "pool_events": "Listen on the engine's pool with sqlalchemy.event.",
    "module": "The URL names the driver.",
    "future": "It is always on.",
}

# What create_engine accepts in addition to the arguments of the engine and of the dialect.
_OF_CREATE_ENGINE: Final = frozenset(
    {"echo", "echo_pool", "enable_from_linting", "execution_options", "plugins",
     "pool_logging_name", "query_cache_size"}
)  # fmt: skip
# Arguments of the dialects of both drivers.
_OF_DRIVERS: Final = frozenset({"native_inet_types", "use_native_hstore"})


def check_engine_options(options: Mapping[str, Any]) -> None:
    """Refuse arguments that Wellhead decides itself, and unknown ones.

    Raises:
        SettingsError: There is one; the message says what to use instead.
    """
    if not isinstance(options, Mapping):
        raise SettingsError(
            f"engine_options is of type {type(options).__name__}; it must be a dict of arguments "
            "for create_async_engine."
        )
    known = util.get_cls_kwargs(PGDialect) | util.get_cls_kwargs(Engine)
    known |= _OF_CREATE_ENGINE | _OF_DRIVERS
    for name in options:
        if name in _BY_SETTING:
            raise SettingsError(f"engine_options has {name!r}; set {_BY_SETTING[name]} instead.")
        if name in _OTHERWISE:
            raise SettingsError(f"engine_options has {name!r}. {_OTHERWISE[name]}")
        # A plugin may define its own arguments.
        if name not in known and "plugins" not in options:
            raise SettingsError(
                f"engine_options has {name!r}, which create_async_engine does not know."
                f"{nearest(str(name), known)}"
            )
    _refuse_autocommit(options)


def isolation_levels_of(options: Mapping[str, Any]) -> set[str]:
    """The isolation levels that they set for transactions; empty for the server's."""
    execution = options.get("execution_options") or {}
    levels = (options.get("isolation_level"), execution.get("isolation_level"))
    return {str(level).upper() for level in levels if level is not None}


def _refuse_autocommit(options: Mapping[str, Any]) -> None:
    execution = options.get("execution_options") or {}
    if "AUTOCOMMIT" in isolation_levels_of(options):
        raise SettingsError(
            "engine_options sets isolation_level to AUTOCOMMIT, but a session is one transaction. "
            "Use database.reader(), or set it on one connection's execution_options."
        )
    if own := sorted(name for name in execution if str(name).startswith("wellhead_")):
        raise SettingsError(f"engine_options sets {own[0]!r}, which is Wellhead's own.")
