"""The types of problems: what each operation can respond with, and what that looks like.

A service raises an error with a `code`; its problem's type is `urn:todo:<code>`. A row here says
where that can happen, so that `/openapi.json` tells programs which types to expect. Tests compare
the rows with the code, and every problem that a test meets with the document.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from wellhead import Fault

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation as the document describes it."""

    path: str
    definition: Json

    def takes(self, header: str) -> bool:
        """Whether a header is one of its parameters."""
        parameters = self.definition.get("parameters", ())
        return any(each["name"].lower() == header for each in parameters)


Where: TypeAlias = Callable[[Operation], bool]


def everywhere(_: Operation) -> bool:
    """Any operation."""
    return True


def with_login(operation: Operation) -> bool:
    """Operations that take an access token."""
    return bool(operation.definition.get("security"))


def with_own_login(operation: Operation) -> bool:
    """Operations that take an access token, and no API token."""
    return with_login(operation) and operation.path.startswith("/api/auth/")


def with_key(operation: Operation) -> bool:
    """Operations that take an `Idempotency-Key`."""
    return operation.takes("idempotency-key")


def is_probe(operation: Operation) -> bool:
    """The routes about the process and its database."""
    return not operation.path.startswith("/api/")


def below(segment: str) -> Where:
    """Operations whose path has this segment."""
    return lambda operation: segment in operation.path.split("/")


def of(*names: str) -> Where:
    """The operations of these names."""
    return lambda operation: operation.definition["operationId"] in names


@dataclass(frozen=True, slots=True)
class Kind:
    """Codes that occur together.

    Attributes:
        name: What they are about; the end of a schema's name. Empty if the status has no other.
        status: The HTTP status that they come with.
        where: The operations that respond with them, if they respond with the status at all.
        codes: Each code, and what its problem says.
    """

    name: str
    status: int
    where: Where
    codes: Mapping[str, str]


_TOKEN = {
    "token-invalid": "The token is invalid; log in again.",
    "token-expired": "The token has expired; refresh it or log in again.",
}

KINDS: Sequence[Kind] = (
    Kind(
        "Token", 401, with_login,
        {
            **_TOKEN,
            "account-gone": "This account has been deleted.",
            "token-missing": "An access token is required.",
        },
    ),
    Kind(
        # A password that another change has replaced meanwhile is wrong, too.
        "Login", 401, of("login", "change_account", "change_password"),
        {"login-failed": "The address or the password is wrong."},
    ),
    Kind(
        "Refresh", 401, of("refresh"),
        {**_TOKEN, "login-over": "This token was used before, or its login has ended."},
    ),
    Kind(
        "Path", 403, below("{user_id}"),
        {
            "not-your-path": "This path belongs to another user.",
            "api-token-read-only": "This API token may only read.",
        },
    ),
    Kind(
        "ApiToken", 403, with_own_login,
        {"login-required": "An API token cannot manage the account."},
    ),
    Kind(
        "Registration", 403, of("register"),
        {
            "registration-closed": "Nobody can register here.",
            "invite-required": "Only those with an invite can register here.",
            "invite-invalid": "This invite was used, has expired, or is for another address.",
        },
    ),
    Kind("Link", 403, of("reset_password"), {"reset-link-invalid": "This link is not valid."}),
    Kind(
        "Password", 403, of("change_account", "change_password", "delete_account"),
        {"password-wrong": "The password is wrong."},
    ),
    Kind("Login", 404, of("end_login"), {"login-not-found": "You have no login with this id."}),
    Kind(
        "ApiToken", 404, of("revoke_api_token"),
        {"api-token-not-found": "You have no API token with this id."},
    ),
    Kind(
        "Mail", 404, of("forgot_password"),
        {"password-reset-unavailable": "This service sends no mail."},
    ),
    Kind("Tag", 404, below("{tag_id}"), {"tag-not-found": "You have no tag with this id."}),
    Kind("Task", 404, below("{task_id}"), {"task-not-found": "You have no task with this id."}),
    Kind(
        "Neighbour", 404, of("move_task"),
        {"other-task-not-found": "You have no other task with the id in before or after."},
    ),
    Kind(
        "Key", 409, with_key,
        {"idempotency-key-in-use": "A request with this Idempotency-Key is in progress."},
    ),
    Kind(
        "Email", 409, of("register", "change_account"),
        {"email-taken": "This address already has an account."},
    ),
    Kind(
        "ApiTokens", 409, of("create_api_token"),
        {"too-many-api-tokens": "The account has as many API tokens as it may."},
    ),
    Kind(
        "Id", 409, of("create_task", "create_tag"),
        {"id-taken": "An object has this id, or had it before it was deleted."},
    ),
    Kind(
        "Name", 409, of("create_tag", "change_tag"),
        {"tag-name-taken": "You already have a tag with this name."},
    ),
    Kind("Tags", 409, of("attach_tag"), {"too-many-tags": "The task has as many tags as it may."}),
    Kind("", 410, everywhere, {"read-everything": "This token is too old; read everything again."}),
    Kind("", 412, everywhere, {"changed-meanwhile": "It has changed since you read it."}),
    Kind(
        "Key", 422, with_key,
        {"idempotency-key-reused": "This Idempotency-Key was sent with another request before."},
    ),
    Kind(
        "Password", 422, of("register", "change_account", "change_password", "reset_password"),
        {"password-is-email": "The password must not be the e-mail address."},
    ),
    Kind(
        "Proof", 422, of("change_account"),
        {"password-required": "A change of the e-mail address needs current_password."},
    ),
    Kind("", 429, everywhere, {"too-many-attempts": "Too many attempts; wait first."}),
    Kind(
        "Busy", 503,
        of(
            "register", "login", "change_account", "change_password", "delete_account",
            "forgot_password", "reset_password",
        ),
        {"busy": "Too many passwords are being checked, or mails sent, at the moment."},
    ),
)  # fmt: skip
"""The codes of each status."""

