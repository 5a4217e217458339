"""Constraints, indexes and generated columns of the models and of the schema."""

import pytest

from tests.migrations.comparing.conftest import Cases, Project, all_at_once
from tests.staging.scripts import session, value


def tank(*parts: str) -> str:
    columns = [
        'sa.Column("id", sa.Integer, primary_key=True)',
        'sa.Column("depth", sa.Integer, nullable=False)',
        'sa.Column("kind", sa.String(9))',
        'sa.Column("years", pg.INT4RANGE)',
    ]
    return f'sa.Table("tank", metadata, {", ".join([*columns, *parts])})\n'


def check(text: str, name: str | None = "deep") -> str:
    return f"sa.CheckConstraint({text!r}, name={name!r})"


def aged(inline: str) -> str:
    return f'sa.Column("age", sa.Integer, {inline})'


def index(*more: str, columns: str = "'depth'") -> str:
    return f"sa.Index('ix', {', '.join([columns, *more])})"


KEY = 'sa.Table("pond", metadata, sa.Column("a", sa.Integer, nullable=False, primary_key={}), {})\n'
OTHER = 'sa.Column("b", sa.Integer, primary_key=True, autoincrement=False)'


CHANGES: Cases = {
    "check added": (tank(), tank(check("depth > 0"))),
    "check changed": (tank(check("depth > 0")), tank(check("depth > 1"))),
    "check removed": (tank(check("depth > 0")), tank()),
    "check renamed": (tank(check("depth > 0")), tank(check("depth > 0", "d"))),
    "unnamed check added": (tank(), tank(check("depth > 0", None))),
    "unnamed changed": (tank(check("depth > 0", None)), tank(check("depth > 1", None))),
    "check of a list": (tank(check("kind IN ('a', 'b')")), tank(check("kind IN ('a')"))),
    "check with signs": (tank(), tank(check("kind LIKE '%:k\\\\_' AND kind <> 'it''s'"))),
    "with its column": (tank(), tank('sa.Column("age", sa.Integer)', check("age > 0"))),
    "column gone": (tank('sa.Column("age", sa.Integer)', check("age > depth")), tank()),
    "enum that is a check": (
        tank('sa.Column("e", sa.Enum("a", native_enum=False, create_constraint=True, name="e"))'),
        tank(
            'sa.Column("e", sa.Enum("a", "b", native_enum=False, create_constraint=True, name="e"))'
        ),
    ),
    "enum that is a longer check": (
        tank('sa.Column("e", sa.Enum("a", native_enum=False, create_constraint=True, name="e"))'),
        tank('sa.Column("e", sa.Enum("abc", native_enum=False, create_constraint=True, name="e"))'),
    ),
    "check of a column added": (tank(), tank(aged(check("age > 0")))),
    "check of a column changed": (
        tank(aged(check("age > 0", None))),
        tank(aged(check("age > 1", None))),
    ),
    "index made unique": (tank(index()), tank(index("unique=True"))),
    "index of a kind": (tank(index()), tank(index("postgresql_using='hash'"))),
    "index includes": (tank(index()), tank(index("postgresql_include=['id']"))),
    "partial index": (tank(index()), tank(index("postgresql_where=sa.text('depth > 1')"))),
    "index of an expression": (
        tank(index(columns="sa.text('lower(kind)')")),
        tank(index(columns="sa.text('upper(kind)')")),
    ),
    "exclude": (tank(), tank("pg.ExcludeConstraint(('years', '&&'), name='no_two')")),
    "unique made deferrable": (
        tank("sa.UniqueConstraint('depth', name='u')"),
        tank("sa.UniqueConstraint('depth', name='u', deferrable=True)"),
    ),
    "key": (KEY.format("False", OTHER), KEY.format("True, autoincrement=False", OTHER)),
    "generated column": (
        tank("sa.Column('g', sa.Integer, sa.Computed('depth + 1', persisted=True))"),
        tank("sa.Column('g', sa.Integer, sa.Computed('depth + 2', persisted=True))"),
    ),
    "generated no more": (
        tank("sa.Column('g', sa.Integer, sa.Computed('depth + 1', persisted=True))"),
        tank("sa.Column('g', sa.Integer)"),
    ),
}


