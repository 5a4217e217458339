"""Enum types of the models and of the schema."""

from collections.abc import Callable

import pytest

from tests.migrations.comparing.conftest import Cases, Project, all_at_once
from tests.staging.scripts import session, value
from wellhead import MigrationError

TYPES = "SELECT string_agg(typname, ' ' ORDER BY typname) FROM pg_type WHERE typtype = 'e'"
LABELS = "SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum"


def tank(*columns: str, name: str = "tank", schema: str = "") -> str:
    parts = ['sa.Column("id", sa.Integer, primary_key=True)', *columns]
    if schema:
        parts.append(f"schema={schema!r}")
    return f'sa.Table("{name}", metadata, {", ".join(parts)})\n'


def state(*values: str, default: str = "", **options: object) -> str:
    written = ", ".join([*map(repr, values), 'name="state"'])
    keywords = "".join(f", {name}={given!r}" for name, given in options.items())
    after = f", server_default={default!r}" if default else ""
    return f'sa.Column("state", sa.Enum({written}{keywords}){after})'


ONE, TWO, THREE = state("low"), state("low", "high"), state("low", "mid", "high")


def parents(*values: str) -> str:
    """Two tables, whose foreign key is of the type."""
    return (
        f"shared = sa.Enum({', '.join(map(repr, values))}, name='state')\n"
        "sa.Table('pond', metadata, sa.Column('state', shared, primary_key=True))\n"
        "sa.Table('lake', metadata, sa.Column('id', sa.Integer, primary_key=True),"
        " sa.Column('state', shared, sa.ForeignKey('pond.state')))\n"
    )


EXCLUDED = (
    "sa.Column('r', pg.INT4RANGE)",
    "pg.ExcludeConstraint(('r', '&&'), where=sa.text(\"state = 'low'\"), name='ex')",
)

CHANGES: Cases = {
    "added and taken back in a foreign key": (parents("low"), parents("low", "high")),
    "removed under a foreign key": (parents("low", "mid", "high"), parents("low", "high")),
    "removed under an exclusion": (tank(TWO, *EXCLUDED), tank(ONE, *EXCLUDED)),
    "added at the end": (tank(ONE), tank(TWO)),
    "added in between": (tank(TWO), tank(THREE)),
    "added around": (tank(ONE), tank(state("new", "low", "it's"))),
    "removed": (tank(THREE), tank(TWO)),
    "renamed": (tank(TWO), tank(state("low", "top"))),
    "reordered": (tank(TWO), tank(state("high", "low"))),
    "column added": (tank(), tank(TWO)),
    "column removed": (tank(TWO), tank()),
    "table removed": (tank() + tank(TWO, name="pond"), tank()),
    "another table shares it": (tank(TWO), tank(TWO) + tank(TWO, name="pond")),
    "two new tables share it": (
        tank(),
        tank() + "shared = sa.Enum('low', name='state')\n"
        "for name in ('pond', 'lake'):\n"
        "    sa.Table(name, metadata, sa.Column('state', shared))\n",
    ),
    "in an array": (
        tank('sa.Column("states", sa.ARRAY(sa.Enum("low", "high", name="state")))'),
        tank('sa.Column("states", sa.ARRAY(sa.Enum("high", name="state")))'),
    ),
    "a text becomes one": (
        tank('sa.Column("state", sa.String(9), server_default="low")'),
        tank(state("low", "high", default="low")),
    ),
    "one becomes a text": (
        tank(state("low", "high", default="low")),
        tank('sa.Column("state", sa.String(9), server_default="high")'),
    ),
    "another type with the same values": (
        tank(TWO),
        tank(TWO.replace('name="state"', 'name="level"')),
    ),
    "a new value is the default": (
        tank(state("low", default="low")),
        tank(state("low", "high", default="high")),
    ),
    "a new value is in a check": (
        tank(ONE),
        tank(TWO, "sa.CheckConstraint(\"state <> 'high'\", name='not_high')"),
    ),
    "removed under a default, a check and an index": (
        tank(
            state("low", "mid", "high", default="low"),
            "sa.CheckConstraint(\"state <> 'high'\", name='not_high')",
            "sa.Index('ix', 'id', postgresql_where=sa.text(\"state = 'low'\"))",
        ),
        tank(
            state("low", "high", default="low"),
            "sa.CheckConstraint(\"state <> 'high'\", name='not_high')",
            "sa.Index('ix', 'id', postgresql_where=sa.text(\"state = 'low'\"))",
        ),
    ),
    "a quoted name": (tank(), tank("sa.Column('state', pg.ENUM('low', name='my State'))")),
    "inside of a decorator": (
        "class State(sa.TypeDecorator):\n    impl = sa.Enum('low', name='state')\n"
        "    cache_ok = True\n" + tank("sa.Column('state', State())"),
        "class State(sa.TypeDecorator):\n    impl = sa.Enum('low', 'up', name='state')\n"
        "    cache_ok = True\n" + tank("sa.Column('state', State())"),
    ),
}


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg"])
def test_a_migration_makes_them_equal_there_and_back(
    project_of: Callable[[str], Project], driver: str
) -> None:
    project_of(driver).go_and_come_back(*all_at_once(CHANGES))


