"""The migrations that --scripts names: are they applied, and could they be?"""

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

from wellhead.doctor.case import Case
from wellhead.doctor.findings import Diagnosis, Finding, Outcome
from wellhead.doctor.questions import ask
from wellhead.errors import MigrationError
from wellhead.migrations import Migrations

SCHEMA_BEHIND = Diagnosis(
    "schema_behind",
    Outcome.FAILURE,
    "The database lacks migrations of this program.",
    "Statements name tables and columns that are not there; the service is not ready.",
    "wellhead migrate up",
)
SCHEMA_AHEAD = Diagnosis(
    "schema_ahead",
    Outcome.NOTE,
    "The database has migrations that this program does not know.",
    "That is usual while a new version is rolled out. Otherwise an old program is running.",
    "Deploy the version of the program that has these migrations.",
)
MIGRATIONS_UNREADABLE = Diagnosis(
    "migrations_unreadable",
    Outcome.WARNING,
    "The state of the migrations could not be read.",
    "The directory has no migrations, has several heads, or its table may not be read.",
    "wellhead migrate status --scripts DIR",
)
CANNOT_CREATE = Diagnosis(
    "cannot_create",
    Outcome.WARNING,
    "The role may not create tables in its schema.",
    "Migrations fail with 'permission denied for schema'. From PostgreSQL 15 on, only the owner of "
    "the database may create in public.",
    "GRANT CREATE ON SCHEMA public TO app",
)
EXTENSION_MISSING = Diagnosis(
    "extension_missing",
    Outcome.WARNING,
    "A migration needs an extension that the server does not have.",
    "The migration fails. Providers have lists of the extensions that they offer.",
    "Install the extension's package on the server, or choose a provider that offers it.",
)
EXTENSION_FORBIDDEN = Diagnosis(
    "extension_forbidden",
    Outcome.WARNING,
    "A migration creates an extension, and the role may not.",
    "Only a superuser may create it, or the role lacks CREATE on the database.",
    "Let the database's owner or a superuser run: CREATE EXTENSION name",
)
DIAGNOSES = (
    SCHEMA_BEHIND, SCHEMA_AHEAD, MIGRATIONS_UNREADABLE, CANNOT_CREATE, EXTENSION_MISSING,
    EXTENSION_FORBIDDEN,
)  # fmt: skip

_CREATES: Final = re.compile(
    r"CREATE\s+EXTENSION\s+(?:IF\s+NOT\s+EXISTS\s+)?\\?[\"']?([A-Za-z_][\w-]*)", re.IGNORECASE
)

_RIGHTS: Final = """
    SELECT current_user::text AS role, current_schema()::text AS schema,
        coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create,
        has_database_privilege(current_database(), 'CREATE') AS may_extend,
        (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) AS is_superuser
"""
# The column "trusted" is there from PostgreSQL 13 on.
_EXTENSIONS: Final = """
    SELECT DISTINCT ON (name) name::text, installed,
        coalesce(to_jsonb(v) ->> 'trusted', 'false') = 'true' OR NOT superuser AS is_trusted
    FROM pg_catalog.pg_available_extension_versions AS v ORDER BY name, installed DESC
"""


async def check_migrations(case: Case) -> AsyncIterator[Finding]:
    """Read the state of the schema, and the rights that the next migration needs."""
    scripts = case.wishes.scripts
    if scripts is None:
        return
    yield await _state(case, scripts)
    [rights] = await ask(case.probe, _RIGHTS)
    if not rights["may_create"]:
        schema = rights["schema"] or "public"
        yield CANNOT_CREATE.found(
            f"{rights['role']} may not create tables in {schema}.",
            cure=f'GRANT CREATE ON SCHEMA "{schema}" TO "{rights["role"]}"',
        )
    known = {row["name"]: row for row in await ask(case.probe, _EXTENSIONS)}
    for name in extensions_in(scripts):
        if (finding := _about_extension(name, known, rights)) is not None:
            yield finding


async def _state(case: Case, scripts: Path) -> Finding:
    assert case.connection is not None  # noqa: S101 - the login made it
    try:
        migrations = Migrations(scripts, settings=case.settings)
        state = await migrations.read_state(case.connection)
    except MigrationError as error:
        return MIGRATIONS_UNREADABLE.found(str(error.args[0]), cure=error.hint or "")
    finally:
        await case.connection.rollback()
    if state.position == "behind":
        return SCHEMA_BEHIND.found(
            f"The schema is {state}.", cure=f"wellhead migrate up --scripts {scripts}"
        )
    if state.position == "ahead":
        return SCHEMA_AHEAD.found(f"The schema is {state}.")
    return Finding(f"The schema is {state}.")


def extensions_in(scripts: Path) -> list[str]:
    """The extensions that the migrations create."""
    texts = (file.read_text(errors="replace") for file in (scripts / "versions").glob("*.py"))
    return sorted({name for text in texts for name in _CREATES.findall(text)})


def _about_extension(
    name: str, known: Mapping[str, Any], rights: Mapping[str, Any]
) -> Finding | None:
    if name not in known:
        return EXTENSION_MISSING.found(f"The server does not have the extension {name}.")
    may = rights["is_superuser"] or (known[name]["is_trusted"] and rights["may_extend"])
    if known[name]["installed"] or may:
        return None
    return EXTENSION_FORBIDDEN.found(
        f"The extension {name} is not installed, and {rights['role']} may not create it.",
        cure=f'Let a superuser run: CREATE EXTENSION "{name}"',
    )
