"""Every table of the application: importing this module fills `metadata`."""

from todo.accounts.models import (
    ApiToken,
    Invite,
    InviteUse,
    KnownNetwork,
    Login,
    LoginAttempt,
    PasswordReset,
    User,
)
from todo.idempotency.models import IdempotencyKey
from todo.models import metadata
from todo.sync.models import DeletedTag, DeletedTask, DeletionHorizon
from todo.tags.models import Tag, TaskTag
from todo.tasks.models import Task

__all__ = [
    "ApiToken",
    "DeletedTag",
    "DeletedTask",
    "DeletionHorizon",
    "IdempotencyKey",
    "Invite",
    "InviteUse",
    "KnownNetwork",
    "Login",
    "LoginAttempt",
    "PasswordReset",
    "Tag",
    "Task",
    "TaskTag",
    "User",
    "metadata",
]
