"""The copy on which the server words what a model says."""

import psycopg
import pytest

from tests.migrations.comparing.conftest import Project
from tests.staging.scripts import guest
from wellhead import DatabaseSettings, MigrationError
from wellhead.migrations import Migrations

TANK = 'sa.Table("tank", metadata, sa.Column("id", sa.Integer, primary_key=True))\n'


def test_a_role_that_may_make_no_temporary_table_is_told_so(project: Project) -> None:
    project.follow(TANK)
    name = project.url.rpartition("/")[2]
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute(f'REVOKE TEMPORARY ON DATABASE "{name}" FROM PUBLIC'.encode())
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC")
    with guest(project.url, "secret") as url:
        guests = Migrations(project.scripts.directory, settings=DatabaseSettings(url=url))
        with pytest.raises(MigrationError) as caught:
            guests.differences()

    assert "permission denied to create temporary tables" in str(caught.value)
    assert "needs the privilege TEMPORARY on the database" in str(caught.value)


def test_a_type_that_does_not_exist_yet_stops_nothing(project: Project) -> None:
    project.follow(TANK)
    column = 'sa.Column("place", type("Cube", (sa.types.UserDefinedType,), {"get_col_spec": '
    project.scripts.say(TANK.replace("))\n", f'), {column}lambda self: "cube"}})()))\n'))

    assert "add_column('tank'" in project.migrations.differences()
