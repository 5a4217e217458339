"""Tags as JSON; `schemas` describes it."""

from todo.documents import moment, quoted
from todo.etag import etag
from todo.tags.sql import CountedTagRow, TagRow


def tag_document(tag: TagRow) -> str:
    """A tag."""
    return _members(tag) + "}"


def counted_tag_document(tag: CountedTagRow) -> str:
    """A tag as lists show it."""
    return f'{_members(tag)},"task_count":{tag.task_count}}}'


def _members(tag: TagRow) -> str:
    return (
        f'{{"id":"{tag.id}","name":{quoted(tag.name)},"color":"{tag.color}",'
        f'"created_at":{moment(tag.created_at)},"updated_at":{moment(tag.updated_at)},'
        f'"etag":{quoted(etag(tag.revision))}'
    )
