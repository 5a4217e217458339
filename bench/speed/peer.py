"""The ways that are compared, each a small file in `peers/`."""

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
BASE = "fastapi_asyncpg"
"""The peer that ratios are to."""

USUAL = "usual_way"


@dataclass(frozen=True, slots=True)
class Peer:
    """A way to serve the same two routes.

    Attributes:
        name: Its name in results.
        title: Its name on the page.
        app: The factory of its application, as uvicorn takes it.
        package: The package that it needs and the others do not.
        environment: The folder of its own environment below the one of the benchmark; empty
            where it can share that.
        pools: Whether it keeps connections.
    """

    name: str
    title: str
    app: str
    package: str = "fastapi"
    environment: str = ""
    pools: bool = True

    @property
    def module(self) -> str:
        """The module of its application."""
        return self.app.partition(":")[0]

    @property
    def python(self) -> Path:
        """The interpreter that serves it."""
        if not self.environment:
            return Path(sys.executable)
        return Path(sys.prefix) / self.environment / "bin" / "python"

    @property
    def missing(self) -> str:
        """Why it cannot be measured here; empty where it can."""
        version = ".".join(map(str, sys.version_info[:2]))
        if self.environment:
            there = self.python.is_file() and any(
                self.python.parents[1].glob(f"lib/*/site-packages/{self.package}")
            )
        else:
            there = find_spec(self.package) is not None
        return "" if there else f"`{self.package}` is not installed with Python {version}"


def _peer(module: str, title: str, *, factory: str = "create_app", **more: str | bool) -> Peer:
    name = module if factory == "create_app" else f"{module}_{factory.removeprefix('create_app_')}"
    app = f"bench.speed.peers.{module}:{factory}"
    return Peer(name, title, app, **more)  # type: ignore[arg-type]


PEERS = (
    _peer("starlette_asyncpg", "Starlette + asyncpg (the limit)"),
    _peer(BASE, "FastAPI + asyncpg"),
    _peer("sqlspec_asyncpg", "SQLSpec on asyncpg", package="sqlspec"),
    _peer("wellhead_compiled", "**Wellhead**: compiled queries", package="wellhead"),
    _peer("sqlalchemy_core", "SQLAlchemy Core, built once, autocommit"),
    _peer("wellhead_session", "**Wellhead**: `ReaderDep`, `SessionDep`", package="wellhead"),
    _peer(
        "wellhead_session",
        "**Wellhead**: `ReaderDep`, `RunDep`",
        factory="create_app_run",
        package="wellhead",
    ),
    _peer(USUAL, "the usual way: pre-ping, begin, commit"),
    _peer("sqlmodel_tutorial", "SQLModel tutorial: commit, refresh"),
    _peer("advanced_alchemy_service", "advanced-alchemy", package="advanced_alchemy"),
    _peer(
        "fastapi_sqla_session",
        "fastapi-sqla",
        package="fastapi_sqla",
        environment="fastapi-sqla",
    ),
    _peer("fastsqla_session", "FastSQLA", package="fastsqla"),
    _peer("full_stack_template", "full-stack template: threads, psycopg", package="psycopg"),
    _peer("null_pool", "a connection for each request (`NullPool`)", pools=False),
)
