"""Read what has changed since a client read last."""

from dataclasses import dataclass
from uuid import UUID

from todo.errors import GoneError
from todo.paging import Position
from todo.sync import sql
from todo.sync.sql import ChangesRow
from todo.sync.token import NOWHERE, Since, Snapshot
from wellhead import Database


@dataclass(frozen=True, slots=True)
class ChangedSince:
    """A page of changes.

    Attributes:
        row: The changes as JSON, and whether there are more.
        since: Where to continue.
    """

    row: ChangesRow
    since: Since


async def changes(
    database: Database, *, owner_id: UUID, since: Since | None, limit: int
) -> ChangedSince:
    """A page of what has changed after `since`; of everything if that is None.

    Raises:
        GoneError: `since` does not apply to this database, or deletions after it are forgotten.
    """
    row = await _read(database, owner_id, since, limit)
    now = Snapshot.parse(row.snapshot)
    if since is not None and not _applies(since, row):
        raise GoneError(
            "This token of `since` is too old, or from a database that was restored; read "
            "everything again: leave `since` out, and forget what does not come.",
            code="read-everything",
        )
    end = now if since is None or since.end is None else since.end
    if row.more:
        assert row.last_xid is not None and row.last_id is not None  # noqa: S101, PT018 - a page
        after = Position(row.last_xid, row.last_id)
        seen = None if since is None else since.seen
        return ChangedSince(row, Since(row.history, seen, end, after))
    return ChangedSince(row, Since(row.history, end, None))


async def _read(database: Database, owner_id: UUID, since: Since | None, limit: int) -> ChangesRow:
    after = NOWHERE if since is None else since.after
    # One more than the page size tells whether there is a next page.
    values = {
        "owner_id": owner_id,
        "limit": limit + 1,
        "after_xid": after.value,
        "after_id": after.id,
    }
    if since is None or since.seen is None:
        return await sql.everything().one(database, **values)
    return await sql.changes().one(
        database,
        **values,
        seen_xmin=since.seen.xmin,
        seen_xmax=since.seen.xmax,
        seen_xip=since.seen.xip,
        end_xmax=None if since.end is None else since.end.xmax,
        end_xip=[] if since.end is None else since.end.xip,
    )


def _applies(since: Since, row: ChangesRow) -> bool:
    """Whether the database still knows all that has happened after `since`."""
    if since.history != row.history:
        return False
    for snapshot in (since.seen, since.end):
        # A backup was put back: these transactions have not begun yet.
        if snapshot is not None and snapshot.xmax > row.next_xid:
            return False
    return since.seen is None or row.forgotten < since.seen.xmin
