"""`/api/auth/logins` and `/api/auth/tokens`: what opens the account, listed and ended."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query, Request, Response

from todo.accounts import api_tokens, logins
from todo.accounts.access_schemas import (
    ApiTokenCreate,
    ApiTokenCreated,
    ApiTokenList,
    ApiTokenRead,
    LoginPage,
    LoginQuery,
    LoginRead,
    login_cursor,
)
from todo.accounts.dependencies import AccessTokenDep
from todo.database import database_of
from todo.models import utc_now
from todo.paging import LINK_HEADER, page_response
from todo.web.routing import SegmentRouter
from wellhead.fastapi import problem_responses

LoginId = Annotated[UUID, Path(description="The login's id.")]
TokenId = Annotated[UUID, Path(description="The API token's id.")]

_ENDED: dict[int | str, dict[str, Any]] = problem_responses(401, 403, 404, 413, 422, 503, 504)

logins_router = SegmentRouter(prefix="/api/auth/logins", tags=["Authentication"])
tokens_router = SegmentRouter(prefix="/api/auth/tokens", tags=["Authentication"])


@logins_router.get(
    "",
    response_model=LoginPage,
    responses={200: {"headers": LINK_HEADER}, **problem_responses(401, 403, 413, 422, 503, 504)},
)
async def list_logins(
    token: AccessTokenDep, query: Annotated[LoginQuery, Query()], request: Request
) -> Response:
    """List the logins of your account, newest first: where each began, and when it was used."""
    found, end = await logins.page(
        database_of(request), owner_id=token.user_id, after=query.after, limit=query.limit
    )
    shown = (LoginRead.of(login, current=token.login_id).model_dump_json() for login in found)
    return page_response(request, shown, login_cursor(end))


@logins_router.delete("/{login_id}", status_code=204, responses=_ENDED)
async def end_login(login_id: LoginId, token: AccessTokenDep, request: Request) -> None:
    """End a login: its refresh token stops working; its access token expires on its own."""
    await logins.end(database_of(request), owner_id=token.user_id, login_id=login_id)


@tokens_router.get(
    "", response_model=ApiTokenList, responses=problem_responses(401, 403, 413, 503, 504)
)
async def list_api_tokens(token: AccessTokenDep, request: Request) -> ApiTokenList:
    """List your personal API tokens, newest first; their secrets are not shown again."""
    found = await api_tokens.list_all(database_of(request), owner_id=token.user_id)
    return ApiTokenList(items=[ApiTokenRead.model_validate(each) for each in found])


@tokens_router.post(
    "", status_code=201, responses=problem_responses(400, 401, 403, 409, 413, 422, 503, 504)
)
async def create_api_token(
    new: ApiTokenCreate, token: AccessTokenDep, request: Request
) -> ApiTokenCreated:
    """Create a personal API token, for a program that works with your tasks and tags.

    An `Idempotency-Key` has no effect here: if the response was lost, revoke the token, and create
    another one.
    """
    days = new.expires_in_days
    made, secret = await api_tokens.create(
        database_of(request),
        owner_id=token.user_id,
        name=new.name,
        scope=new.scope,
        expires_at=None if days is None else utc_now() + timedelta(days=days),
    )
    shown = ApiTokenRead.model_validate(made)
    return ApiTokenCreated(**shown.model_dump(), token=secret)


@tokens_router.delete("/{token_id}", status_code=204, responses=_ENDED)
async def revoke_api_token(token_id: TokenId, token: AccessTokenDep, request: Request) -> None:
    """Revoke a personal API token: the next request with it is refused."""
    await api_tokens.revoke(database_of(request), owner_id=token.user_id, token_id=token_id)
