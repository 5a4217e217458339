"""Tokens: what they say, and what is refused."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from staged import KEY

from todo.accounts.tokens import ACCESS, REFRESH, REMEMBERED, Tokens
from todo.errors import NotAuthenticatedError
from todo.models import new_id, utc_now

USER, LOGIN = new_id(), new_id()


def make_tokens(
    *,
    key: str = KEY,
    issuer: str = "todo-api",
    audience: str = "todo-api",
    now: Callable[[], datetime] = utc_now,
) -> Tokens:
    return Tokens(
        key=key,
        algorithm="HS256",
        issuer=issuer,
        audience=audience,
        access_lifetime=timedelta(minutes=15),
        refresh_lifetime=timedelta(days=7),
        now=now,
    )


def forged(*, typ: str = ACCESS, key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    now = datetime.now(UTC)
    whole = {
        "iss": "todo-api",
        "aud": "todo-api",
        "sub": str(USER),
        "sid": str(LOGIN),
        "jti": "an identifier",
        "iat": now,
        # Made while the tests are collected, and read minutes later.
        "exp": now + timedelta(days=1),
        **claims,
    }
    kept = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm, headers={"typ": typ})


def refused_code(text: str) -> str:
    with pytest.raises(NotAuthenticatedError) as caught:
        make_tokens().read_access(text)
    return caught.value.code


def test_an_access_token_names_the_user_and_the_login() -> None:
    tokens = make_tokens()

    token = tokens.read_access(tokens.issue_access(user_id=USER, login_id=LOGIN))

    assert (token.user_id, token.login_id) == (USER, LOGIN)


def test_a_refresh_token_carries_what_the_database_stores_of_it() -> None:
    tokens = make_tokens()
    issued = tokens.issue_refresh(user_id=USER, login_id=LOGIN)

    token = tokens.read_refresh(issued.text)

    assert (token.user_id, token.login_id) == (USER, LOGIN)
    assert token.hash == issued.hash
    assert len(token.hash) == 32


def test_two_refresh_tokens_of_one_login_differ() -> None:
    tokens = make_tokens()
    first = tokens.issue_refresh(user_id=USER, login_id=LOGIN)
    second = tokens.issue_refresh(user_id=USER, login_id=LOGIN)

    assert first.hash != second.hash


def test_the_staged_forgery_is_accepted_where_nothing_is_wrong_with_it() -> None:
    assert make_tokens().read_access(forged()).user_id == USER


def test_a_refresh_token_is_no_access_token() -> None:
    issued = make_tokens().issue_refresh(user_id=USER, login_id=LOGIN)

    assert refused_code(issued.text) == "token-invalid"


def test_an_access_token_is_no_refresh_token() -> None:
    tokens = make_tokens()

    with pytest.raises(NotAuthenticatedError):
        tokens.read_refresh(tokens.issue_access(user_id=USER, login_id=LOGIN))


def test_an_expired_token_is_told_apart() -> None:
    past = make_tokens(now=lambda: utc_now() - timedelta(minutes=16))

    assert refused_code(past.issue_access(user_id=USER, login_id=LOGIN)) == "token-expired"


def test_a_token_that_was_used_before_expires_all_the_same() -> None:
    clock = [utc_now()]
    tokens = make_tokens(now=lambda: clock[0])
    text = tokens.issue_access(user_id=USER, login_id=LOGIN)
    tokens.read_access(text)

    clock[0] += timedelta(minutes=15)

    with pytest.raises(NotAuthenticatedError) as caught:
        tokens.read_access(text)
    assert caught.value.code == "token-expired"


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signatures were looked at."""
    texts: list[str] = []
    decode = jwt.decode_complete

    def noted(text: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        texts.append(text)
        return decode(text, *arguments, **options)

    monkeypatch.setattr(jwt, "decode_complete", noted)
    return texts


def test_a_token_is_verified_once(verified: list[str]) -> None:
    tokens = make_tokens()
    text, other = (tokens.issue_access(user_id=new_id(), login_id=LOGIN) for _ in range(2))

    assert tokens.read_access(text) == tokens.read_access(text)
    assert tokens.read_access(other) != tokens.read_access(text)
    assert verified == [text, other]


def test_a_refused_token_is_verified_each_time(verified: list[str]) -> None:
    tokens, text = make_tokens(), forged(key=KEY.upper())

    for _ in range(2):
        with pytest.raises(NotAuthenticatedError):
            tokens.read_access(text)

    assert verified == [text, text]


def test_tokens_are_not_remembered_without_end(verified: list[str]) -> None:
    tokens = make_tokens()
    first, *others = (
        tokens.issue_access(user_id=USER, login_id=LOGIN) for _ in range(REMEMBERED + 1)
    )
    for text in (first, *others):
        tokens.read_access(text)
    verified.clear()

    tokens.read_access(others[-1])
    tokens.read_access(first)

    assert verified == [first]


def test_a_token_from_a_host_whose_clock_runs_ahead_is_believed() -> None:
    ahead = make_tokens(now=lambda: utc_now() + timedelta(seconds=30))

    token = make_tokens().read_access(ahead.issue_access(user_id=USER, login_id=LOGIN))

    assert token.user_id == USER


@pytest.mark.parametrize(
    "text",
    [
        forged(typ="JWT"),
        forged(typ=REFRESH),
        forged(key=KEY.upper()),
        forged(key=KEY + "0123456789abcdef0123456789", algorithm="HS384"),
        forged(iss="somebody-else"),
        forged(aud="somebody-else"),
        forged(aud=["todo-api", "somebody-else"]),
        forged(iss=None),
        forged(aud=None),
        forged(sub=None),
        forged(sid=None),
        forged(jti=None),
        forged(iat=None),
        forged(exp=None),
        forged(sub="nobody"),
        forged(sid="nowhere"),
        forged(sid=7),
        "",
        "not.a.token",
        "a.b",
        "é.é.é",
        "[" * 40_000,
        base64.urlsafe_b64encode(b"[" * 30_000).decode() + ".e30.e30",
    ],
    ids=range(23),
)
def test_a_token_that_is_not_ours_is_refused(text: str) -> None:
    assert refused_code(text) == "token-invalid"


def test_a_token_without_a_signature_is_refused() -> None:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = jwt.decode(forged(), options={"verify_signature": False})
    unsigned = f"{part({'alg': 'none', 'typ': ACCESS})}.{part(claims)}."

    assert refused_code(unsigned) == "token-invalid"


def test_a_changed_claim_breaks_the_signature() -> None:
    header, _, signature = forged().split(".")
    _, payload, _ = forged(sub=str(UUID(int=0))).split(".")

    assert refused_code(f"{header}.{payload}.{signature}") == "token-invalid"


def test_no_secret_shows_in_the_representations() -> None:
    issued = make_tokens().issue_refresh(user_id=USER, login_id=LOGIN)

    assert issued.text not in repr(issued)
    assert KEY not in repr(make_tokens())
