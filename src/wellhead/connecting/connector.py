"""The only way to connect: with credentials, set-up, a time limit and clear errors.

Every connection is made here: the pool's, the probe's, the first one of ``open()``, those of
migrations and the command line, and those of other engines (:mod:`wellhead.connecting.blocking`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Self

import asyncpg

from wellhead.connecting.addresses import have_ipv4
from wellhead.connecting.asyncpg_connection import CLOSE_TIMEOUT, AsyncpgConnection
from wellhead.connecting.credentials import Issuer
from wellhead.connecting.hooks import Hooks, Source, taken_from
from wellhead.connecting.set_up import ConnectionSetUp
from wellhead.connecting.several_hosts import SeveralHosts
from wellhead.errors import (
    AuthenticationError,
    ConfigurationError,
    CredentialsError,
    Fault,
    SetUpError,
    UnreachableError,
)
from wellhead.errors.connecting import connect_error, lacks_route
from wellhead.errors.recognition import fault_of
from wellhead.pool.connection_state import abort, closed_check, free_check, terminate
from wellhead.settings import DatabaseSettings
from wellhead.settings.checked import in_own_names
from wellhead.url import PostgresURL, SQLiteURL
from wellhead.url.tls import OPPORTUNISTIC

logger = logging.getLogger(__package__)

OnError = Callable[[Exception], None]

_probe_limit: ContextVar[float | None] = ContextVar("wellhead_probe_limit", default=None)

# The stage that was in progress, noted on the exception that ends an attempt.
_STAGE = "wellhead_stage"
_CREDENTIALS, _SET_UP = "credentials", "set_up"


@contextmanager
def probing(limit: float) -> Iterator[None]:
    """Limit the time of connections made in the block, and do not report their errors.

    A failed probe is not evidence from traffic.
    """
    token = _probe_limit.set(limit)
    try:
        yield
    finally:
        _probe_limit.reset(token)


class Connector:
    """Makes the connections of one database.

    Args:
        settings: How to connect.
        hooks: What is added to every connection.
        on_error: Called with the error of every connection that could not be made, before it is
            raised.

    Attributes:
        settings: How to connect.
        hooks: What is added to every connection.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        hooks: Hooks | None = None,
        *,
        on_error: OnError | None = None,
    ) -> None:
        self.settings = settings
        self.hooks = hooks or Hooks()
        self._on_error = on_error
        self._limit = settings.effective_connect_timeout
        url = settings.url
        self._hosts = url.hosts if isinstance(url, PostgresURL) else ()
        self._issuer: Issuer | None = None
        self._set_up: ConnectionSetUp | None = None
        self._several: SeveralHosts | None = None
        if isinstance(url, PostgresURL):
            if len(url.hosts) > 1:
                self._several = SeveralHosts(url)
            if self.hooks.credentials is not None:
                self._issuer = Issuer(self.hooks.credentials, url, limit=self._limit)
            if self.hooks.set_up is not None:
                self._set_up = ConnectionSetUp(self.hooks.set_up, is_pooled=url.is_pooled)

    @classmethod
    def of(cls, source: Source | None) -> Self:
        """Make one for settings or a database; None reads the environment now."""
        return cls(*taken_from(source))

    def toward(self, settings: DatabaseSettings) -> "Connector":
        """The same hooks for another target, with its own credentials."""
        return Connector(settings, self.hooks)

    async def connect(self, *args: Any, **arguments: Any) -> Any:
        """Make a driver connection, with the driver's arguments, within the connect timeout.

        Raises:
            ConnectError: It could not be made.
            ConfigurationError: A hook is invalid.
        """
        probe_limit = _probe_limit.get()
        limit = self._limit if probe_limit is None else probe_limit
        try:
            async with asyncio.timeout(limit):
                return await self._connect(args, arguments, limit)
        except Exception as error:  # noqa: BLE001 - any failure is translated
            has_ipv4 = not lacks_route(error) or await have_ipv4(self._hosts)
            failure = self.translate(error, limit=limit, has_ipv4=has_ipv4)
            # A hook's error is raised again with its original cause.
            is_of_hook = isinstance(error, CredentialsError | SetUpError | ConfigurationError)
            raise failure from error.__cause__ if is_of_hook else error

    async def close(self) -> None:
        """Cancel a pending request for credentials."""
        if self._issuer is not None:
            await self._issuer.close()

    def translate(
        self, error: Exception, *, limit: float | None = None, has_ipv4: bool = True
    ) -> Exception:
        """The meaning of a failure to connect; it is also reported to ``on_error``."""
        failure = self._meaning(error, self._limit if limit is None else limit, has_ipv4=has_ipv4)
        if self._on_error is not None and _probe_limit.get() is None:
            self._on_error(failure)
        return failure

    async def _connect(
        self, args: tuple[Any, ...], arguments: Mapping[str, Any], limit: float
    ) -> Any:
        connection = await self._log_in(args, arguments, limit)
        if self._set_up is None:
            return connection
        with _stage(_SET_UP):
            try:
                await self._set_up.first(connection)
            except BaseException:
                await _give_up(connection)
                raise
        return connection

    async def _log_in(
        self, args: tuple[Any, ...], arguments: Mapping[str, Any], limit: float
    ) -> Any:
        connect = _driver_connect(self.settings.url)
        if self._several is not None:
            deadline = asyncio.get_running_loop().time() + limit
            connect = partial(self._several.connect, connect, deadline=deadline)
        if self._issuer is None:
            return await connect(*args, **arguments)
        with _stage(_CREDENTIALS):
            given = await self._issuer.current()
        try:
            return await connect(*args, **given.over(arguments))
        except Exception as error:
            if fault_of(error) is not Fault.AUTHENTICATION:
                raise
            # They may have been replaced since they were requested.
            with _stage(_CREDENTIALS):
                given = await self._issuer.after_refusal()
        return await connect(*args, **given.over(arguments))

    def _meaning(self, error: Exception, limit: float, *, has_ipv4: bool) -> Exception:
        target = self._target
        if isinstance(error, CredentialsError | SetUpError):
            message = f"Could not connect to {target}: {error.args[0]}"
            return type(error)(message, hint=error.hint, sqlstate=error.sqlstate)
        if isinstance(error, ConfigurationError):
            return error
        # Python 3.11.2 does not give its TimeoutError a cause.
        cancelled = error.__context__ if isinstance(error, TimeoutError) else None
        stage = getattr(cancelled, _STAGE, None)
        if stage == _CREDENTIALS:
            return CredentialsError(
                f"Could not connect to {target}: the credentials were not available within "
                f"{limit:g} s.",
                hint="Find out why the credentials function takes so long.",
            )
        if stage == _SET_UP:
            return UnreachableError(
                f"Could not connect to {target}: set_up did not finish within {limit:g} s.",
                hint=f"Make it do less, or raise {self.settings.variable_of('connect_timeout')}.",
            )
        failure = connect_error(
            error,
            target=target,
            timeout=limit,
            insists_on_tls=getattr(self.settings.url, "sslmode", "prefer") not in OPPORTUNISTIC,
            has_ipv4=has_ipv4,
        )
        if self._issuer is not None and isinstance(failure, AuthenticationError):
            failure.hint = (
                "The credentials function was called twice. Check what it returns, and that this "
                "user may connect to this database."
            )
        elif failure.hint is not None:
            failure.hint = in_own_names(failure.hint, self.settings.variable_of)
        return failure

    @property
    def _target(self) -> str:
        names = (host.name if host.is_socket else str(host) for host in self._hosts)
        return ", ".join(names) or "SQLite"


@contextmanager
def _stage(name: str) -> Iterator[None]:
    """Note on a cancellation what was in progress, so that a timeout can be attributed to it."""
    try:
        yield
    except asyncio.CancelledError as cancelled:
        setattr(cancelled, _STAGE, name)
        raise


async def _give_up(connection: Any) -> None:
    """Close a connection that is in the middle of something."""
    try:
        if not (closed_check(connection)() or free_check(connection)()):
            # Otherwise the server would continue with it.
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await abort(connection)
    except Exception as error:  # noqa: BLE001 - it is closed in any case
        logger.debug("a connection did not close cleanly: %s", type(error).__name__)
    finally:
        terminate(connection)


def _driver_connect(url: PostgresURL | SQLiteURL) -> Callable[..., Awaitable[Any]]:
    """The driver's connect function, with Wellhead's connection class."""
    if isinstance(url, PostgresURL) and url.driver == "psycopg":
        from wellhead.connecting.psycopg_connection import (  # noqa: PLC0415 - an optional driver
            LimitedPsycopgConnection,
            PsycopgConnection,
        )

        return (LimitedPsycopgConnection if url.is_pooled else PsycopgConnection).connect
    return partial(asyncpg.connect, connection_class=AsyncpgConnection)
