"""What can go wrong in the Todo API, said without HTTP.

Services raise these; `todo.main` turns each into a problem document with the class's status. The
tree::

    TodoError
    ├── NotFoundError              no such object, or another user's
    ├── ConflictError              the wish contradicts what is stored
    ├── InvalidError               well formed, but refused by a rule that spans fields or rows
    ├── PreconditionFailedError    the object has changed since the client read it
    ├── PreconditionRequiredError  the client must say which version it read
    ├── NotAuthenticatedError      nobody is logged in, or the login is over
    ├── ForbiddenError             somebody else's path
    ├── TooManyAttemptsError       wait first
    └── BusyError                  too much work at once; the same request succeeds later
"""

from typing import ClassVar


class TodoError(Exception):
    """The root of every error that the application raises for its users.

    Attributes:
        code: A stable, machine-readable name of what happened, such as `email-taken`.
        status: The HTTP status that it is answered with.
        retry_after: Seconds to wait before trying again, or None where waiting does not help.
    """

    status: ClassVar[int] = 500

    def __init__(self, message: str, *, code: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class NotFoundError(TodoError):
    """The object does not exist, or it belongs to somebody else: the answer is the same."""

    status = 404


class ConflictError(TodoError):
    """What is wished contradicts what is stored, such as a name that is taken."""

    status = 409


class InvalidError(TodoError):
    """Every field is well formed, yet a rule across fields or rows refuses them."""

    status = 422


class PreconditionFailedError(TodoError):
    """The object has changed since the client read it; nothing was written."""

    status = 412


class PreconditionRequiredError(TodoError):
    """The client must name the version it read; nothing was written."""

    status = 428


class NotAuthenticatedError(TodoError):
    """No valid token came with the request, or the login behind it is over."""

    status = 401


class ForbiddenError(TodoError):
    """The token is valid, but not for this path."""

    status = 403


class TooManyAttemptsError(TodoError):
    """A limit on attempts is reached; `retry_after` says when it ends."""

    status = 429


class BusyError(TodoError):
    """This process has as much to do as it accepts; nothing was done."""

    status = 503
