"""`todo user`: the operator's commands for accounts.

A password is typed, or read from standard input; on a command line, other users of the machine and
the shell's history would see it.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any, TypeVar

import typer

from todo.settings import Settings
from todo.terminal import CommandError, configured, duration, plain_errors
from wellhead import Database

T = TypeVar("T")

A_WEEK = timedelta(days=7)

user = typer.Typer(
    help="Add, list, delete and invite accounts; reset passwords.", no_args_is_help=True
)

Address = Annotated[str, typer.Argument(metavar="EMAIL", help="The account's e-mail address.")]


def _run(work: Callable[[Settings, Database], Awaitable[T]]) -> T:
    from todo.provisioning import provided_database  # noqa: PLC0415
    from todo.schema import migrated_database  # noqa: PLC0415 - other commands need none of it

    async def run(settings: Settings) -> T:
        async with migrated_database(settings) as database:
            return await work(settings, database)

    settings = configured()
    if not settings.debug:
        # Its output is read by people and scripts, next to which INFO says nothing new.
        root = logging.getLogger()
        root.setLevel(max(root.level, logging.WARNING))
    with provided_database(settings):
        return asyncio.run(run(settings))


@user.command()
def add(
    email: Address,
    name: Annotated[str | None, typer.Option(help="The name of its owner.")] = None,
) -> None:
    """Create an account.

    Its password is typed, or read from standard input.
    """
    from todo.accounts.administration import add_account  # noqa: PLC0415
    from todo.accounts.schemas import Registration  # noqa: PLC0415
    from todo.main import passwords_of  # noqa: PLC0415

    async def run(settings: Settings, database: Database) -> None:
        user_id = await add_account(
            database,
            passwords_of(settings),
            email=new.email,
            password=new.password.get_secret_value(),
            name=new.name,
        )
        typer.echo(f"Added {new.email} with the id {user_id}.")

    with plain_errors():
        new = _checked(Registration, {"email": email, "password": _password(), "name": name})
        _run(run)


@user.command("list")
def list_accounts(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List all accounts, oldest first.

    Shows id, day of registration, address and name.
    """
    from todo.accounts.administration import all_accounts  # noqa: PLC0415

    async def run(settings: Settings, database: Database) -> None:
        del settings
        async for account in all_accounts(database):
            if as_json:
                typer.echo(json.dumps(asdict(account), default=str, ensure_ascii=False))
            else:
                day = account.created_at.date()
                name = "" if account.name is None else f"  {account.name}"
                typer.echo(f"{account.id}  {day}  {account.email}{name}")

    with plain_errors():
        _run(run)


@user.command()
def reset_password(email: Address) -> None:
    """Give an account a new password, and end its logins.

    Its API tokens and mailed links end, too.
    """
    from todo.accounts.administration import find_account, set_password  # noqa: PLC0415
    from todo.accounts.schemas import Password  # noqa: PLC0415
    from todo.main import passwords_of  # noqa: PLC0415

    async def run(settings: Settings, database: Database) -> None:
        account = _known(await find_account(database, email), email)
        password = _checked(Password, _password()).get_secret_value()
        await set_password(database, passwords_of(settings), account, password)
        typer.echo(f"{account.email} has a new password, and its logins have ended.")

    with plain_errors():
        _run(run)


@user.command()
def delete(
    email: Address,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete an account with all its tasks and tags.

    This cannot be undone.
    """
    from todo.accounts.administration import delete_account, find_account  # noqa: PLC0415

    async def run(settings: Settings, database: Database) -> None:
        del settings
        account = _known(await find_account(database, email), email)
        if not yes:
            typer.confirm(f"Delete {account.email} with all its tasks and tags?", abort=True)
        await delete_account(database, account)
        typer.echo(f"Deleted {account.email}.")

    with plain_errors():
        _run(run)


@user.command()
def invite(
    email: Annotated[
        str | None, typer.Option(help="The only address that may register with it.")
    ] = None,
    expires_in: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="How long it works, such as 12h; 7d by default.",
        ),
    ] = None,
) -> None:
    """Make an invite for one registration, and print it."""
    from todo.accounts import invites  # noqa: PLC0415
    from todo.accounts.schemas import Email  # noqa: PLC0415

    async def run(settings: Settings, database: Database) -> None:
        text = await invites.invite(database, email=only_for, lifetime=expires_in or A_WEEK)
        typer.echo(text)
        if settings.public_url is not None:
            typer.echo(f"{settings.public_url}/#invite={text}")
        if settings.registration != "invite":
            typer.echo(
                f"REGISTRATION is {settings.registration}, so it is of no use now.", err=True
            )

    with plain_errors():
        only_for = None if email is None else _checked(Email, email)
        _run(run)


def _known(account: T | None, email: str) -> T:
    if account is None:
        raise CommandError(f"No account has the address {email.encode(errors='replace').decode()}.")
    return account


def _checked(kind: Any, value: object) -> Any:
    """A value that a client could send, too.

    Raises:
        CommandError: It could not.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415

    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        faults = (": ".join([*map(str, each["loc"]), each["msg"]]) for each in error.errors())
        raise CommandError("; ".join(faults)) from None


def _password() -> str:
    if sys.stdin.isatty():
        typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")
