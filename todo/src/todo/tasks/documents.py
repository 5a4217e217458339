"""Tasks as JSON; `schemas` describes it."""

from todo.documents import moment, moment_or_null, quoted, text_or_null
from todo.tasks.sql import TaskRow

END = '\\""}'
"""What comes after the revision."""


def around_tags(task: TaskRow) -> tuple[str, str]:
    """What comes before the tags of a task, and what between them and the revision.

    A new task is told by the database which tags it carries: the statement puts them in between.
    """
    begin = (
        f'{{"id":"{task.id}","title":{quoted(task.title)},'
        f'"description":{text_or_null(task.description)},"priority":"{task.priority}",'
        f'"due_date":{moment_or_null(task.due_date)},'
        f'"completed":{"false" if task.completed_at is None else "true"},'
        f'"completed_at":{moment_or_null(task.completed_at)},"tags":['
    )
    middle = (
        f'],"created_at":{moment(task.created_at)},"updated_at":{moment(task.updated_at)},'
        '"etag":"\\"'
    )
    return begin, middle


def task_document(task: TaskRow) -> str:
    """A task."""
    begin, middle = around_tags(task)
    return f"{begin}{task.tags}{middle}{task.revision}{END}"
