"""The errors of the Todo API, independent of HTTP.

Services raise these; `todo.main` maps each class to an HTTP status, and responds with a problem
document. The tree::

    TodoError
    ├── NotFoundError              no such object, or another user's
    ├── ConflictError              the request contradicts what is stored
    ├── InvalidError               well formed, but refused by a rule that spans fields or rows
    ├── GoneError                  what it refers to was there, and is forgotten
    ├── PreconditionFailedError    the object has changed since the client read it
    ├── NotAuthenticatedError      not logged in, or the login has ended
    ├── ForbiddenError             another user's path
    ├── TooManyAttemptsError       wait first
    └── BusyError                  too much work at once; the same request succeeds later
"""


class TodoError(Exception):
    """The root of every error that the application raises for its users.

    Attributes:
        code: A stable, machine-readable name of what happened, such as `email-taken`.
        retry_after: Seconds to wait before trying again, or None if waiting does not help.
    """

    def __init__(self, message: str, *, code: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class NotFoundError(TodoError):
    """The object does not exist, or it belongs to another user: the response is the same."""


class ConflictError(TodoError):
    """The request contradicts what is stored, such as a name that is taken."""


class InvalidError(TodoError):
    """Every field is well formed, but a rule across fields or rows refuses them."""


class GoneError(TodoError):
    """The request refers to what was once there and is now forgotten."""


class PreconditionFailedError(TodoError):
    """The object has changed since the client read it; nothing was written."""


class NotAuthenticatedError(TodoError):
    """No valid token came with the request, or its login has ended."""


class ForbiddenError(TodoError):
    """The token is valid, but not for this path."""


class TooManyAttemptsError(TodoError):
    """A limit on attempts is reached; `retry_after` says when it ends."""


class BusyError(TodoError):
    """This process has as much work as it accepts; nothing was done."""
