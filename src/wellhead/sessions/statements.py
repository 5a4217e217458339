"""Every statement on its way to the driver: hooks before it and after it.

SQLAlchemy has events for that. But once an engine has one listener, each connection checks for
the listeners of all its events, which takes longer than what ours do. So ours are called where a
dialect hands a statement or a COMMIT to the driver. The application's listeners work as usual.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from types import TracebackType
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import ExecuteStyle, ExecutionContext

from wellhead.pool.observing import Observer

Look = Callable[[ExecutionContext, str, Mapping[str, Any]], None]
Tell = Callable[[ExecutionContext, str, float], None]
Execute = Callable[..., None]
"""Runs a statement; is given the cursor, the text, the parameters if any, and the context."""


class Statements:
    """The statements and COMMITs of one engine; see :func:`statements_of`.

    Args:
        engine: Its dialect calls this object, once SQLAlchemy has asked the server what it needs to
            know itself.
    """

    __slots__ = (
        "_asked", "_commit", "_dialect", "_execute", "_executemany", "_plain", "_told",
        "_told_commits", "_unwatched",
    )  # fmt: skip

    def __init__(self, engine: Engine) -> None:
        dialect = engine.dialect
        self._dialect: Any = dialect
        self._execute: Execute = dialect.do_execute
        self._executemany: Execute = dialect.do_executemany
        self._plain: Execute = dialect.do_execute_no_params
        self._commit: Callable[..., None] = dialect.do_commit
        self._asked: list[Look] = []
        self._told: list[Tell] = []
        self._told_commits: list[Callable[[], None]] = []
        self._unwatched: tuple[Execute, Execute, Execute, Callable[..., None]] | None = None
        event.listen(engine, "connect", self._begin)

    def ask_first(self, look: Look) -> None:
        """Call before each statement that is not proved to be read-only; an exception stops it.

        Args:
            look: Called with the statement's context, its text, and its connection's options.
        """
        self._asked.append(look)

    def admit(self, admit: Callable[[ExecutionContext], None]) -> None:
        """Call before every statement, also one that is proved to be read-only.

        Args:
            admit: Called with the statement's context, in its greenlet; an exception stops it.
        """

        def admitted(execute: Execute) -> Execute:
            def run(*arguments: Any) -> None:
                admit(arguments[-1])
                execute(*arguments)

            return run

        self._wrap(admitted)

    def observe(self, observers: Sequence[Observer]) -> None:
        """Report every statement and COMMIT to these, with its outcome."""
        commit = self._commit

        def observed(execute: Execute) -> Execute:
            def run(*arguments: Any) -> None:
                with _Reported(observers, arguments[1], arguments[-1]):
                    execute(*arguments)

            return run

        def do_commit(connection: Any) -> None:
            with _Reported(observers):
                commit(connection)

        self._wrap(observed)
        self._commit = do_commit

    def watch(self, observers: Sequence[Observer]) -> None:
        """Report to these, too, from now on, in place of those given before; none ends it."""
        if self._unwatched is None:
            if not observers:
                return
            self._unwatched = self._execute, self._executemany, self._plain, self._commit
        self._execute, self._executemany, self._plain, self._commit = self._unwatched
        if observers:
            self.observe(observers)

    def tell_of(self, tell: Tell) -> None:
        """Call after each statement that the database has completed.

        Args:
            tell: Called with the statement's context, its text, and its duration in seconds.
        """
        self._told.append(tell)

    def tell_of_commits(self, tell: Callable[[], None]) -> None:
        """Call just before each COMMIT is sent."""
        self._told_commits.append(tell)

    def tell_after_commits(self, tell: Callable[[], None]) -> None:
        """Call after each COMMIT, whatever its outcome."""
        commit = self._commit

        def do_commit(connection: Any) -> None:
            try:
                commit(connection)
            finally:
                tell()

        self._commit = do_commit

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """Run a statement."""
        if not getattr(context.compiled, "only_reads", False):
            self._ask(context, statement)
        began = perf_counter()
        self._execute(cursor, statement, parameters, context)
        seconds = perf_counter() - began
        for tell in self._told:
            tell(context, statement, seconds)

    def do_executemany(
        self, cursor: Any, statement: str, parameters: Any, context: Any = None
    ) -> None:
        """Run a statement for several sets of parameters."""
        if not getattr(context.compiled, "only_reads", False):
            self._ask(context, statement)
        began = perf_counter()
        self._executemany(cursor, statement, parameters, context)
        self._tell(context, statement, perf_counter() - began)

    def do_execute_no_params(self, cursor: Any, statement: str, context: Any = None) -> None:
        """Run a statement as it is, without parsing parameters in it."""
        if not getattr(context.compiled, "only_reads", False):
            self._ask(context, statement)
        began = perf_counter()
        self._plain(cursor, statement, context)
        self._tell(context, statement, perf_counter() - began)

    def do_commit(self, connection: Any) -> None:
        """Commit."""
        for tell in self._told_commits:
            tell()
        self._commit(connection)

    def _wrap(self, wrapped: Callable[[Execute], Execute]) -> None:
        # So that what is added costs nothing where there is none.
        self._execute = wrapped(self._execute)
        self._executemany = wrapped(self._executemany)
        self._plain = wrapped(self._plain)

    def _begin(self, connection: object, record: object) -> None:
        del connection, record
        dialect = self._dialect
        dialect.do_execute = self.do_execute
        dialect.do_executemany = self.do_executemany
        dialect.do_execute_no_params = self.do_execute_no_params
        dialect.do_commit = self.do_commit

    def _ask(self, context: ExecutionContext, statement: str) -> None:
        options = context.root_connection.get_execution_options()
        for look in self._asked:
            look(context, statement, options)

    def _tell(self, context: ExecutionContext, statement: str, seconds: float) -> None:
        for tell in self._told:
            tell(context, statement, seconds)


class _Reported:
    """Reports a statement, or without one a COMMIT, once it is completed or has failed."""

    __slots__ = ("_began", "_context", "_observers", "_statement")

    def __init__(
        self, observers: Sequence[Observer], statement: str | None = None, context: Any = None
    ) -> None:
        self._observers = observers
        self._statement = statement
        self._context = context

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        seconds = perf_counter() - self._began
        statement = self._statement
        if statement is None:
            for each in self._observers:
                each.committed(seconds, error)
            return
        shape = _shape(statement, self._context)
        for each in self._observers:
            each.ran(statement, shape, seconds, error)


def _shape(statement: str, context: Any) -> str | None:
    if context.execute_style is ExecuteStyle.INSERTMANYVALUES:
        return None
    # Before SQLAlchemy expands an IN to the length of its list.
    shape: str = getattr(context.compiled, "string", statement)
    return shape


def kind_of(statement: str) -> str:
    """The first word of a statement, such as ``SELECT``."""
    return statement.split(None, 1)[0].upper() if statement.strip() else "?"


def digest_of(statement: str) -> str:
    """The digest by which log lines name a statement without showing it."""
    return hashlib.sha256(statement.encode()).hexdigest()[:12]


def statements_of(engine: Engine) -> Statements:
    """The statements of an engine, and of all derived from it by ``execution_options``."""
    dialect: Any = engine.dialect
    if not hasattr(dialect, "wellhead_statements"):
        dialect.wellhead_statements = Statements(engine)
    statements: Statements = dialect.wellhead_statements
    return statements
