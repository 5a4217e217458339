"""`/api/auth/forgot-password` and `/api/auth/reset-password`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from todo.accounts import schemas
from todo.accounts.reset import PasswordResets
from todo.accounts.routes import AddressDep
from wellhead.fastapi import problem_responses

router = APIRouter(prefix="/api/auth", tags=["Authentication"])


async def password_resets(request: Request) -> PasswordResets:
    """How the application gives out new passwords, put on its state by `create_app`."""
    found: PasswordResets = request.app.state.password_resets
    return found


ResetsDep = Annotated[PasswordResets, Depends(password_resets)]


@router.post(
    "/forgot-password",
    status_code=202,
    responses=problem_responses(400, 404, 413, 422, 429, 503, 504),
)
async def forgot_password(
    given: schemas.ForgottenPassword, resets: ResetsDep, address: AddressDep
) -> schemas.Accepted:
    """Ask for a mail with a link to a new password.

    The response is the same, and takes as long, whether the address has an account or not. 404 if
    this service sends no mail.
    """
    await resets.request(given.email, address=address)
    return schemas.Accepted(message="If the address has an account, a link is on its way to it.")


@router.post(
    "/reset-password",
    status_code=204,
    responses=problem_responses(400, 403, 413, 422, 503, 504),
)
async def reset_password(
    given: schemas.NewPassword, resets: ResetsDep, address: AddressDep
) -> None:
    """Choose a new password with the token from the mail, which works once.

    Ends every login and every API token of the account. An `Idempotency-Key` has no effect here:
    if the response was lost, log in with the new password.
    """
    await resets.reset(given.token, new=given.new_password.get_secret_value(), address=address)
