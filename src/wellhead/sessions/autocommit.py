"""The engine for readers: another engine's pool, dialect and events, in autocommit.

SQLAlchemy implements the option ``isolation_level`` with a listener for each connection, and a
listener makes every connection check for the listeners of all events.
"""

from typing import Any, Literal

from sqlalchemy.engine import Engine
from sqlalchemy.engine.base import OptionEngine
from sqlalchemy.pool import PoolProxiedConnection

_LEVEL: Literal["AUTOCOMMIT"] = "AUTOCOMMIT"


class AutocommitEngine(OptionEngine):
    """Equivalent to ``engine.execution_options(isolation_level="AUTOCOMMIT")``, but no listener.

    Args:
        engine: The engine whose pool, dialect and events it uses.
        **options: Further execution options.
    """

    def __init__(self, engine: Engine, **options: Any) -> None:
        super().__init__(engine, options)
        self._execution_options = self._execution_options.union({"isolation_level": _LEVEL})

    def execution_options(self, **options: Any) -> OptionEngine:
        """The same with further options."""
        options = {**self.get_execution_options(), **options}
        if options["isolation_level"] != _LEVEL:
            return self._proxied.execution_options(**options)
        del options["isolation_level"]
        return AutocommitEngine(self._proxied, **options)

    def raw_connection(self) -> PoolProxiedConnection:
        """A connection of the pool, in autocommit until it is returned."""
        connection: Any = self.pool.connect()
        self.dialect.set_isolation_level(connection.dbapi_connection, _LEVEL)
        record = connection._connection_record  # noqa: SLF001 - test_undocumented_names.py
        record.finalize_callback.append(self.dialect.reset_isolation_level)
        return connection  # type: ignore[no-any-return]  # Any because of its record
