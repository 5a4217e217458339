"""Forget what was deleted long ago, and remember up to where that was done."""

from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from todo.batches import delete_batch
from todo.sync.models import DeletedTag, DeletedTask, DeletionHorizon
from todo.sync.sql import NEXT_XID


async def forget_deletions(session: AsyncSession, *, before: datetime, batch: int) -> int:
    """Forget deletions of before a time, up to `batch` of tasks and of tags, and return how many.

    From then on the tokens of `since` that do not contain them are refused.
    """
    xids = [
        xid
        for kind in (DeletedTask, DeletedTag)
        for xid in (await session.execute(_oldest(kind, before, batch))).scalars()
    ]
    # Those of another database, from which this one was restored, were never listed.
    end = (await session.execute(select(NEXT_XID))).scalar_one()
    if own := [xid for xid in xids if xid < end]:
        await session.execute(_horizon(max(own)))
    return len(xids)


def _oldest(kind: type[DeletedTask] | type[DeletedTag], before: datetime, batch: int) -> Any:
    oldest = (
        select(col(kind.id))
        .where(col(kind.deleted_at) < before)
        .order_by(col(kind.deleted_at))
        .limit(batch)
    )
    return delete_batch(kind, oldest).returning(col(kind.changed_xid))


def _horizon(xid: int) -> Any:
    known = col(DeletionHorizon.forgotten_xid)
    row = insert(DeletionHorizon).values(id=1, forgotten_xid=xid)
    new = row.excluded.forgotten_xid
    later = case((known < NEXT_XID, func.greatest(known, new)), else_=new)
    return row.on_conflict_do_update(index_elements=["id"], set_={"forgotten_xid": later})
