"""The engine that readers use: the pool, the dialect and the events of another, in autocommit.

The option ``isolation_level`` of SQLAlchemy's own such engines listens for each connection, and a
listener makes each connection look for those of all events.
"""

from typing import Any, Literal

from sqlalchemy.engine import Engine
from sqlalchemy.engine.base import OptionEngine
from sqlalchemy.pool import PoolProxiedConnection

_LEVEL: Literal["AUTOCOMMIT"] = "AUTOCOMMIT"


class AutocommitEngine(OptionEngine):
    """What ``engine.execution_options(isolation_level="AUTOCOMMIT")`` gives, without a listener.

    Args:
        engine: Whose pool, dialect and events it has.
        **options: Further execution options.
    """

    def __init__(self, engine: Engine, **options: Any) -> None:
        super().__init__(engine, options)
        self._execution_options = self._execution_options.union({"isolation_level": _LEVEL})

    def execution_options(self, **options: Any) -> OptionEngine:
        """The same with further options, as SQLAlchemy makes it."""
        return self._proxied.execution_options(**{**self.get_execution_options(), **options})

    def raw_connection(self) -> PoolProxiedConnection:
        """A connection of the pool, which commits by itself until it goes back."""
        connection: Any = self.pool.connect()
        self.dialect.set_isolation_level(connection.dbapi_connection, _LEVEL)
        record = connection._connection_record  # noqa: SLF001 - test_undocumented_names.py
        record.finalize_callback.append(self.dialect.reset_isolation_level)
        return connection  # type: ignore[no-any-return]  # Any for its record's sake
