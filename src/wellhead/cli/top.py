"""``wellhead top``: the live page of a running service, in a terminal."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from wellhead.cli.colour import console
from wellhead.cli.exits import ExitCode, end, plain_errors
from wellhead.errors import SettingsError
from wellhead.settings.checked import CheckedSettings
from wellhead.settings.migrating import PREFIX


class PageToken(CheckedSettings):
    """The token, from the same variables as the service's."""

    secret_fields = ("live_page_token",)
    model_config = SettingsConfigDict(env_prefix=PREFIX)

    live_page_token: SecretStr | None = None


def top(
    context: typer.Context,
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="The service, such as http://127.0.0.1:8000; with a path, that of its live page.",
        ),
    ],
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A file with the page's token; otherwise DATABASE_LIVE_PAGE_TOKEN has it.",
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Print the figures once; so without a terminal, too.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print them once as JSON, for programs.")
    ] = False,
    interval: Annotated[
        # The service observes statements for 5 s after each look.
        float,
        typer.Option(min=0.5, max=4, help="Seconds between two looks."),
    ] = 1.0,
) -> None:
    """Show connections, holders and statements of a running service.

    Reads its live page, which sums up all of its workers. While the service is away it waits,
    and goes on when it is back. Ctrl-C ends it. Exit code 3: there is no service; 1: it does not
    show its figures.
    """
    from wellhead.cli.page_client import (  # noqa: PLC0415 - no other command needs them
        PageAddress,
        PageAwayError,
        PageClient,
        PageError,
    )
    from wellhead.cli.watching import print_once, watch  # noqa: PLC0415

    try:
        address = PageAddress.of(url)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="URL") from None
    with plain_errors():
        client = PageClient(address, _token(context.obj, token_file))
    out = console()
    try:
        if once or as_json or not out.is_terminal or out.is_dumb_terminal:
            print_once(client, out, interval=interval, as_json=as_json)
        else:
            watch(client, out, interval=interval)
    except PageError as error:
        is_away = isinstance(error, PageAwayError)
        raise end(str(error), ExitCode.TRY_LATER if is_away else ExitCode.FAILED) from None


def _token(prefix: str, file: Path | None) -> str | None:
    """The token, or None if there is none.

    Raises:
        typer.BadParameter: The file cannot be read.
        SettingsError: The variable, or the file that it names, cannot be used.
    """
    if file is None:
        found = PageToken(env_prefix=prefix).live_page_token
        token = None if found is None else found.get_secret_value()
    else:
        try:
            token = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise typer.BadParameter(f"{file}: {error}", param_hint="--token-file") from None
    if token is not None and not (token.isascii() and token.isprintable()):
        raise SettingsError("The token has characters that no HTTP header can have.")
    return token
