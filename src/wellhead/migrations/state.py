"""The state of a schema, from its version table and the scripts."""

from collections.abc import Sequence

from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError

from wellhead.errors import MigrationError
from wellhead.health import SchemaState


def compare(scripts: ScriptDirectory, current: Sequence[str]) -> SchemaState:
    """Compare the revisions in the database with the scripts.

    Raises:
        MigrationError: The scripts have several heads.
    """
    at, heads = tuple(sorted(current)), sorted(scripts.get_heads())
    if len(heads) > 1:
        raise MigrationError(
            f"The migrations have {len(heads)} heads: {', '.join(heads)}.",
            hint="Two people added a migration to the same one. Change down_revision of the "
            "later one, or join them with alembic merge heads.",
        )
    head = heads[0] if heads else None
    if any(not _is_known(scripts, revision) for revision in at):
        return SchemaState("ahead", at, head)
    if head is None or at == (head,):
        return SchemaState("at_head", at, head)
    missing = [script.revision for script in scripts.iterate_revisions(head, at or "base")]
    pending = tuple(revision for revision in reversed(missing) if revision not in at)
    return SchemaState("behind", at, head, pending)


def _is_known(scripts: ScriptDirectory, revision: str) -> bool:
    try:
        return scripts.revision_map.get_revision(revision) is not None
    except ResolutionError:
        return False
