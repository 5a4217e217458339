"""Write all that an account holds into a file, from one snapshot of the database."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from uuid import UUID

from sqlalchemy import Integer, literal_column, select, union_all
from sqlmodel import col

from todo.models import utc_now
from todo.sql import OWNER
from todo.tags.models import Tag
from todo.tags.sql import document_of
from todo.tasks.models import Task
from todo.tasks.sql import COLUMNS, with_tags
from todo.transfer.schemas import VERSION
from wellhead import Database, compiled

IN_MEMORY = 1024 * 1024
"""How many bytes of an export are in memory; the others are in a temporary file."""

CHUNK = 64 * 1024
"""How many bytes are sent at a time."""

_TAG = literal_column("0", Integer)
_TASK = literal_column("1", Integer)


@dataclass(slots=True)
class _Exported:
    kind: int
    document: str


def _everything() -> Any:
    columns = {each.name: each for each in Tag.__table__.c}  # type: ignore[attr-defined]
    tags: Any = select(
        _TAG.label("kind"), col(Tag.id).label("id"), document_of(columns).label("document")
    ).where(col(Tag.user_id) == OWNER)
    mine = select(*COLUMNS).where(col(Task.user_id) == OWNER).subquery("task")
    document, _, whole = with_tags(mine)
    tasks = select(_TASK, mine.c.id, document).select_from(whole)
    every = union_all(tags, tasks).subquery("every")
    return select(every.c.kind, every.c.document).order_by(every.c.kind, every.c.id)


EVERYTHING = compiled(_everything(), into=_Exported)
"""The tags, then the tasks of a user."""


async def export(database: Database, *, owner_id: UUID) -> IO[bytes]:
    """All tags and tasks of a user, as a JSON document in a temporary file.

    So a client that reads slowly holds no connection and no transaction, and what fails fails
    before the response begins. The caller closes the file.
    """
    file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed by the caller
    try:
        start = {
            "version": VERSION,
            "user_id": str(owner_id),
            "exported_at": utc_now().isoformat().replace("+00:00", "Z"),
        }
        file.write(f'{json.dumps(start)[:-1]},"tags":['.encode())
        kind, separator = 0, ""
        async with EVERYTHING.stream(database, owner_id=owner_id) as rows:
            async for row in rows:
                if row.kind != kind:
                    kind, separator = row.kind, '],"tasks":['
                file.write(f"{separator}{row.document}".encode())
                separator = ","
        file.write(b"]}" if kind else b'],"tasks":[]}')
    except BaseException:
        file.close()
        raise
    return file


async def chunks_of(file: IO[bytes]) -> AsyncIterator[bytes]:
    """The content of a file from its beginning; it is closed at the end."""
    with file:
        file.seek(0)
        while chunk := file.read(CHUNK):
            yield chunk
