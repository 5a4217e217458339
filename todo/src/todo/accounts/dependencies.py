"""Authentication: read from the access token alone, without a query.

Routes below `/api/{user_id}` use `OwnerId`, and take personal API tokens, too, which are looked up;
routes that need a login use `AccessTokenDep`.
"""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Path
from fastapi.requests import HTTPConnection
from fastapi.security import OAuth2PasswordBearer
from pydantic import GetPydanticSchema

from todo.accounts.api_tokens import PREFIX, ApiCaller, caller_of
from todo.accounts.tokens import AccessToken, Tokens
from todo.errors import ForbiddenError, NotAuthenticatedError
from wellhead import Database

LOGIN_PATH = "/api/auth/login"

READING = ("GET", "HEAD")
"""The methods for which an API token with the scope `read` is enough."""


class Bearer(OAuth2PasswordBearer):
    """FastAPI's security scheme, for a token that is verified as well."""

    def __init__(self) -> None:
        super().__init__(
            tokenUrl=LOGIN_PATH.removeprefix("/"),
            # Clients and documents know the scheme by the name of FastAPI's class.
            scheme_name=OAuth2PasswordBearer.__name__,
            refreshUrl=None,
            auto_error=False,
            description="Log in with e-mail address and password, or send "
            "`Authorization: Bearer <token>`. Routes of tasks and tags take a personal API token, "
            "too.",
        )

    async def __call__(  # type: ignore[override]
        self, request: HTTPConnection
    ) -> AccessToken | ApiCaller:
        """Return the verified access token of the request, or whose API token it has.

        Raises:
            NotAuthenticatedError: There is none, or it is not valid (any more).
            ForbiddenError: It is an API token, and the route or the method needs more.
        """
        given = await super().__call__(request)
        if not given:
            raise NotAuthenticatedError(
                "An access token is required: send 'Authorization: Bearer <token>'.",
                code="token-missing",
            )
        if given.startswith(PREFIX):
            return await self.look_up(request, given)
        tokens: Tokens = request.app.state.tokens
        return tokens.read_access(given)

    async def look_up(self, request: HTTPConnection, given: str) -> ApiCaller:
        """Return whose API token this is.

        Raises:
            NotAuthenticatedError: There is no such token (any more).
            ForbiddenError: It may only read, and this is a write.
        """
        database: Database = request.app.state.database
        caller = await caller_of(database, given)
        if caller.scope == "read" and request.scope["method"] not in READING:
            raise ForbiddenError(
                "This API token may only read; use one with the scope 'write'.",
                code="api-token-read-only",
            )
        return caller


class LoginBearer(Bearer):
    """The same for routes that need a login."""

    async def look_up(self, request: HTTPConnection, given: str) -> ApiCaller:
        """Refuse an API token.

        Raises:
            ForbiddenError: Always.
        """
        del request, given
        raise ForbiddenError(
            "An API token cannot manage the account; log in, and send the access token.",
            code="login-required",
        )


AccessTokenDep = Annotated[AccessToken, Depends(LoginBearer())]
"""The user and the login in the access token; costs no query. Without a valid token: 401."""

CallerDep = Annotated[AccessToken | ApiCaller, Depends(Bearer())]
"""The user of the access token, or of an API token, which costs one query."""


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
    token: CallerDep,
) -> UUID:
    """The user in the path, who must be the user of the token.

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
