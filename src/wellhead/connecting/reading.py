"""What an engine is read with: the sessions of readers, and the way of compiled queries."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlmodel.ext.asyncio.session import AsyncSession

from wellhead.connecting.cancelling import is_sound
from wellhead.connecting.engine import leaves_standbys
from wellhead.connecting.listeners import warn_if_slow
from wellhead.health.health import Health
from wellhead.pool import AsyncPool
from wellhead.pool.observing import Observer
from wellhead.sessions.autocommit import AutocommitEngine
from wellhead.sessions.commits import READS
from wellhead.sessions.queries.driver import DriverWay
from wellhead.sessions.queries.runner import Engines
from wellhead.sessions.queries.wire import AsyncpgWire, DriverWire, ObservedWire, PsycopgWire
from wellhead.sessions.reader import GUARDED, LASTS
from wellhead.sessions.session_class import LASTING
from wellhead.settings import DatabaseSettings
from wellhead.url import PostgresURL

Open = Callable[[], AsyncSession]


class Readers:
    """The sessions of readers, and the engine with the execution options of each use.

    Args:
        engine: The engine.
        session_class: The class of the sessions.

    Attributes:
        engines: The engine, in autocommit and with read-only transactions.
        openers: What opens a reader's sessions: one that commits by itself, one whose transactions
            are read-only, and the same for transactions that last.
        lasting: The last of them.
    """

    def __init__(self, engine: AsyncEngine, session_class: type[Any]) -> None:
        options = {READS: True, GUARDED: True}
        reading = AsyncEngine(AutocommitEngine(engine.sync_engine, **options))
        protected = engine.execution_options(postgresql_readonly=True, **options)
        maker = partial(async_sessionmaker, class_=session_class, **LASTING)
        self.engines = Engines(engine, reading, protected)
        self.lasting: Open = maker(protected.execution_options(**{GUARDED: LASTS}))
        self.openers: tuple[Open, Open, Open] = maker(reading), maker(protected), self.lasting


def driver_way(
    engine: AsyncEngine,
    settings: DatabaseSettings,
    health: Health,
    *,
    on_unknown: Callable[[], None],
    admit: Callable[[Any], Awaitable[None]] | None = None,
    observers: Sequence[Observer] = (),
) -> DriverWay | None:
    """The way of compiled queries without SQLAlchemy; None if every statement is to be logged.

    Args:
        engine: The engine whose pool it uses.
        settings: Those of the engine.
        health: Notified of the outcome of each statement.
        on_unknown: Called for each write that was sent and got no reply.
        admit: Called with each connection before its statement; see :class:`DriverWay`.
        observers: Are called with each statement.
    """
    url = settings.url
    if not isinstance(url, PostgresURL) or settings.echo:
        return None
    if not isinstance(engine.sync_engine.pool, AsyncPool):
        return None
    wire: DriverWire = PsycopgWire()
    if url.driver == "asyncpg":
        wire = AsyncpgWire()
    if observers:
        wire = ObservedWire(wire, observers)
    limit = settings.slow_query_threshold
    on_slow = None
    if limit is not None:
        on_slow = partial(warn_if_slow, threshold=limit, echo=settings.variable_of("echo"))
    return DriverWay(
        engine, wire, health,
        is_sound=is_sound, on_unknown=on_unknown, on_slow=on_slow, admit=admit,
        leaves_standbys=leaves_standbys(url),
    )  # fmt: skip
