"""Rows as clients get them."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from bench.todo_speed.by_hand.bodies import PRIORITIES, ShownTask, TagOnTask
from bench.todo_speed.by_hand.bodies_of_many import ShownTag


def shown_task(row: Mapping[str, Any]) -> ShownTask:
    """A task."""
    tags = row["tags"]
    return ShownTask(
        id=row["id"],
        title=row["title"],
        description=row["description"],
        priority=PRIORITIES[row["priority"]],
        due_date=row["due_date"].date() if row["is_all_day"] else row["due_date"],
        completed=row["completed_at"] is not None,
        completed_at=row["completed_at"],
        tags=[TagOnTask(id=tag[0], name=tag[1], color=tag[2]) for tag in tags],
        position=row["position"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        etag=_etag(row["id"], row["version"], tags),
    )


def shown_tag(row: Mapping[str, Any]) -> ShownTag:
    """A tag."""
    return ShownTag(
        id=row["id"],
        name=row["name"],
        color=row["color"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        etag=_etag(row["id"], row["version"], ()),
    )


def _etag(row_id: UUID, version: int, tags: Sequence[Sequence[Any]]) -> str:
    state = [row_id.bytes, b"%d" % version]
    for tag in tags:
        state += tag[0].bytes, b"%d" % tag[3]
    return f'"{hashlib.blake2b(b"/".join(state), digest_size=12).hexdigest()}"'
