"""What schemathesis cannot know of the Todo API; loaded by `schemathesis.toml`.

Most requests would end at 401, 403 or 404 if ids and passwords were only made up. So the requests
of a logged-in user go to their own path, every second password or refresh token is one
that works, of an account made for that request, and every second object to delete exists.
"""

import itertools
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias
from uuid import UUID

import httpx2
import jwt
import schemathesis
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import RejectedPositiveData

Json = dict[str, Any]
Case: TypeAlias = schemathesis.Case[Any]

PASSWORD = "known to nobody but this run"

FOREIGN = 16
"""One of so many made-up user ids stays as it is: another user's path."""

CONDITIONS = ("if-match", "if-none-match")

KEY = "idempotency-key"
RIGHTLY_REFUSED = {
    "urn:todo:idempotency-key-reused": "a key can be well formed and belong to another request",
    "urn:todo:password-required": "only another address than the present one needs it",
}
"""Types of problems of well-formed requests, and why they are refused."""

CANNOT_BE_DOCUMENTED = {
    "cursor": "only the server makes cursors",
    "due_range": "two times that are well formed can stand in the wrong order",
    "time_zone": "there are more names of time zones every year",
}
"""Codes of faults that no JSON Schema can express, and why."""

_key_turns = itertools.cycle([True, False])
_id_turns = itertools.cycle([True, False])
_turns = itertools.cycle([True, False])
_numbers = itertools.count()
_links = itertools.count()


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: Json) -> None:
    """Let the check `ignored_auth` see that the login is a bearer token; it skips OAuth 2."""
    del context
    for scheme in raw_schema["components"]["securitySchemes"].values():
        if scheme["type"] == "oauth2":
            scheme.clear()
            scheme.update(type="http", scheme="bearer")


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Send a logged-in user's request to their own path, and lend it what works."""
    del context, kwargs
    drop_stray_conditions(case)
    renew_key(case)
    renew_id(case)
    user_id = user_of(case)
    if user_id is not None:
        take_own_path(case, user_id)
    lend = LENDERS.get(case.operation.label)
    if lend is not None and is_valid(case) and next(_turns):
        lend(case)


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext,
    failure: Exception,
    case: Case,
    response: schemathesis.Response,
) -> bool:
    """Drop refusals of well-formed requests that the API documents but no schema can express."""
    del context, case
    return not (isinstance(failure, RejectedPositiveData) and is_rightly_refused(response))


def is_rightly_refused(response: schemathesis.Response) -> bool:
    """Whether the request was well formed and yet had to be refused."""
    if response.status_code == httpx2.codes.PRECONDITION_FAILED:
        # A condition can be well formed and name another version.
        return True
    problem = response.json()
    if problem["type"] in RIGHTLY_REFUSED:
        return True
    faults = problem.get("errors", [])
    return bool(faults) and all(fault["code"] in CANNOT_BE_DOCUMENTED for fault in faults)


def drop_stray_conditions(case: Case) -> None:
    """Take malformed conditions from requests of the coverage phase that are about something else.

    That phase finds no valid value for a header whose pattern wants quotes, puts a malformed one
    into every request, and would see nothing but the 400 for it (schemathesis 4.32).
    """
    if phase_of(case) is not TestPhase.COVERAGE:
        return
    if case.meta and case.meta.phase.data.parameter not in CONDITIONS:
        for name in CONDITIONS:
            case.headers.pop(name, None)


def renew_key(case: Case) -> None:
    """Make every second key one that was never sent; otherwise hardly any request would be new."""
    if KEY in case.headers and is_valid(case) and next(_key_turns):
        case.headers[KEY] = f"key {next(_numbers)}"


def renew_id(case: Case) -> None:
    """Make every second id of a new object one that nobody has: those made up repeat themselves."""
    has_id = isinstance(case.body, dict) and case.body.get("id") is not None
    if has_id and is_valid(case) and next(_id_turns):
        fill_in(case, id=str(UUID(int=next(_numbers), version=4)))


def user_of(case: Case) -> str | None:
    """The user that the request's access token names, or None where there is no such token."""
    scheme, _, token = str(case.headers.get("Authorization", "")).partition(" ")
    if scheme != "Bearer":
        return None
    try:
        return str(jwt.decode(token, options={"verify_signature": False})["sub"])
    except jwt.DecodeError:
        return None


