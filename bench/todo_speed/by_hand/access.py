"""Who asks: the user of the path, whom the access token must name."""

from typing import Annotated, Any
from uuid import UUID

import jwt
from fastapi import Depends, Request

from bench.todo_speed.by_hand.problems import Refusal

ISSUER = AUDIENCE = "todo-api"

_ALGORITHM = "HS256"
_CLAIMS = ["iss", "aud", "sub", "sid", "jti", "iat", "exp"]
_OPTIONS: Any = {"require": _CLAIMS, "strict_aud": True, "verify_iat": False}


async def owner(user_id: UUID, request: Request) -> UUID:
    """The user of the path.

    Raises:
        Refusal: 401 without a valid token, 403 if it names another user.
    """
    authorization = request.headers.get("authorization")
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        told = "An access token is required: send 'Authorization: Bearer <token>'."
        raise unauthenticated("token-missing", told, has_token=authorization is not None)
    if user_id != _user_of(token, request.app.state.key):
        told = (
            "This path belongs to another user; use the id that /api/auth/me returns, or the word "
            "me."
        )
        raise Refusal(403, "not-your-path", told)
    return user_id


Owner = Annotated[UUID, Depends(owner)]


def unauthenticated(code: str, detail: str, *, has_token: bool = True) -> Refusal:
    """A refusal that asks for a token, or for another one."""
    challenge = 'Bearer error="invalid_token"' if has_token else "Bearer"
    return Refusal(401, code, detail, {"WWW-Authenticate": challenge})


def _user_of(token: str, key: str) -> UUID:
    try:
        decoded = jwt.decode_complete(
            token,
            key,
            algorithms=[_ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            options=_OPTIONS,
        )
        claims = decoded["payload"]
        user_id, _ = UUID(claims["sub"]), UUID(claims["sid"])
    except jwt.ExpiredSignatureError as error:
        told = "The token has expired; refresh it or log in again."
        raise unauthenticated("token-expired", told) from error
    except (jwt.PyJWTError, ValueError, AttributeError) as error:
        raise unauthenticated("token-invalid", "The token is invalid; log in again.") from error
    if decoded["header"].get("typ") != "at+jwt":
        told = "This token is for another purpose; send the access token."
        raise unauthenticated("token-invalid", told)
    return user_id
