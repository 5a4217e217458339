"""Authentication: read from the access token alone, without a query.

Routes below `/api/{user_id}` use `OwnerId`; routes that only need a login use `AccessTokenDep`.
"""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Path
from fastapi.requests import HTTPConnection
from fastapi.security import OAuth2PasswordBearer
from pydantic import GetPydanticSchema

from todo.accounts.tokens import AccessToken, Tokens
from todo.errors import ForbiddenError, NotAuthenticatedError

LOGIN_PATH = "/api/auth/login"


class AccessTokenBearer(OAuth2PasswordBearer):
    """FastAPI's security scheme, which also verifies the token that it finds."""

    async def __call__(self, request: HTTPConnection) -> AccessToken:  # type: ignore[override]
        """Return the verified access token of the request.

        Raises:
            NotAuthenticatedError: There is none, or it is not valid (any more).
        """
        given = await super().__call__(request)
        if not given:
            raise NotAuthenticatedError(
                "An access token is required: send 'Authorization: Bearer <token>'.",
                code="token-missing",
            )
        tokens: Tokens = request.app.state.tokens
        return tokens.read_access(given)


bearer = AccessTokenBearer(
    tokenUrl=LOGIN_PATH.removeprefix("/"),
    # Clients and documents know the scheme by the name of FastAPI's class.
    scheme_name=OAuth2PasswordBearer.__name__,
    refreshUrl=None,
    auto_error=False,
    description="Log in with e-mail address and password, or send `Authorization: Bearer <token>`.",
)

AccessTokenDep = Annotated[AccessToken, Depends(bearer)]
"""The user and the login in the access token; costs no query. Without a valid token: 401."""


# Without a message of its own, the union would report one fault for each of its members.
_Owner = Annotated[
    UUID | Literal["me"],
    GetPydanticSchema(
        lambda source, handler: {
            **handler(source),
            "custom_error_type": "owner",
            "custom_error_message": "Must be your own id, a UUID, or the word me",
        }
    ),
]


async def owner_id(
    user_id: Annotated[
        _Owner, Path(description="Your own id, as `/api/auth/me` returns it, or the word `me`.")
    ],
    token: AccessTokenDep,
) -> UUID:
    """The user in the path, who must be the user of the access token.

    Raises:
        ForbiddenError: The path names another user.
    """
    if user_id not in (token.user_id, "me"):
        raise ForbiddenError(
            "This path belongs to another user; use the id that /api/auth/me returns, or the "
            "word me.",
            code="not-your-path",
        )
    return token.user_id


OwnerId = Annotated[UUID, Depends(owner_id)]
"""The user of the token, once it is proved that the path is theirs. Another user's: 403."""