def take_own_path(case: Case, user_id: str) -> None:
    """Put the user's id into the path, unless the value there is not an id or stays foreign."""
    try:
        given = UUID(str(case.path_parameters["user_id"]))
    except (KeyError, ValueError):
        return
    if given.int % FOREIGN != FOREIGN - 1:
        case.path_parameters["user_id"] = user_id


def phase_of(case: Case) -> TestPhase | None:
    """The phase that made the request up."""
    return case.meta.phase.name if case.meta else None


def is_valid(case: Case) -> bool:
    """Whether the request is one that the document allows."""
    return case.meta is not None and case.meta.generation.mode.is_positive


def lend_login(case: Case) -> None:
    """Let a login succeed."""
    email, _ = make_account(case)
    fill_in(case, username=email, password=PASSWORD)


def lend_refresh_token(case: Case) -> None:
    """Let a refresh succeed."""
    _, tokens = make_account(case)
    fill_in(case, refresh_token=tokens["refresh_token"])


def lend_account(field: str) -> Callable[[Case], None]:
    """Send the request in the name of an account whose password this field proves."""

    def lend(case: Case) -> None:
        _, tokens = make_account(case)
        case.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        fill_in(case, **{field: PASSWORD})

    return lend


def lend_object(parameter: str, collection: str, **members: str) -> Callable[[Case], None]:
    """Let the request find an object made for it; `{}` in a member stands for a number."""

    def lend(case: Case) -> None:
        user_id = user_of(case)
        # The stateful phase passes real objects on by itself, and remembers which it has deleted.
        if user_id is not None and phase_of(case) is not TestPhase.STATEFUL:
            answer = client_of(case.operation.base_url).post(
                f"/api/{user_id}/{collection}",
                json={name: value.format(next(_numbers)) for name, value in members.items()},
                headers={"Authorization": case.headers["Authorization"]},
            )
            case.path_parameters[parameter] = answer.raise_for_status().json()["id"]

    return lend


def lend_place(case: Case) -> None:
    """Let a move find its task, and move it to an end: no other task's id can be made up."""
    lend_object("task_id", "tasks", title="Lent {}")(case)
    case.body = {"to": "first"}


def lend_access(parameter: str, collection: str, **members: str) -> Callable[[Case], None]:
    """Let the request end a login or an API token of an account made for it."""

    def lend(case: Case) -> None:
        _, tokens = make_account(case)
        client = client_of(case.operation.base_url)
        case.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        headers = {"Authorization": case.headers["Authorization"]}
        if members:
            client.post(f"/api/auth/{collection}", json=members, headers=headers).raise_for_status()
        listed = client.get(f"/api/auth/{collection}", headers=headers).raise_for_status().json()
        case.path_parameters[parameter] = listed["items"][0]["id"]

    return lend


def lend_link(case: Case) -> None:
    """Let a new password be set, with a link that the test has stored."""
    fill_in(case, token=f"link {next(_links)}")


def fill_in(case: Case, **members: str) -> None:
    """Put members into the body."""
    assert isinstance(case.body, dict)
    case.body = {**case.body, **members}


def make_account(case: Case) -> tuple[str, Json]:
    """The address and the tokens of a new account."""
    email = f"lent{next(_numbers)}@example.com"
    client = client_of(case.operation.base_url)
    account = {"email": email, "password": PASSWORD}
    client.post("/api/auth/register", json=account).raise_for_status()
    login = client.post("/api/auth/login", data={"username": email, "password": PASSWORD})
    tokens: Json = login.raise_for_status().json()
    return email, tokens


@cache
def client_of(base_url: str | None) -> httpx2.Client:
    """A client of the API for this process."""
    return httpx2.Client(base_url=base_url or "", verify=False)


LENDERS: dict[str, Callable[[Case], None]] = {
    "POST /api/auth/login": lend_login,
    "POST /api/auth/refresh": lend_refresh_token,
    "POST /api/auth/change-password": lend_account("current_password"),
    "POST /api/auth/delete-account": lend_account("password"),
    "PATCH /api/auth/me": lend_account("current_password"),
    "DELETE /api/auth/logins/{login_id}": lend_access("login_id", "logins"),
    "DELETE /api/auth/tokens/{token_id}": lend_access("token_id", "tokens", name="x", scope="read"),
    "POST /api/auth/reset-password": lend_link,
    "PATCH /api/{user_id}/tasks/{task_id}/position": lend_place,
    "DELETE /api/{user_id}/tasks/{task_id}": lend_object("task_id", "tasks", title="Lent {}"),
    "DELETE /api/{user_id}/tags/{tag_id}": lend_object("tag_id", "tags", name="lent {}"),
}