def test_a_migration_makes_them_equal_there_and_back(project: Project) -> None:
    project.go_and_come_back(*all_at_once(CHANGES))


def test_tables_of_one_name_in_two_schemas_are_told_apart(project: Project) -> None:
    with session(project.url) as connection:
        connection.execute("CREATE SCHEMA other")
        connection.commit()

    def models(here: str, there: str) -> str:
        return tank(*filter(None, [here])) + tank(there, "schema='other'")

    options = "include_schemas=True"
    project.follow(models("", index("postgresql_where=sa.text('depth > 1')")), options=options)
    # Alembic adds the one, and does not see the other.
    project.follow(models(index(), index("postgresql_where=sa.text('depth > 2')")), options=options)


def test_a_check_in_other_words_is_no_difference(project: Project) -> None:
    project.follow(tank(check("depth BETWEEN 1 AND 9 AND kind IN ('a', 'b')")))
    project.scripts.say(tank(check("(depth>=1 and depth<=9) and kind in ('a','b')")))

    assert project.migrations.differences() == ""


def test_what_a_restored_dump_words_in_another_way_is_no_difference(project: Project) -> None:
    listed = "kind IN ('a', 'b')"
    models = tank(check(listed), index(f"postgresql_where=sa.text({listed!r})"))
    project.follow(models)
    restored = (
        "DO $$ DECLARE c text := pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conname = 'deep'; i text := pg_get_indexdef('ix'::regclass); BEGIN"
        " EXECUTE 'ALTER TABLE tank DROP CONSTRAINT deep, ADD CONSTRAINT deep ' || c;"
        " DROP INDEX ix; EXECUTE i; END $$"
    )
    wording = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'deep'"
    before = value(project.url, wording)
    with session(project.url) as connection:
        connection.execute(restored)
        connection.commit()

    assert value(project.url, wording) != before
    assert project.migrations.differences() == ""


# SQLAlchemy warns of what it has read itself.
@pytest.mark.filterwarnings("ignore:Can't validate argument:sqlalchemy.exc.SAWarning")
def test_an_unvalidated_check_is_no_difference(project: Project) -> None:
    project.follow(tank(check("depth > 0")))
    with session(project.url) as connection:
        connection.execute("ALTER TABLE tank DROP CONSTRAINT deep")
        connection.execute("ALTER TABLE tank ADD CONSTRAINT deep CHECK (depth > 0) NOT VALID")
        connection.commit()

    assert project.migrations.differences() == ""


def test_a_check_that_only_the_schema_has_is_a_difference(project: Project) -> None:
    project.follow(tank())
    with session(project.url) as connection:
        connection.execute("ALTER TABLE tank ADD CONSTRAINT deep CHECK (depth > 0)")
        connection.commit()

    assert "DROP CONSTRAINT deep" in project.migrations.differences()


def test_what_the_server_refuses_is_a_difference(project: Project) -> None:
    project.follow(tank())
    project.scripts.say(tank(check("made_by_hand(depth)")))

    assert "ADD CONSTRAINT deep CHECK (made_by_hand(depth))" in project.migrations.differences()


def test_what_include_object_leaves_out_is_left_alone(project: Project) -> None:
    project.follow(tank(check("depth > 0")))
    options = "include_object=lambda _, name, kind, *more: kind != 'check_constraint'"
    project.scripts.say(tank(), options=options)

    assert project.migrations.differences() == ""


def test_the_plugin_can_be_left_out(project: Project) -> None:
    project.follow(tank(check("depth > 0")))
    options = "autogenerate_plugins=['alembic.autogenerate.*', '~wellhead.comparing']"
    project.scripts.say(tank(), options=options)

    assert project.migrations.differences() == ""


def test_comparing_leaves_nothing_in_the_database(project: Project) -> None:
    project.follow(tank(check("depth > 0")))
    seen = "SELECT count(*)::int FROM pg_class WHERE relname = 'tank'"
    with session(project.url) as connection:
        connection.execute("INSERT INTO tank (depth) VALUES (1)")
        connection.commit()
    project.migrations.differences()

    assert value(project.url, seen) == 1
    assert value(project.url, "SELECT count(*)::int FROM tank") == 1
