"""Authentication: read from the access token alone, without a query.

Routes below `/api/{user_id}` use `OwnerId`; routes that only need a login use `AccessTokenDep`.
"""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path
from fastapi.requests import HTTPConnection
from fastapi.security import OAuth2PasswordBearer

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


async def owner_id(
    user_id: Annotated[UUID, Path(description="Your own id, as `/api/auth/me` returns it.")],
    token: AccessTokenDep,
) -> UUID:
    """The user in the path, who must be the user of the access token.

    Raises:
        ForbiddenError: The path names another user.
    """
    if user_id != token.user_id:
        raise ForbiddenError(
            "This path belongs to another user; use the id that /api/auth/me returns.",
            code="not-your-path",
        )
    return user_id


OwnerId = Annotated[UUID, Depends(owner_id)]
"""The `user_id` of the path once it is proved to be the token's. Another user's: 403."""
