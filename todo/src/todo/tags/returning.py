"""Tags of a task that comes back, deleted or exported: by their ids, or else by their names."""

from sqlalchemy import CTE, FromClause, and_, exists, func, literal_column, or_, select, union
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased
from sqlmodel import col

from todo.sql import NOW, OWNER
from todo.tags.carried import SHOWN
from todo.tags.models import NAME_CONSTRAINT, Tag


def returned(wanted: FromClause) -> tuple[CTE, CTE]:
    """The wanted tags of the owner; missing ones are created, and have new ids.

    A tag is found by its id, whatever its name is now, or else by its name. With an old id it would
    get revisions again that it had.

    Args:
        wanted: Their `id`, `name`, `name_folded` and `color`; one may be there several times.

    Returns:
        The tags, and those of them that are created.
    """
    same = aliased(Tag)
    has_id = exists().where(col(same.user_id) == OWNER, col(same.id) == wanted.c.id)
    is_it = and_(
        col(Tag.user_id) == OWNER,
        or_(
            col(Tag.id) == wanted.c.id,
            and_(col(Tag.name_folded) == wanted.c.name_folded, ~has_id),
        ),
    )
    here = select(*SHOWN).join(wanted, is_it).cte("here")
    given = {
        "id": func.gen_random_uuid(),
        "user_id": OWNER,
        "name": func.min(wanted.c.name),
        "name_folded": wanted.c.name_folded,
        "color": func.min(wanted.c.color),
        "version": literal_column("1"),
        "created_at": NOW,
        "updated_at": NOW,
    }
    missing = (
        select(*given.values())
        .select_from(wanted)
        .where(~exists().where(is_it))
        .group_by(wanted.c.name_folded)
        .order_by(wanted.c.name_folded.collate("C"))
    )
    inserted = insert(Tag).from_select(list(given), missing)
    made = (
        inserted.on_conflict_do_update(
            constraint=NAME_CONSTRAINT, set_={"name_folded": inserted.excluded.name_folded}
        )
        .returning(*SHOWN)
        .cte("made")
    )
    return union(select(here), select(made)).cte("carried"), made
