"""Who is asking: read from the access token alone, without asking the database.

Routes below `/api/{user_id}` take `OwnerId`; routes that only need somebody take `CurrentUserId`.
"""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Request
from fastapi.security import OAuth2PasswordBearer

from todo.accounts.tokens import AccessToken, Tokens
from todo.errors import ForbiddenError, NotAuthenticatedError

LOGIN_PATH = "/api/auth/login"

bearer = OAuth2PasswordBearer(
    tokenUrl=LOGIN_PATH.removeprefix("/"),
    refreshUrl=None,
    auto_error=False,
    description="Log in with e-mail address and password, or send `Authorization: Bearer <token>`.",
)


def tokens(request: Request) -> Tokens:
    """The application's token maker, put on its state by `create_app`."""
    found: Tokens = request.app.state.tokens
    return found


def access_token(
    given: Annotated[str | None, Depends(bearer)], tokens: Annotated[Tokens, Depends(tokens)]
) -> AccessToken:
    """The verified access token of the request.

    Raises:
        NotAuthenticatedError: There is none, or it is not valid (any more).
    """
    if not given:
        raise NotAuthenticatedError(
            "This needs an access token: send 'Authorization: Bearer <token>'.",
            code="token-missing",
        )
    return tokens.read_access(given)


def current_user_id(token: Annotated[AccessToken, Depends(access_token)]) -> UUID:
    """The user that the access token names."""
    return token.user_id


def owner_id(
    user_id: Annotated[UUID, Path(description="Your own id, as `/api/auth/me` tells it.")],
    token: Annotated[AccessToken, Depends(access_token)],
) -> UUID:
    """The user in the path, who must be the one that the access token names.

    Raises:
        ForbiddenError: The path names somebody else.
    """
    if user_id != token.user_id:
        raise ForbiddenError(
            "This path belongs to another user; use the id that /api/auth/me tells.",
            code="not-your-path",
        )
    return user_id


AccessTokenDep = Annotated[AccessToken, Depends(access_token)]
"""The verified access token: the user and the login it was issued for."""

CurrentUserId = Annotated[UUID, Depends(current_user_id)]
"""The id of whoever sent the request; costs no query. Without a valid token: 401."""

OwnerId = Annotated[UUID, Depends(owner_id)]
"""The `user_id` of the path once it is proved to be the token's. Another user's: 403."""
