"""What can go wrong in the Todo API, said without HTTP.

Services raise these; `todo.main` knows which HTTP status each class has, and answers with a
problem document. The tree::

    TodoError
    ├── NotFoundError              no such object, or another user's
    ├── ConflictError              the wish contradicts what is stored
    ├── InvalidError               well formed, but refused by a rule that spans fields or rows
    ├── PreconditionFailedError    the object has changed since the client read it
    ├── NotAuthenticatedError      nobody is logged in, or the login is over
    ├── ForbiddenError             somebody else's path
    ├── TooManyAttemptsError       wait first
    └── BusyError                  too much work at once; the same request succeeds later
"""


class TodoError(Exception):
    """The root of every error that the application raises for its users.

    Attributes:
        code: A stable, machine-readable name of what happened, such as `email-taken`.
        retry_after: Seconds to wait before trying again, or None where waiting does not help.
    """

    def __init__(self, message: str, *, code: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class NotFoundError(TodoError):
    """The object does not exist, or it belongs to somebody else: the answer is the same."""


class ConflictError(TodoError):
    """What is wished contradicts what is stored, such as a name that is taken."""


class InvalidError(TodoError):
    """Every field is well formed, yet a rule across fields or rows refuses them."""


class PreconditionFailedError(TodoError):
    """The object has changed since the client read it; nothing was written."""


class NotAuthenticatedError(TodoError):
    """No valid token came with the request, or the login behind it is over."""


class ForbiddenError(TodoError):
    """The token is valid, but not for this path."""


class TooManyAttemptsError(TodoError):
    """A limit on attempts is reached; `retry_after` says when it ends."""


class BusyError(TodoError):
    """This process has as much to do as it accepts; nothing was done."""