OTHER = state("low", schema="other")
IN_ANOTHER_SCHEMA: Cases = {
    "the type alone": (tank(), tank(OTHER)),
    "a value of it": (tank(OTHER), tank(state("low", "high", schema="other"))),
    "the table, too": (tank(schema="other"), tank(OTHER, schema="other")),
    "inherited from the metadata": (
        "inner = sa.MetaData(schema='other')\n" + tank(OTHER).replace("metadata", "inner"),
        "inner = sa.MetaData(schema='other')\n"
        + tank(state("high", schema="other")).replace("metadata", "inner"),
    ),
}


def test_two_enums_of_one_name_with_different_values_are_refused(project: Project) -> None:
    project.scripts.say(tank(ONE) + tank(TWO, name="pond"))

    with pytest.raises(MigrationError, match="two enums of the name state"):
        project.migrations.differences()


def test_they_may_be_in_another_schema(project: Project) -> None:
    with session(project.url) as connection:
        connection.execute("CREATE SCHEMA other")
        connection.commit()
    before, after = all_at_once(IN_ANOTHER_SCHEMA)
    project.go_and_come_back(
        f"{before}\nmetadata = [metadata, inner]", f"{after}\nmetadata = [metadata, inner]"
    )


def test_values_that_the_migration_may_use_are_added_before_its_transaction(
    project: Project,
) -> None:
    project.follow(tank(TWO))
    code = project.follow(tank(THREE, "sa.Column('a', sa.Text)"))

    assert "autocommit_block" in code
    assert "ADD VALUE IF NOT EXISTS 'mid'" in code


def test_the_way_back_drops_what_the_way_there_made(project: Project) -> None:
    project.follow(tank(TWO))
    project.migrations.downgrade("base")

    assert value(project.url, TYPES) is None


def test_a_difference_is_told_in_sql(project: Project) -> None:
    project.follow(tank(TWO))
    project.scripts.say(tank(THREE))

    assert "ALTER TYPE state ADD VALUE 'mid' AFTER 'low'" in project.migrations.differences()


def test_values_alone_are_added_within_the_migrations_transaction(project: Project) -> None:
    project.follow(tank(ONE))

    assert "autocommit_block" not in project.follow(tank(TWO))


def test_removing_a_value_says_what_stops_it(project: Project) -> None:
    project.follow(tank(THREE))
    code = project.follow(tank(TWO))

    assert "# Fails while a row holds mid; ALTER TYPE ... RENAME VALUE keeps rows." in code


def test_rows_keep_their_values_when_others_are_removed(project: Project) -> None:
    project.follow(tank(THREE))
    with session(project.url) as connection:
        connection.execute("INSERT INTO tank (state) VALUES ('low'), ('high')")
        connection.commit()
    project.follow(tank(TWO))

    assert value(project.url, "SELECT string_agg(state::text, ' ') FROM tank") == "low high"
    assert value(project.url, LABELS) == "low high"


def test_a_type_that_something_else_uses_is_left_alone(project: Project) -> None:
    project.follow(tank(TWO))
    with session(project.url) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('calm')")
        connection.execute("CREATE FUNCTION of(mood) RETURNS int RETURN 1")
        connection.commit()

    assert project.migrations.differences() == ""


def test_a_type_that_nothing_uses_is_a_difference(project: Project) -> None:
    project.follow(tank())
    with session(project.url) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('calm')")
        connection.commit()

    assert "DROP TYPE mood" in project.migrations.differences()


def test_a_type_left_behind_is_made_again_along_with_its_column(project: Project) -> None:
    project.follow(tank())
    with session(project.url) as connection:
        connection.execute("CREATE TYPE state AS ENUM ('old')")
        connection.commit()
    code = project.follow(tank(TWO))

    assert "DROP TYPE IF EXISTS state" in code


def test_a_type_that_include_name_leaves_out_is_left_alone(project: Project) -> None:
    project.follow(tank())
    with session(project.url) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('calm')")
        connection.commit()
    options = "include_name=lambda name, kind, parents: kind != 'enum'"
    project.scripts.say(tank(), options=options)

    assert project.migrations.differences() == ""
