"""Defaults of the models and of the schema."""

from tests.migrations.comparing.conftest import Cases, Project, all_at_once


def tank(kind: str, default: str) -> str:
    return (
        'sa.Table("tank", metadata, sa.Column("id", sa.Integer, primary_key=True), '
        f'sa.Column("c", {kind}, server_default={default}))\n'
    )


CHANGES: Cases = {
    kind: (tank(kind, before), tank(kind, after))
    for kind, before, after in [
        ("sa.JSON", "'{}'", "'[]'"),
        ("sa.Integer", "'1'", "sa.text('2')"),
        ("sa.Text", "'it''s'", "'50% :a'"),
        ("sa.DateTime(timezone=True)", "sa.func.now()", "sa.text('now() + interval $$1 day$$')"),
        ("sa.Uuid", "sa.text('gen_random_uuid()')", "None"),
        ("sa.Enum('a', 'b', name='state')", "'a'", "'b'"),
    ]
}


def test_a_migration_makes_them_equal_there_and_back(project: Project) -> None:
    project.go_and_come_back(*all_at_once(CHANGES))


def test_a_default_in_other_words_is_no_difference(project: Project) -> None:
    project.follow(tank("sa.Boolean", "sa.false()"))
    project.scripts.say(tank("sa.Boolean", "'no'"))

    assert project.migrations.differences() == ""
