"""Arguments of the project's own for Alembic, and where ``env.py`` connects."""

from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Enum, Integer, MetaData, Table, Text

from tests.staging.scripts import Scripts, tables
from wellhead import ConfigurationError, Database, DatabaseSettings, MigrationError
from wellhead.migrations import Applied, Migrations
from wellhead.migrations.configuring import with_defaults

ENV = """
import sqlalchemy as sa
from wellhead import Database, DatabaseSettings
from wellhead.migrations import run_env

async def set_up(connection):
    await connection.execute("SET application_name = 'set up'")

metadata = sa.MetaData()
seen = []
{before}
run_env(metadata, {arguments})
{after}
"""


def write(scripts: Scripts, arguments: str, *, before: str = "", after: str = "") -> None:
    code = ENV.format(arguments=arguments, before=before, after=after)
    (scripts.directory / "env.py").write_text(code)


@pytest.mark.parametrize(
    "option",
    [
        "compare_type=True",
        "compare_type=False",
        "compare_server_default=False",
        "transaction_per_migration=True",
        "transaction_per_migration=False",
        "on_version_apply=lambda **_: None",
        "on_version_apply=[lambda **_: None]",
        "include_schemas=True",
        "render_as_batch=True",
        "literal_binds=True",
        "version_table='versions'",
    ],
)
def test_alembics_options_are_taken(
    option: str, scripts: Scripts, migrations: Migrations, database_url: str
) -> None:
    write(scripts, option)
    sql = migrations.sql()
    migrations.upgrade()

    assert "CREATE TABLE pond" in sql
    assert "pond" in tables(database_url)


def test_the_projects_own_options_win() -> None:
    def never() -> None:
        raise AssertionError

    options = {"compare_type": False, "on_version_apply": print, "autogenerate_plugins": ["a.b"]}
    chosen = with_defaults(MetaData(), options, before_version=never)
    del chosen["render_item"]

    assert chosen == {
        "compare_type": False,
        "compare_server_default": True,
        "transaction_per_migration": True,
        "on_version_apply": (never, print),
        "autogenerate_plugins": ["wellhead.comparing", "a.b"],
    }


def render(kind: str, item: object, context: object) -> "str | bool":
    del context
    return "mine" if kind == "type" and isinstance(item, Integer) else False


def test_the_projects_own_rendering_comes_before_wellheads() -> None:
    def never() -> None:
        raise AssertionError

    context = SimpleNamespace(imports=set())
    render_item = with_defaults(MetaData(), {"render_item": render}, before_version=never)[
        "render_item"
    ]

    assert render_item("type", Integer(), context) == "mine"
    assert render_item("type", Enum("a", name="letter"), context) == (
        "postgresql.ENUM('a', name='letter', create_type=False)"
    )
    assert render_item("type", Text(), context) is False


def test_the_schemas_of_the_models_are_looked_into_and_no_others() -> None:
    def never() -> None:
        raise AssertionError

    metadata = MetaData()
    Table("pond", metadata, schema="water")
    chosen = with_defaults(metadata, {}, before_version=never)
    seen = [name for name in (None, "water", "land") if chosen["include_name"](name, "schema", {})]

    assert chosen["include_schemas"] is True
    assert seen == [None, "water"]


@pytest.mark.parametrize("name", ["connection", "url", "target_metadata", "fn", "dialect_name"])
def test_what_would_lead_somewhere_else_is_refused(
    name: str, scripts: Scripts, migrations: Migrations
) -> None:
    write(scripts, f"**{{{name!r}: None}}")

    with pytest.raises(ConfigurationError, match=f"'{name}'"):
        migrations.upgrade()


def test_migrations_of_one_transaction_are_told_of_when_it_is_committed(
    scripts: Scripts, migrations: Migrations, database_url: str
) -> None:
    write(scripts, "transaction_per_migration=False")
    scripts.add("0002", 'op.execute("SELECT no_such_function()")', after="0001")
    told: list[Applied] = []

    with pytest.raises(MigrationError, match=r"0002.*failed") as caught:
        migrations.upgrade(report=told.append)

    assert "Nothing of this run was kept" in str(caught.value)
    assert (told, tables(database_url)) == ([], set())


def test_migrations_of_one_transaction_are_all_told_of(
    scripts: Scripts, migrations: Migrations
) -> None:
    write(scripts, "transaction_per_migration=False")
    scripts.add("0002", 'op.execute("SELECT 1")', after="0001")
    told: list[Applied] = []

    assert migrations.upgrade(report=told.append) == tuple(told)
    assert [each.revision for each in told] == ["0001", "0002"]


def test_env_py_may_say_where_it_connects(
    scripts: Scripts, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@127.0.0.1:1/nowhere")
    write(scripts, f"settings=DatabaseSettings(url={database_url!r})")
    migrations = Migrations(scripts.directory)
    behind = migrations.state()
    migrations.upgrade()

    assert tables(database_url) == {"pond"}
    assert (behind.position, migrations.state().position) == ("behind", "at_head")


def test_what_migrations_are_given_wins_over_env_py(
    scripts: Scripts, settings: DatabaseSettings, database_url: str
) -> None:
    write(scripts, "settings=DatabaseSettings(url='postgresql://u:p@127.0.0.1:1/nowhere')")
    Migrations(scripts.directory, settings=settings).upgrade()

    assert tables(database_url) == {"pond"}


def test_the_state_is_read_from_the_version_table_that_env_py_names(
    scripts: Scripts, migrations: Migrations
) -> None:
    write(scripts, "version_table='versions'")
    migrations.upgrade()

    assert migrations.state().position == "at_head"


def test_a_url_in_alembics_configuration_is_refused_by_the_look_too(
    scripts: Scripts, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    home = scripts.directory.parent
    location = str(scripts.directory).replace("%", "%%")
    (home / "alembic.ini").write_text(
        f"[alembic]\nscript_location = {location}\npath_separator = os\n"
        "sqlalchemy.url = postgresql://elsewhere/nothing\n"
    )

    with pytest.raises(MigrationError, match=r"sqlalchemy\.url"):
        Migrations().state()


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg"])
def test_hooks_serve_every_connection_of_migrations(
    scripts: Scripts, database_url: str, driver: str
) -> None:
    asked, names = [], []
    password = urlsplit(database_url).password or ""
    without = database_url.replace(f":{password}@", "@").replace("postgresql", driver, 1)

    async def set_up(connection: Any) -> None:
        await connection.execute("SET TIME ZONE 'Asia/Tokyo'")
        names.append(type(connection).__name__)

    async def give() -> str:
        asked.append(1)
        return password

    scripts.add(
        "0002",
        'assert op.get_bind().exec_driver_sql("SHOW timezone").scalar() == "Asia/Tokyo"',
        after="0001",
    )
    database = Database(DatabaseSettings(url=without), credentials=give, set_up=set_up)
    migrations = Migrations(scripts.directory, settings=database)
    done = migrations.upgrade()

    assert [each.revision for each in done] == ["0001", "0002"]
    assert migrations.state().is_ready
    assert len(names) >= 3
    assert asked
