"""`/api/auth`: registration, logins and the account itself."""

from typing import Annotated

from fastapi import Depends, Form, HTTPException, Request, Response

from todo.accounts import deletion, password_change, profile, schemas
from todo.accounts.dependencies import AccessTokenDep
from todo.accounts.devices import device_of
from todo.accounts.models import User
from todo.accounts.service import Accounts
from todo.idempotency.dependencies import REPLAYED_HEADER, AnybodysOnceDep
from todo.web.routing import SegmentRouter
from wellhead.fastapi import problem_responses

router = SegmentRouter(prefix="/api/auth", tags=["Authentication"])

FORM = "application/x-www-form-urlencoded"
"""How OAuth 2 sends a password (RFC 6749, section 4.3.2)."""


async def accounts(request: Request) -> Accounts:
    """The application's accounts, put on its state by `create_app`."""
    found: Accounts = request.app.state.accounts
    return found


async def client_address(request: Request) -> str | None:
    """The client's address, as the server sees it.

    `X-Forwarded-For` counts only if uvicorn was told which proxies to trust
    (`--forwarded-allow-ips`): anyone can write that header.
    """
    return request.client.host if request.client else None


async def form_only(request: Request) -> None:
    """Refuse a body that says it is no form: all its fields would seem to be missing.

    Raises:
        HTTPException: It is JSON, or anything else.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"", FORM, "multipart/form-data"}:
        raise HTTPException(
            status_code=415,
            detail=f"The body is {kind:.50}; send username and password as {FORM}.",
            headers={"Accept-Post": FORM},
        )


async def client_device(request: Request) -> str | None:
    """What the client says that it is, as a short name."""
    return device_of(request.headers.get("user-agent"))


AccountsDep = Annotated[Accounts, Depends(accounts)]
AddressDep = Annotated[str | None, Depends(client_address)]
DeviceDep = Annotated[str | None, Depends(client_device)]


@router.post(
    "/register",
    status_code=201,
    response_model=schemas.AccountRead,
    responses={
        201: {
            "headers": {
                "Location": {"description": "The account.", "schema": {"type": "string"}},
                **REPLAYED_HEADER,
            }
        },
        **problem_responses(400, 403, 409, 413, 422, 429, 503, 504),
    },
)
async def register(
    new: schemas.Registration,
    accounts: AccountsDep,
    address: AddressDep,
    once: AnybodysOnceDep,
) -> Response:
    """Create an account; 403 if registration is closed, or needs an `invite`.

    Reports openly if the address already has an account (409), and limits how often one client may
    ask. Keys of all clients without a login share one namespace: generate yours at random.
    """
    new_account = await accounts.prepare(
        email=new.email,
        password=new.password.get_secret_value(),
        name=new.name,
        address=address,
        invite=new.invite,
    )

    return await once(accounts.creation, new_account, location=f"{router.prefix}/me")


@router.post(
    "/login",
    dependencies=[Depends(form_only)],
    responses=problem_responses(400, 401, 413, 415, 422, 429, 503, 504),
)
async def login(
    form: Annotated[schemas.LoginForm, Form()],
    accounts: AccountsDep,
    address: AddressDep,
    device: DeviceDep,
) -> schemas.TokenPair:
    """Log in with e-mail address and password.

    Takes a form, as OAuth 2 demands; JSON gets 415. After too many tries from one client, or at one
    account from it, further ones are refused for a while (429, `Retry-After`), even with the right
    password. So are those at one account from all clients in networks that its owner has not used.
    An `Idempotency-Key` has no effect here, as on every route whose response is a secret: a
    repetition starts one more login.
    """
    return await accounts.log_in(
        email=form.username,
        password=form.password.get_secret_value(),
        address=address,
        device=device,
    )


@router.post("/refresh", responses=problem_responses(400, 401, 413, 422, 503, 504))
async def refresh(given: schemas.Refresh, accounts: AccountsDep) -> schemas.TokenPair:
    """Exchange a refresh token for the next pair of tokens.

    For a moment (`JWT_REFRESH_GRACE_SECONDS`) an exchanged token still gives the current refresh
    token, the same to every tab, so a request whose response was lost may be sent again. If it is
    used later, its login ends (401) for every holder of a copy. An `Idempotency-Key` has no effect.
    """
    return await accounts.refresh(given.refresh_token)


@router.post("/logout", status_code=204, responses=problem_responses(401, 403, 413, 503, 504))
async def logout(token: AccessTokenDep, accounts: AccountsDep) -> None:
    """End this login: its refresh token stops working; the access token expires on its own.

    May be repeated without an `Idempotency-Key`, which has no effect here.
    """
    await accounts.log_out(token)


@router.get(
    "/me", response_model=schemas.AccountRead, responses=problem_responses(401, 403, 413, 503, 504)
)
async def read_account(token: AccessTokenDep, accounts: AccountsDep) -> User:
    """Your account, with the id that is part of the paths of your tasks and tags."""
    return await accounts.get(token.user_id)


@router.patch("/me", responses=problem_responses(400, 401, 403, 409, 413, 422, 429, 503, 504))
async def change_account(
    patch: schemas.AccountPatch,
    token: AccessTokenDep,
    accounts: AccountsDep,
    address: AddressDep,
) -> schemas.AccountRead:
    """Change your name or e-mail address: absent fields are kept, null clears the name.

    Another e-mail address needs `current_password`, and ends links to a new password that were
    mailed to the old one. Your logins and API tokens stay.
    """
    password = patch.current_password
    return await profile.change(
        accounts,
        token,
        changes=patch.changes(),
        password=None if password is None else password.get_secret_value(),
        address=address,
    )


@router.post(
    "/change-password", responses=problem_responses(400, 401, 403, 413, 422, 429, 503, 504)
)
async def change_password(
    change: schemas.PasswordChange,
    token: AccessTokenDep,
    accounts: AccountsDep,
    address: AddressDep,
    device: DeviceDep,
) -> schemas.TokenPair:
    """Change the password, end every login of the account, and start a new one.

    Personal API tokens stay; links to a new password that were mailed end.

    An `Idempotency-Key` has no effect here: if the response was lost, log in with the new
    password.
    """
    return await password_change.change(
        accounts,
        token,
        current=change.current_password.get_secret_value(),
        new=change.new_password.get_secret_value(),
        address=address,
        device=device,
    )


@router.post(
    "/delete-account",
    status_code=204,
    responses=problem_responses(400, 401, 403, 413, 422, 429, 503, 504),
)
async def delete_account(
    given: schemas.AccountDeletion,
    token: AccessTokenDep,
    accounts: AccountsDep,
    address: AddressDep,
) -> None:
    """Delete your account with all your logins, tasks and tags; this cannot be undone.

    An `Idempotency-Key` has no effect here: a repetition reports that the account is gone (401).
    """
    await deletion.delete(
        accounts, token, password=given.password.get_secret_value(), address=address
    )
