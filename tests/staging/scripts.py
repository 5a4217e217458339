"""Migrations written by a test, and what the test does next to them."""

import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import cache_from_source
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

_ENV = """
import sqlalchemy as sa
from wellhead.migrations import run_env

metadata = sa.MetaData()
sa.Table("pond", metadata, sa.Column("id", sa.Integer, sa.Identity(), primary_key=True){columns})
run_env(metadata)
"""

_MODELS = """
import enum
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from wellhead.migrations import run_env

metadata = sa.MetaData()
{models}
run_env(metadata, {options})
"""

_MAKO = """
revision = ${{repr(up_revision)}}
down_revision = ${{repr(down_revision)}}
import sqlalchemy as sa
from alembic import op
${{imports if imports else ""}}

def upgrade():
    ${{upgrades if upgrades else "..."}}

def downgrade():
    ${{downgrades if downgrades else "..."}}
""".replace("{{", "{").replace("}}", "}")

_REVISION = """
\"\"\"{title}.\"\"\"
import sqlalchemy as sa
from alembic import op
revision = {revision!r}
down_revision = {parent!r}
def upgrade():
{up}
def downgrade():
{down}
"""

POND = 'op.create_table("pond", sa.Column("id", sa.Integer, sa.Identity(), primary_key=True))'
NO_POND = 'op.drop_table("pond")'


class Scripts:
    """A directory of migrations, whose models have one table, ``pond``.

    Args:
        directory: Where it is to be made.
        columns: More columns of the table's model, as code that follows a comma.
    """

    def __init__(self, directory: Path, *, columns: str = "") -> None:
        self.directory = directory
        (directory / "versions").mkdir(parents=True)
        (directory / "env.py").write_text(_ENV.format(columns=columns))
        (directory / "script.py.mako").write_text(_MAKO)

    def say(self, models: str, *, options: str = "") -> None:
        """Write other models.

        Args:
            models: Lines of Python that fill ``metadata``.
            options: Arguments for ``run_env``.
        """
        env = self.directory / "env.py"
        env.write_text(_MODELS.format(models=textwrap.dedent(models), options=options))
        # Python takes a file of the same second and size for the same file.
        Path(cache_from_source(str(env))).unlink(missing_ok=True)

    def add(
        self,
        revision: str,
        up: str,
        down: str = "...",
        *,
        after: str | None = None,
        title: str = "",
    ) -> None:
        """Write a migration.

        Args:
            revision: Its identifier.
            up: Lines of Python.
            down: Lines of Python.
            after: The revision before it.
            title: The first line of its docstring.
        """
        text = _REVISION.format(
            title=title or f"Step {revision}",
            revision=revision,
            parent=after,
            up=textwrap.indent(up, "    "),
            down=textwrap.indent(down, "    "),
        )
        (self.directory / "versions" / f"{revision}.py").write_text(text.lstrip())


@contextmanager
def session(url: str) -> Iterator["psycopg.Connection[Any]"]:
    """Another client's connection, in a transaction from its first statement on."""
    with psycopg.connect(url) as connection:
        yield connection
        connection.rollback()


@contextmanager
def guest(url: str, password: str) -> Iterator[str]:
    """The URL of the same database for a user of its own, who may do next to nothing.

    Args:
        url: The URL of a user who may make others.
        password: As it is written in the URL.
    """
    parts = urlsplit(url)
    name = f"guest_{parts.path[1:]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(name), sql.Literal(unquote(password))
            )
        )
        try:
            place = f"{name}:{password}@{parts.hostname}:{parts.port}"
            yield urlunsplit(parts._replace(netloc=place))
        finally:
            connection.execute(sql.SQL("DROP OWNED BY {0}").format(sql.Identifier(name)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def value(url: str, statement: str) -> Any:
    """The first value that a statement returns."""
    with session(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return row and row[0]


def tables(url: str) -> set[str]:
    """The names of the tables, without Alembic's own."""
    with session(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in rows} - {"alembic_version"}


class Running(Thread):
    """A function that runs concurrently with the test; :meth:`result` waits for its end."""

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__()
        self._function = function
        self._outcome: Any = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Run the function; the test does not call this."""
        try:
            self._outcome = self._function()
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            self._error = error

    def result(self) -> Any:
        """What the function returned; raises what it raised."""
        self.join()
        if self._error is not None:
            raise self._error
        return self._outcome
