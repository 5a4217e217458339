"""Every table of the application: importing this module is what fills `metadata`."""

from todo.accounts.models import Login, LoginAttempt, User
from todo.models import metadata
from todo.tags.models import Tag, TaskTag
from todo.tasks.models import Task

__all__ = ["Login", "LoginAttempt", "Tag", "Task", "TaskTag", "User", "metadata"]