UNTYPED = "about:blank"
"""The type of a problem of which the status says all (RFC 9457)."""

UNTYPED_STATUSES = (400, 413, 415, 422)

OF_PROBES = ("draining", *Fault)
"""The faults that probes report; their status is 503 whatever has failed."""

NAMES: Mapping[int, str] = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Gone",
    412: "PreconditionFailed",
    413: "ContentTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    503: "Unavailable",
    504: "TimedOut",
}
"""What schemas are called; the phrases of `HTTPStatus` differ between versions of Python."""

EXAMPLES: Mapping[int, Json] = {
    400: {"type": UNTYPED, "title": "Bad Request", "detail": "Idempotency-Key must be sent once."},
    413: {
        "type": UNTYPED,
        "title": "Content Too Large",
        "detail": "The request body may have at most 1048576 bytes.",
    },
    415: {"type": UNTYPED, "title": "Unsupported Media Type"},
    422: {
        "type": UNTYPED,
        "title": "The request is invalid.",
        "detail": "Check body.title.",
        "errors": [{"field": "body.title", "message": "Must not be blank", "code": "text_blank"}],
    },
    503: {
        "type": "urn:wellhead:saturated",
        "title": "Too many requests are waiting for the database.",
    },
    504: {
        "type": "urn:wellhead:request_timeout",
        "title": "The request took too long and was cancelled.",
    },
}
"""Problems without a code, by status."""


@dataclass(frozen=True, slots=True)
class Problems:
    """What an operation can respond with under one status.

    Attributes:
        name: The name of their schema.
        status: The HTTP status.
        types: The types, each once.
        example: One of them.
    """

    name: str
    status: int
    types: Sequence[str]
    example: Json


def problems_of(operation: Operation, status: int) -> Problems:
    """What an operation can respond with under one of its statuses."""
    kinds = [kind for kind in KINDS if kind.status == status and kind.where(operation)]
    said = {f"urn:todo:{code}": each for kind in kinds for code, each in kind.codes.items()}
    types = [*said, *_others(operation, status)] or [UNTYPED]
    kind = [*said][-1] if said else types[0]
    base = NAMES.get(status, f"Problem{status}")
    example = EXAMPLES.get(status) or {
        "type": kind,
        "title": re.sub(r"\B(?=[A-Z])", " ", base),
        **({"detail": said[kind]} if said else {}),
    }
    name = base + "".join(each.name for each in kinds)
    if is_probe(operation):
        name += "Probe"
    return Problems(name, status, types, {**example, "status": status})


def _others(operation: Operation, status: int) -> Iterator[str]:
    if status in UNTYPED_STATUSES:
        yield UNTYPED
    faults = (fault for fault in Fault if fault.http_status == status)
    for fault in OF_PROBES if is_probe(operation) else faults:
        yield f"urn:wellhead:{fault}"
