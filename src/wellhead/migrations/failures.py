"""A failed migration in words: which one, why, and what is left of it."""

import traceback
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from wellhead.errors import MigrationBusyError, MigrationError
from wellhead.errors.discretion import sentence_of
from wellhead.migrations.patience import Progress
from wellhead.migrations.steps import revision_of

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationStep


def failed(progress: Progress, step: "MigrationStep", error: Exception) -> MigrationError:
    """Translate what a migration raised; the statement and its values are left out."""
    what = "Migration" if step.is_upgrade else "Taking back migration"
    title = f" ({step.doc})" if step.doc else ""
    name = f"{what} {revision_of(step)}{title}"
    kept = (
        "Statements outside its transaction were kept: undo them, or make them repeatable "
        "(IF NOT EXISTS), before you migrate again. An index that CREATE INDEX CONCURRENTLY left "
        "behind is invalid; drop it."
        if progress.has_leaked
        else "Nothing of this run was kept: its migrations are one transaction."
        if progress.is_one_transaction
        else "Nothing of it was kept; what was applied before it stays."
    )
    if progress.may_give_way(error):
        return MigrationBusyError(
            f"{name} needs a table that was in use during the {progress.seconds:.0f} s that it "
            "was tried.",
            hint=f"{kept} Look for long transactions in pg_stat_activity, and migrate again.",
        )
    return MigrationError(f"{name} failed: {reason(error)}.", hint=kept)


def refused(error: Exception) -> MigrationError:
    """Translate what was raised while no migration was in progress."""
    return MigrationError(f"The migrations cannot be run: {reason(error)}.")


def unreadable(error: DBAPIError) -> MigrationError:
    """Translate what was raised where the version table was read."""
    return MigrationError(
        f"The state of the schema cannot be read: {reason(error)}.",
        hint="The user of the database URL needs SELECT on alembic_version.",
    )


def reason(error: Exception) -> str:
    """Why something failed; the statement and the values of rows are left out."""
    if isinstance(error, DBAPIError):
        return sentence_of(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"
